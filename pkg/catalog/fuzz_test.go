package catalog

import (
	"bytes"
	"compress/flate"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// FuzzDecodeDeclaration: what is taken can be stored, and is read the same again.
func FuzzDecodeDeclaration(f *testing.F) {
	for _, raw := range []string{`{}`, `{"core":"c","methods":["/s.S/M"],"functions":["f"],"event_types":["user.added"]}`, `{"core":"c","format":9}`, `[]`, `{"Core":"c"}`, `null`, `{"core":"c"}{}`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := DecodeDeclaration(raw)
		if err != nil {
			require.Contains(t, []action.Code{action.CodeMalformed, action.CodeBadField, action.CodeTooLarge, action.CodeNewer}, action.CodeOf(err))
			return
		}
		again, err := d.Encode()
		require.NoError(t, err)
		back, err := DecodeDeclaration(again)
		require.NoError(t, err)
		require.Equal(t, d.Core, back.Core)
		require.Equal(t, len(d.Methods)+len(d.Functions)+len(d.EventTypes), len(back.Methods)+len(back.Functions)+len(back.EventTypes))
	})
}

// FuzzReadChunk reads stored values of every kind: they are refused, or are what
// their name says.
func FuzzReadChunk(f *testing.F) {
	for _, raw := range []string{``, `[]`, `{}`, `[{"target":{"name":"a"}}]`, `[{"org":"o","execution":{"match":"*"}}]`, `null`, `[null]`, `[{}]`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var packed bytes.Buffer
		w, err := flate.NewWriter(&packed, flate.BestSpeed)
		require.NoError(t, err)
		_, _ = w.Write(raw)
		require.NoError(t, w.Close())
		if c, err := ReadChunk(hashOf(raw), packed.Bytes()); err == nil {
			_ = c.Again()
		}
		if c, err := ReadConditionChunk(hashOf(raw), packed.Bytes()); err == nil {
			CompileFilter(AssembleConditions("default", 1, []*ConditionChunk{c}))
		}
		_, err = ReadChunk("another", packed.Bytes())
		require.Error(t, err)
		_, _ = ReadChunk(hashOf(raw), raw) // not deflated
	})
}

// FuzzCheckURL: a URL that is taken has a scheme, a host, and nobody's password.
func FuzzCheckURL(f *testing.F) {
	for _, text := range []string{"https://a.example", "http://[::1]:8080/x?y", "https://u:p@h", "//h", "https:", "https://h#f", "https://%zz", "HTTPS://h", "https://h:99999", "https://h\n", "https://\xff", "https://h/\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if checkURL(text) != "" {
			return
		}
		u, err := url.Parse(text)
		require.NoError(t, err)
		require.Contains(t, []string{"http", "https"}, u.Scheme)
		require.NotEmpty(t, u.Hostname())
		require.Nil(t, u.User)
		require.Empty(t, u.Fragment)
		require.NotRegexp(t, `[\x00-\x20\x7f]`, text)
	})
}
