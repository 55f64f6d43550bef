package seal_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/seal"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func newKey(t *testing.T) seal.PrivateKey {
	t.Helper()
	key, err := seal.NewKey()
	require.NoError(t, err)
	return key
}

func sealed(t *testing.T, key seal.PrivateKey, of seal.Record) string {
	t.Helper()
	text, err := key.Public().Seal(secret, of)
	require.NoError(t, err)
	return text
}

var hook = seal.Record{Purpose: "signing key", Instance: "north", Owner: "acme"}

func TestWhatIsSealedOpens(t *testing.T) {
	t.Parallel()
	key, next := newKey(t), newKey(t)
	text := sealed(t, key, hook)
	require.NotContains(t, text, secret)
	require.NotContains(t, text, base64.RawURLEncoding.EncodeToString([]byte(secret)))
	require.NotEqual(t, text, sealed(t, key, hook), "each time is another")
	require.True(t, seal.IsSealed(text))
	id, err := seal.KeyID(text)
	require.NoError(t, err)
	require.Equal(t, key.ID(), id)
	for _, ring := range []seal.Ring{{key}, {next, key}, {key, next}} {
		got, err := ring.Open(text, hook)
		require.NoError(t, err)
		require.Equal(t, secret, got)
	}
}

// TestNothingElseOpens: another record, another key, and a text of which one bit is
// another.
func TestNothingElseOpens(t *testing.T) {
	t.Parallel()
	key, other := newKey(t), newKey(t)
	text := sealed(t, key, hook)
	for name, of := range map[string]seal.Record{
		"another instance":      {Purpose: hook.Purpose, Instance: "south", Owner: hook.Owner},
		"another organization":  {Purpose: hook.Purpose, Instance: hook.Instance, Owner: "other"},
		"no organization":       {Purpose: hook.Purpose, Instance: hook.Instance},
		"another purpose":       {Purpose: "header", Instance: hook.Instance, Owner: hook.Owner},
		"parts that run over":   {Purpose: hook.Purpose, Instance: "nort", Owner: "hacme"},
		"parts with its length": {Purpose: hook.Purpose, Instance: "north 4:acme", Owner: ""},
	} {
		_, err := seal.Ring{key}.Open(text, of)
		require.ErrorIs(t, err, seal.ErrNotOpened, name)
	}
	_, err := seal.Ring{other}.Open(text, hook)
	var unknown *seal.UnknownKey
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, key.ID(), unknown.ID)
	_, err = seal.Ring{other}.Open(strings.Replace(text, key.ID(), other.ID(), 1), hook)
	require.ErrorIs(t, err, seal.ErrNotOpened)
	before, last, _ := strings.Cut(text, key.ID()+":")
	raw, err := base64.RawURLEncoding.DecodeString(last)
	require.NoError(t, err)
	for n := range len(raw) * 8 {
		flipped := append([]byte(nil), raw...)
		flipped[n/8] ^= 1 << (n % 8)
		_, err := seal.Ring{key}.Open(before+key.ID()+":"+base64.RawURLEncoding.EncodeToString(flipped), hook)
		require.Error(t, err, "bit %d", n)
	}
}

func TestTextsThatAreNotSealed(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	for _, text := range []string{"", secret, "sealed:", "sealed:1:" + key.ID(), "sealed:1:" + key.ID() + ":", "sealed:2:" + key.ID() + ":AAAA",
		"sealed:1:short:AAAA", "sealed:1:" + key.ID() + ":*", "sealed:1:" + key.ID() + ":AAAA:AAAA", "sealed:1:" + key.ID() + ":AAAA"} {
		_, err := seal.Ring{key}.Open(text, hook)
		require.Error(t, err, text)
	}
	_, err := seal.KeyID(strings.Replace(sealed(t, key, hook), "sealed:1:", "sealed:2:", 1))
	require.ErrorContains(t, err, "a form that this version does not know")
}

func TestKeysAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	private, err := key.Text()
	require.NoError(t, err)
	public := key.Public().Text()
	require.NotContains(t, public, strings.Split(private, ":")[4])
	again, err := seal.ReadPrivate("# of the workers\n\n" + private + "\n")
	require.NoError(t, err)
	half, err := seal.ReadPublic(public + "\n")
	require.NoError(t, err)
	require.Equal(t, key.ID(), half.ID())
	text, err := half.Seal(secret, hook)
	require.NoError(t, err)
	got, err := seal.Ring{again}.Open(text, hook)
	require.NoError(t, err)
	require.Equal(t, secret, got)
}

// TestFilesThatAreNoKey are told from each other, and nothing of them is shown.
func TestFilesThatAreNoKey(t *testing.T) {
	t.Parallel()
	key, other := newKey(t), newKey(t)
	private, err := key.Text()
	require.NoError(t, err)
	for text, want := range map[string]string{
		"":                       `this is no private key that seals secrets: "callout auth init" makes one`,
		secret:                   `this is no private key`,
		key.Public().Text():      "the key is the other half: a private one is needed",
		private + "\n" + private: "more than one key",
		strings.Replace(private, ":1:", ":2:", 1):                 "a form that this version does not know",
		strings.Replace(private, key.ID(), other.ID(), 1):         "the key is broken",
		private[:len(private)-1]:                                  "the key is broken",
		private[:len(private)-43] + strings.Repeat("A", 42) + "*": "the key is broken",
	} {
		_, err := seal.ReadPrivate(text)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), strings.Split(private, ":")[4])
	}
	_, err = seal.ReadPublic(private)
	require.ErrorContains(t, err, "the key is the other half: a public one is needed")
	_, err = seal.ReadPublic(strings.Replace(key.Public().Text(), key.ID(), other.ID(), 1))
	require.ErrorContains(t, err, "the key is broken")
}

func FuzzOpen(f *testing.F) {
	key, err := seal.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	text, err := key.Public().Seal(secret, hook)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{text, "", "sealed:1:0123456789abcdef:AAAA", secret} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		if _, err := (seal.Ring{key}).Open(given, hook); err == nil && given != text {
			t.Error("opened what was not sealed", given)
		}
	})
}

func FuzzReadKey(f *testing.F) {
	key, err := seal.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	private, err := key.Text()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{private, key.Public().Text(), "", "callout-key:1:private:0123456789abcdef:AAAA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := seal.ReadPrivate(text); err == nil {
			again, err := k.Text()
			if err != nil || !strings.Contains(text, again) {
				t.Error("another key is written than was read", err)
			}
		}
		if k, err := seal.ReadPublic(text); err == nil && !strings.Contains(text, k.Text()) {
			t.Error("another key is written than was read")
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	key, err := seal.NewKey()
	if err != nil {
		b.Fatal(err)
	}
	text, err := key.Public().Seal(secret, hook)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := (seal.Ring{key}).Open(text, hook); err != nil {
			b.Fatal(err)
		}
	}
}
