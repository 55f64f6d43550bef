package callout

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzScanObject: what is taken is what encoding/json takes for an object in UTF-8, and the members are the same.
func FuzzScanObject(f *testing.F) {
	for _, seed := range []string{`{}`, ` {"a":1,"b":[true,false,null],"c":{"d":"\u00e9\n"}} `, `{"a":-0.5e+10}`, `{"a":01}`, `{"a":1}{}`, `{"a" 1}`, `{"a":"` + "\x01" + `"}`, `{"\u0061":1,"a":2}`,
		`[1]`, ``, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{"a":"\x"}`, `{"a":"\u12g4"}`, `{"a":tru}`, `{"a":.5}`, `{"a":5.}`, `{"a":1e}`, `{"a":-}`, "\ufeff{}", "{\"a\":\"\xff\"}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		members, err := scanObject(text)
		trimmed := bytes.TrimLeft(text, " \t\r\n")
		want := json.Valid(text) && utf8.Valid(text) && len(trimmed) > 0 && trimmed[0] == '{'
		if want && bytes.Count(text, []byte("{"))+bytes.Count(text, []byte("[")) > maxDepth {
			return // it may be too deep
		}
		if (err == nil) != want {
			t.Fatalf("%q: %v, want %t", text, err, want)
		}
		if err != nil {
			return
		}
		var same map[string]json.RawMessage
		if err := json.Unmarshal(text, &same); err != nil {
			t.Fatal(err)
		}
		for _, m := range members {
			if _, there := same[string(m.name)]; !there {
				t.Fatalf("%q: %q is no member", text, m.name)
			}
		}
		m := Message{members: members}
		for name, value := range same {
			if !bytes.Equal(m.member(name), value) {
				t.Fatalf("%q: %s is %q, not %q", text, name, m.member(name), value)
			}
		}
	})
}

// TestPlain: each byte, at each place of a text that is looked at in words of eight, and behind each other byte.
func TestPlain(t *testing.T) {
	for at := range 24 {
		for c := range 256 {
			for _, before := range []byte{'x', 0x21, 0x7f, 0x80, 0xa2, 0xff} {
				text := bytes.Repeat([]byte{before}, at)
				text = append(append(text, byte(c)), "xxxxxxxxx"...)
				want := len(text)
				if c < ' ' || c == '"' || c == '\\' {
					want = at
				}
				if got := plain(text); got != want {
					t.Fatalf("%q: %d, not %d", text, got, want)
				}
			}
		}
	}
}

// TestDepth: 128 deep, the outermost object counted.
func TestDepth(t *testing.T) {
	deep := func(n int) []byte {
		return []byte(strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1))
	}
	if _, err := scanObject(deep(128)); err != nil {
		t.Error(err)
	}
	if _, err := scanObject(deep(129)); err == nil {
		t.Error("129 deep is taken")
	}
}
