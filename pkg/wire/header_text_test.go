package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

func TestHeaderText(t *testing.T) {
	for id, want := range map[string]string{
		"org-1":                  "org-1",
		"a=b;c,d/e":              "a=b;c,d/e",
		"acme corp":              "acme%20corp",
		"100%":                   "100%25",
		"Zürich":                 "Z%C3%BCrich",
		strings.Repeat("é", 100): strings.Repeat("%C3%A9", 100),
	} {
		text := HeaderText(id)
		require.Equal(t, want, text)
		require.LessOrEqual(t, len(text), action.MaxToken)
		back, ok := ReadHeaderText(text)
		require.True(t, ok, id)
		require.Equal(t, id, back)
	}
}

// TestHeaderTextOfOthers: a plain NATS publisher writes what it likes. What is no
// id is none, and never becomes a header.
func TestHeaderTextOfOthers(t *testing.T) {
	for _, text := range []string{"", "a\tb", "a\r\nX: y", "\xff", "\x7f", "%", "%2", "%zz", "%0A", "%FF", "a%", strings.Repeat("a", action.MaxID+1), strings.Repeat("%20", 201)} {
		_, ok := ReadHeaderText(text)
		require.False(t, ok, "%q", text)
	}
	for text, want := range map[string]string{"%c3%bc": "ü", "a%3Ab": "a:b", "ü": "ü", "a b": "a b"} { // the encoders of other languages
		id, ok := ReadHeaderText(text)
		require.True(t, ok, text)
		require.Equal(t, want, id)
	}
}

// FuzzReadHeaderText: what is read is an id, and the same when it is written.
func FuzzReadHeaderText(f *testing.F) {
	for _, s := range []string{"", "a", "a%20b", "%C3%BC", "%", "%zz", " ", "%00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := ReadHeaderText(text)
		if !ok {
			return
		}
		require.NoError(t, action.CheckID(id))
		back, ok := ReadHeaderText(HeaderText(id))
		require.True(t, ok)
		require.Equal(t, id, back)
	})
}
