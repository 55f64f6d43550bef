package bus

import (
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// FuzzReadDeparted reads the keys and values under which secrets and pauses lie:
// they are refused, or are those of a target.
func FuzzReadDeparted(f *testing.F) {
	for _, key := range []string{"default.=.departed.tgt_1.hook", "default.paused.=.hook", "a.b", "", "....", "=.=.departed.=.=", "default.=FF.departed.a.=2E"} {
		f.Add(key, []byte(`{"key":"whsec_x","left":"2026-01-01T00:00:00Z"}`))
	}
	f.Fuzz(func(t *testing.T, key string, raw []byte) {
		_, _ = PauseOf(strings.Split(key, "."))
		instance, d, err := readDeparted(Value{Key: key, Bytes: raw})
		if err != nil {
			return
		}
		i := Instance{ID: instance, Token: strings.Split(key, ".")[0]}
		require.Equal(t, key, i.keyOf(d), "one target has one key")
	})
}

// FuzzCheckMessage: a message of a form that is not known is never read.
func FuzzCheckMessage(f *testing.F) {
	for _, format := range []string{"", "1", "2", "-1", "01", "99999999999999999999", "x"} {
		f.Add(format)
	}
	f.Fuzz(func(t *testing.T, format string) {
		if err := CheckMessage(nats.Header{headerFormat: {format}}); err != nil {
			require.Contains(t, []action.Code{action.CodeNewer, action.CodeMalformed, ""}, action.CodeOf(err))
			return
		}
		n, err := strconv.Atoi(format)
		require.True(t, format == "" || err == nil && n <= action.Format, "%q", format)
	})
}

// FuzzReadTargetSecrets: what is read is written as it was, or as what is read the same.
func FuzzReadTargetSecrets(f *testing.F) {
	const sealed = "v1.abcdefghijkl.AAAA"
	for _, text := range []string{"", "whsec_x", sealed, "{}", `{"keys":[{"key":"a"}],"format":1}`, `{"keys":[{"key":"` + sealed + `","id":"1"}],"format":2}`,
		`{"keys":[{"key":"a"},{"key":"b","until":"2026-01-01T00:00:00Z"}],"headers":{"X":"y"},"format":3}`, `{"keys":[],"format":9}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ReadTargetSecrets(text)
		if err != nil {
			require.True(t, len(text) < 20 || !strings.Contains(err.Error(), text), "no part of a secret is told")
			return
		}
		again, err := s.Text()
		require.NoError(t, err)
		same, err := ReadTargetSecrets(again)
		require.NoError(t, err, "%q from %q", again, text)
		once, err := same.Text()
		require.NoError(t, err)
		require.Equal(t, again, once)
	})
}

// FuzzReadKeys reads the entries of keys of instances and targets, and of named secrets:
// they are refused, or within their bounds.
func FuzzReadKeys(f *testing.F) {
	for _, key := range []string{"default", "default.own.kid", "default.targets.tgt_1", "default.=.named.partner", "=.=", "a.b.c.d.e", "=FF"} {
		for _, raw := range []string{"", "{}", "[", `{"keys":[]}`, `{"key":"a"}`, `{"value":"x"}`, `{"format":9}`, `{"keys":[{"kid":"a","algorithm":"ed25519","x":"AA"}]}`} {
			f.Add(key, []byte(raw))
		}
	}
	f.Fuzz(func(t *testing.T, key string, raw []byte) {
		if _, s, err := readNamed(Value{Key: key, Bytes: raw}); err == nil && raw != nil {
			require.NoError(t, checkSecret(s.Value))
		}
		e, err := readKeyEntry(Value{Key: key, Bytes: raw})
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(e.Own), action.MaxOwnKeys)
		require.LessOrEqual(t, len(e.Public), action.MaxPublicKeys)
		for _, k := range e.Public {
			require.NotEmpty(t, k.ID)
		}
	})
}
