package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/sign"
)

const keyed = `
targets:
  audit: {type: webhook, url: https://a.example/audit}
  elsewhere: {type: webhook, url: https://a.example/e, signing_key: {file: audit.key}}
orgs:
  acme co: {targets: {audit: {type: webhook, url: https://a.example/crm}}}
`

// keysDir is a directory with the key that a configuration above names.
func keysDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "audit.key"), []byte(sign.NewKey()), 0o600))
	return dir
}

// keysIn reads a file of keys: each by the target that it is of.
func keysIn(t *testing.T, path string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "nobody else reads it")
	keys := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		cut := strings.LastIndexByte(line, ' ')
		key := strings.TrimSpace(line[cut:])
		require.NoError(t, sign.CheckKey(key))
		keys[line[:cut]] = key
	}
	return keys
}

// TestTargetKey tells where a key comes from and never the key; a new one is shown
// once, where somebody asks for it.
func TestTargetKey(t *testing.T) {
	t.Parallel()
	_, callout := unconfigured(t, "--keys-dir", keysDir(t))
	require.Zero(t, callout(keyed, "apply", "-f", "-").code)
	for _, args := range [][]string{{"audit"}, {"acme co:audit"}, {"elsewhere"}, {"audit", "-o", "json"}} {
		got := callout("", append([]string{"target", "key"}, args...)...)
		require.Zero(t, got.code, got.err)
		require.NotContains(t, got.out, "whsec_")
	}
	require.Contains(t, callout("", "target", "key", "elsewhere").out, "comes from the file ")
	require.Contains(t, callout("", "target", "key", "acme co:audit").out, `callout target key rotate "acme co:audit" --show-once`)

	// Nobody would have the key: nothing is rotated.
	got := callout("", "target", "key", "rotate", "audit")
	require.Equal(t, []any{2, ""}, []any{got.code, got.out})
	require.Contains(t, got.err, "--show-once")

	shown := regexp.MustCompile(`^target audit has a new signing key, which is shown this once: (whsec_\S+)\n(one before it signs on beside it until (\S+)\n)+$`)
	first := callout("", "target", "key", "rotate", "audit", "--show-once")
	require.Regexp(t, shown, first.out)
	until, err := time.Parse(time.RFC3339Nano, shown.FindStringSubmatch(first.out)[3])
	require.NoError(t, err)
	require.WithinRange(t, until, time.Now().Add(23*time.Hour), time.Now().Add(24*time.Hour))
	second := callout("", "target", "key", "rotate", "audit", "--show-once", "--overlap", "1h")
	require.Regexp(t, shown, second.out)
	require.NotEqual(t, shown.FindStringSubmatch(first.out)[1], shown.FindStringSubmatch(second.out)[1])
	require.Regexp(t, `^target audit has a new signing key, which is shown this once: whsec_\S+\nno other key signs any more\n$`,
		callout("", "target", "key", "rotate", "audit", "--show-once", "--overlap", "0s").out)

	out := filepath.Join(t.TempDir(), "keys")
	require.Equal(t, result{0, "target acme co:audit has a new signing key; it is in " + out + "\nno other key signs any more\n", ""},
		callout("", "target", "key", "rotate", "acme co:audit", "--keys-out", out, "--overlap", "0s"))
	require.Len(t, keysIn(t, out), 1)
	require.Contains(t, keysIn(t, out), "acme co:audit")

	was := keysIn(t, out)
	for _, tt := range []struct {
		code int
		args []string
		says string
	}{
		{1, []string{"elsewhere", "--show-once"}, "of the dispatcher: put a new one there and apply the configuration again"},
		{1, []string{"nobody", "--show-once"}, "nobody"},
		{1, []string{"audit", "--keys-out", out}, "there is such a file already"},
		{2, []string{"audit", "--keys-out", out + "2", "--show-once"}, "give one of them"},
		{2, []string{"audit", "--show-once", "--overlap", "721h"}, "0s to 720h"},
		{2, []string{"audit", "--show-once", "--overlap", "-1s"}, "0s to 720h"},
		{2, nil, "takes the NAME of one target"},
	} {
		got := callout("", append([]string{"target", "key", "rotate"}, tt.args...)...)
		require.Equal(t, tt.code, got.code, "%v", tt.args)
		require.Contains(t, got.err, tt.says)
		require.NotContains(t, got.out+got.err, "whsec_")
	}
	require.Equal(t, was, keysIn(t, out), "a file that was there is not touched")
	require.NoFileExists(t, out+"2")
}

// TestApplyKeysOut: the keys that an apply makes are in the file, once, and on no
// pipe.
func TestApplyKeysOut(t *testing.T) {
	t.Parallel()
	p, callout := unconfigured(t, "--keys-dir", keysDir(t))
	text, out := keyed, filepath.Join(t.TempDir(), "keys")
	got := callout(text, "apply", "-f", "-", "--keys-out", out, "-o", "json")
	require.Zero(t, got.code, got.err)
	require.NotContains(t, got.out+got.err, "whsec_")
	keys := keysIn(t, out)
	require.Len(t, keys, 2)
	require.NotEqual(t, keys["audit"], keys["acme co:audit"])
	require.Equal(t, 1, callout(text, "apply", "-f", "-", "--keys-out", out).code)
	require.Equal(t, keys, keysIn(t, out))
	require.Zero(t, callout(text, "apply", "-f", "-", "--keys-out", out+"2").code)
	require.NoFileExists(t, out+"2", "nothing was made")
	require.Equal(t, 2, callout(text, "apply", "-f", "-", "--keys-out", out+"2", "--dry-run").code)
	require.Equal(t, 1, callout("targets: 7", "apply", "-f", "-", "--keys-out", out+"2").code)
	require.NoFileExists(t, out+"2", "nothing was made")
	require.NotContains(t, p.log.String(), "whsec_", "no log has a key")
}

// TestDevKeysOut: what a followed file makes is in the file, also later.
func TestDevKeysOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "callout.yaml"), filepath.Join(dir, "keys")
	require.NoError(t, os.WriteFile(file, []byte("targets: {a: {type: webhook, url: https://a.example/a}}\n"), 0o600))
	p := start(t, "callout", nil, "dev", "-f", file, "--data", "", "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0", "--keys-out", out)
	require.Len(t, keysIn(t, out), 1)
	require.NoError(t, os.WriteFile(file, []byte("targets: {a: {type: webhook, url: https://a.example/a}, b: {type: webhook, url: https://a.example/b}}\n"), 0o600))
	require.Eventually(t, func() bool { return len(keysIn(t, out)) == 2 }, bound, lookAgain)
	require.NotContains(t, p.log.String(), "whsec_")
}
