package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

// requireSound: what is found sound is what the strict decoder accepts, with the same
// members at the same places.
func requireSound(t require.TestingT, raw []byte) {
	if sound(raw) {
		require.NoError(t, checkStrictly(raw), "%q", raw)
		require.True(t, jsontext.Value(raw).IsValid(), "%q", raw)
	}
	if members, ok := soundList(nil, raw); ok {
		strict, err := listStrictly(nil, raw)
		require.NoError(t, err, "%q", raw)
		require.Equal(t, strict, members, "%q", raw)
	}
}

// usual are texts that must be found sound: they are what calls are made of.
var usual = []string{
	`{}`, `[]`, ` { } `, `null`, `true`, `false`, `0`, `-0`, `-1.5e+10`, `10E3`, `"a"`, `""`, "\"Z\u00fcrich \U0001F600\"", `"a\n\"\\\/\b\f\r\tAé퟿"`,
	`{"a":1, "b" : [ 1 , "x", {"c":{}} ] ,"":""}`, "\t{\"a\"\r\n:\n[true,false,null]}\n", "{\"\u00fc\":1,\"ue\":2}",
	`{"fullMethod":"/a.S/M","instanceID":"default","orgID":"acme","request":{"username":"ada","pad":"` + strings.Repeat("x", 1000) + `"}}`,
}

// unsound are texts that are none, or that only the strict decoder tells.
var unsound = []string{
	``, ` `, `{`, `}`, `[`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `[1,]`, `[,]`, `[1 2]`, `{"a" 1}`, `{"a":1 "b":2}`, `{a:1}`, `{1:1}`, `{}{}`, `[]x`, `nul`, `nulll`, `truefalse`, `tru`,
	`01`, `-`, `1.`, `.5`, `1e`, `1e+`, `+1`, `-01`, `--1`, `NaN`, `0x1`, `"`, `"a`, `"\`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\ud83d\ude00"`, `"\ud800"`, `"\uDC00"`,
	"\"\n\"", "\"\x00\"", "\"1234567\x1f\"", "\"\xff\"", "\"1234567\xc3\"", "\"\xed\xa0\x80\"", "\"\xc0\xaf\"", "\ufeff{}", "{\"a\":\"\x7f\x1f\"}",
	`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"b":{"a":1,"a":2}}`, `{"":1,"":2}`,
	strings.Repeat("[", soundDepth+1) + strings.Repeat("]", soundDepth+1), strings.Repeat(`{"a":`, soundDepth+1) + "1" + strings.Repeat("}", soundDepth+1),
}

func TestSound(t *testing.T) {
	for _, text := range usual {
		require.True(t, sound([]byte(text)), text)
		requireSound(t, []byte(text))
		_, ok := soundList(nil, []byte(text))
		require.Equal(t, strings.HasPrefix(strings.TrimSpace(text), "{"), ok, text)
	}
	for _, text := range unsound {
		require.False(t, sound([]byte(text)), text)
		for cut := range len(text) {
			requireSound(t, []byte(text[:cut]))
			requireSound(t, []byte(text[cut:]))
		}
	}
	deepest := strings.Repeat("[", soundDepth) + strings.Repeat("]", soundDepth)
	require.True(t, sound([]byte(deepest)))
	require.LessOrEqual(t, soundDepth, action.MaxDepth)
	for n, want := range map[int]bool{soundMembers: true, soundMembers + 1: false} {
		var all []string
		for k := range n {
			all = append(all, fmt.Sprintf(`"m%d":%d`, k, k))
		}
		text := []byte("{" + strings.Join(all, ",") + "}")
		require.Equal(t, want, sound(text), n)
		requireSound(t, text)
		members, err := Members(text)
		require.NoError(t, err)
		require.Len(t, members, n)
	}
}

// TestStopsAtEachByte: wherever in eight bytes one stands with which a text does not
// simply go on, it is seen, and every other is passed.
func TestStopsAtEachByte(t *testing.T) {
	for at := range 20 {
		for c := range 256 {
			text := []byte(`"` + strings.Repeat("~", 20) + `"`)
			text[1+at] = byte(c)
			require.Equal(t, checkStrictly(text) == nil, sound(text), "%q", text)
		}
	}
}

// TestSoundIsStrict: texts of JSON with a byte or two that do not belong there.
func TestSoundIsStrict(t *testing.T) {
	pieces := rapid.SampledFrom([]string{"{", "}", "[", "]", ":", ",", `"`, `"a"`, `"b"`, `\`, `\u`, "00", "d8", "1", "-", ".", "e", "true", "null", " ", "\n", "\x00", "\xc3", "\xbc", "ü", "1234567"})
	rapid.Check(t, func(t *rapid.T) {
		requireSound(t, []byte(strings.Join(rapid.SliceOfN(pieces, 0, 12).Draw(t, "pieces"), "")))
		text := []byte(rapid.SampledFrom(usual).Draw(t, "text"))
		for range rapid.IntRange(1, 2).Draw(t, "changes") {
			if len(text) > 0 {
				text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
			}
		}
		requireSound(t, text)
	})
}

// FuzzSound: nothing is found sound that the strict decoder refuses.
func FuzzSound(f *testing.F) {
	for _, text := range append(append([]string{}, usual...), unsound...) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { requireSound(t, raw) })
}
