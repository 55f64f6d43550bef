package callout

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

type inner struct {
	A string `json:"a"`
	B *int   `json:"b,omitempty"`
}

type shouted string

func (s *shouted) UnmarshalText(text []byte) error { *s = shouted(text) + "!"; return nil }

// plainly has fields that are read here, and beside them those that are left to json.Unmarshal.
type plainly struct {
	Text    string
	Named   string `json:"na-me.d,omitempty"`
	Dash    string `json:"-,"` //nolint:staticcheck // its name is a dash
	Out     string `json:"-"`
	hidden  string
	Flag    bool
	Small   int8
	Whole   int64 `json:"kelvin"`
	Count   uint8
	Ratio   float64
	Raw     json.RawMessage
	Number  json.Number
	Time    time.Time
	Shouted shouted
	Deep    inner `json:"deep"`
	Pointer *inner
	List    []inner
	Table   map[string]inner
	Any     any
	DEEP2   struct{ Text, TEXT string }
}

var _ = plainly{hidden: "it is no member, whatever a body says"}

type embeds struct {
	inner
	Text string
}

type quoted struct {
	N int `json:"n,string"`
}

type twice struct {
	X string
	Y string `json:"X"` // it is named, and X is not
}

// same reads a text by a reader and by json.Unmarshal, which have to agree.
func same[T any](t *testing.T, text []byte) {
	t.Helper()
	var ours, theirs T
	err := readerOf[T]().read(text, &ours)
	want := json.Unmarshal(text, &theirs)
	if (err == nil) != (want == nil) || err != nil && err.Error() != want.Error() || !reflect.DeepEqual(ours, theirs) {
		t.Fatalf("%s as %T is\n%+v, %v, not\n%+v, %v", text, ours, ours, err, theirs, want)
	}
}

// FuzzReader: what is read is what encoding/json reads, or fails as it does.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { "Text" : "a" , "x":{"Text":[1,"}"]} } `, `{"text":"a","TEXT":"b","tExt":"\u00e9\ud800"}`, `{"na-me.d":"a","NA-ME.D":"b","-":"c","Out":"d","hidden":"e"}`,
		`{"\u0054ext":"escaped","Te\u0078t":1}`, `{"Flag":true,"flag":false}`, `{"Flag":null,"Text":null,"Small":null,"Deep":null,"Raw":null,"Any":null}`, `{"Flag":1}`, `{"Flag":"true"}`,
		`{"Small":127,"Count":255,"kelvin":-9223372036854775808}`, `{"Small":128}`, `{"Small":-0}`, `{"Count":-1}`, `{"Small":1e1}`, `{"Small":1.0}`, `{"Small":"1"}`, `{"Ratio":1e400}`, `{"Ratio":-0.5}`,
		"{\"\u212aelvin\":7}", "{\"ra\u0077\":1}", "{\"li\u017ft\":[]}", `{"Raw": [ 1 , 2 ] ,"Number":12.50}`, `{"Number":"x"}`, `{"Number":"1"}`, `{"Time":"2026-01-02T03:04:05Z"}`, `{"Time":7}`,
		`{"Shouted":"hey"}`, `{"Shouted":7}`, `{"deep":{"a":"x","b":1},"DEEP":{"b":2}}`, `{"deep":[]}`, `{"deep":"x"}`, `{"deep":{"a":7}}`, `{"Pointer":{"a":"x"},"pointer":{"b":1}}`, `{"Pointer":null}`,
		`{"List":[{"a":"x"},{"b":2}],"list":[{}]}`, `{"Table":{"k":{"a":"x"}},"table":{"l":{}}}`, `{"Any":{"a":[1,null]},"any":2}`, `{"DEEP2":{"text":"x","TEXT":"y","Text":"z"},"deep2":{"text":"w"}}`,
		`{"inner":{"a":"x"},"a":"y","b":3}`, `{"n":"12"}`, `{"n":12}`, `{"X":"which"}`, `{"":1}`, `{"Text":"` + "\u2028" + `"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := scanObject(text); err != nil {
			return // nobody reads it
		}
		same[plainly](t, text)
		same[embeds](t, text)
		same[quoted](t, text)
		same[twice](t, text)
		same[map[string]any](t, text)
		same[string](t, text)
	})
}

// TestScalars of every kind, which stand as members of a body by themselves.
func TestScalars(t *testing.T) {
	for _, text := range []string{`null`, `true`, `"text"`, `"\u00e9"`, `""`, `7`, `-1`, `1.5`, `[1]`, `{}`} {
		same[string](t, []byte(text))
		same[bool](t, []byte(text))
		same[int](t, []byte(text))
		same[uint64](t, []byte(text))
		same[plainly](t, []byte(text))
		same[*plainly](t, []byte(text))
		same[any](t, []byte(text))
		same[time.Time](t, []byte(text))
		same[map[string][]string](t, []byte(text))
	}
	var raw json.RawMessage
	if err := readerOf[json.RawMessage]().read([]byte(`[1]`), &raw); err != nil || string(raw) != "[1]" {
		t.Error(string(raw), err)
	}
	var own struct{ Raw json.RawMessage }
	text := []byte(`{"Raw":[1]}`)
	if err := readerOf[struct{ Raw json.RawMessage }]().read(text, &own); err != nil || string(own.Raw) != "[1]" {
		t.Error(string(own.Raw), err)
	}
	if copy(text, "              "); string(own.Raw) != "[1]" {
		t.Error("a field shares the memory of the body")
	}
	left := "as it is"
	if err := readerOf[string]().read(nil, &left); err != nil || left != "as it is" {
		t.Error(left, err)
	}
}
