package action_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// FuzzParseCondition: what is a condition may stand in subjects, lists and logs.
func FuzzParseCondition(f *testing.F) {
	for _, text := range []string{"*", "/acme.S/M", "acme.S", "user.*", "user.added", "create_id_token", "", ".*", "*.*", "/", "//", "a..b", "user.>", "\xff", "/a.S/M\n"} {
		for phase := range uint8(4) {
			f.Add(text, phase)
		}
	}
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		c, err := action.ParseCondition(action.Phases[which%4], text)
		if err != nil {
			return
		}
		require.Equal(t, text, c.Match)
		require.Contains(t, []action.Level{action.LevelAll, action.LevelGroup, action.LevelExact}, c.Level())
		require.NotContains(t, text, ">")
		if c.Phase != action.Function {
			require.NotRegexp(t, `[\x00- \x7f]`, text)
		}
		require.Equal(t, text, strings.ToValidUTF8(text, ""))
	})
}

// FuzzShownText: nothing that stands before an @ behind :// is shown, whatever a
// password is made of.
func FuzzShownText(f *testing.F) {
	for _, text := range []string{"nats://user:secret@host:4222", "a nats://secret@h,nats://secret@i b", "://secret@", "x@y", "nats://a/secret@b", "http://h/?q=secret@x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		shown := action.ShownText(text)
		require.LessOrEqual(t, len(shown), len(text))
		for url := range strings.FieldsFuncSeq(shown, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n' }) {
			if _, behind, found := strings.Cut(url, "://"); found {
				require.NotContains(t, behind, "@", "%q of %q", shown, text)
			}
		}
		if !strings.ContainsAny(text, " \t\r\n") && !strings.Contains(text, "://") && !(strings.Contains(text, "@") && strings.Contains(text, ",")) { // which may be a list
			require.Equal(t, "to nats://host:4222, then", action.ShownText("to nats://user:"+text+"@host:4222, then"))
		}
	})
}

// FuzzParsePrefix: what is taken is the range that is written, and no other.
func FuzzParsePrefix(f *testing.F) {
	for _, text := range []string{"10.0.0.0/8", "1.2.3.4/0", "::/0", "fe80::1%eth0", "::ffff:1.2.3.4/96", "010.0.0.1", "1.2.3.4/", "/8", "0x7f.1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := action.ParsePrefix(text)
		if err != nil || action.CheckPrefix(p) != nil {
			return
		}
		require.Equal(t, p, p.Masked())
		again, err := action.ParsePrefix(p.String())
		require.NoError(t, err)
		require.Equal(t, p, again)
		if !strings.Contains(text, "/") {
			require.Equal(t, netip.MustParseAddr(text), p.Addr())
			require.True(t, p.IsSingleIP())
		}
	})
}

// FuzzReadAuthorities: what is read is certificates alone, and is read the same again.
func FuzzReadAuthorities(f *testing.F) {
	f.Add("")
	f.Add("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	f.Add("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	f.Add("text\n-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := action.ReadAuthorities(text)
		if err != nil {
			return
		}
		require.NotEmpty(t, all)
		require.LessOrEqual(t, len(text), action.MaxAuthorities)
		again, err := action.ReadAuthorities(action.PEM(all))
		require.NoError(t, err)
		require.Len(t, again, len(all))
	})
}

// FuzzReadBundle reads what somebody sets as a secret: whatever is read has a key, and
// where it has certificates the first is the key's.
func FuzzReadBundle(f *testing.F) {
	const key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n"
	for _, seed := range []string{key, key + key, "", "-----BEGIN ", "-----BEGIN EC PARAMETERS-----\nBgA=\n-----END EC PARAMETERS-----\n" + key,
		"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n" + key, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := action.ReadBundle(text)
		if err != nil {
			return
		}
		if id.Key == nil || action.KeySum(id.Key.Public()) == "" {
			t.Fatal("read without a key")
		}
		if len(id.Chain) > 0 && action.KeySum(id.Chain[0].PublicKey) != action.KeySum(id.Key.Public()) {
			t.Fatal("the certificate is another key's")
		}
	})
}
