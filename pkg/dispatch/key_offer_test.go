package dispatch_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/sign"
)

// signedBy is a target, of the instance or of an organization, with its key from
// somewhere.
func signedBy(org string, from action.KeySource) func(*catalog.Snapshot) (*catalog.Snapshot, error) {
	return func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
		t := hook("signed", "https://a.example")
		t.SigningKey = from
		return current.WithTarget(org, t), nil
	}
}

// TestAKeyOverTheAPIIsOneOfThoseOffered: an edit names files within the directory
// and variables under the prefix that the operator gave, a dry run tells the same,
// and what lies outside is refused in the same words whether it is there or not.
func TestAKeyOverTheAPIIsOneOfThoseOffered(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write := func(path string) string {
		key := sign.NewKey()
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(key), 0o600))
		return key
	}
	within1, deeper := write(filepath.Join(dir, "key")), write(filepath.Join(dir, "deep", "er"))
	write(filepath.Join(outside, "secret"))
	for name, to := range map[string]string{"inside": "deep/er", "absolute": filepath.Join(outside, "secret"), "away": "../" + filepath.Base(outside) + "/secret", "nowhere": "/nothing/here"} {
		require.NoError(t, os.Symlink(to, filepath.Join(dir, name)))
	}
	offered := sign.NewKey()
	t.Setenv("OFFERED_KEY", offered)
	t.Setenv("OTHER_KEY", sign.NewKey())
	f := newFleet(t)
	without, with := f.dispatcher(), f.dispatcherWith(f.bus(), dispatch.Options{KeysDir: dir, KeyEnv: "OFFERED_"})
	both(t, f, func(t *testing.T, of tenant) {
		for _, org := range []string{"", "acme"} {
			field := map[string]string{"": "targets.signed.signing_key.", "acme": "orgs.acme.targets.signed.signing_key."}[org]
			for from, want := range map[action.KeySource]string{
				{File: "key"}: within1, {File: "deep/er"}: deeper, {File: "./deep/../key"}: within1, {File: "inside"}: deeper, {Env: "OFFERED_KEY"}: offered,
			} {
				i := with.Instance(of.id)
				_, _, err := without.Instance(of.id).DryRun(within(t, 20*time.Second), signedBy(org, from))
				refusedAs(t, err, field, "started without --key")
				_, _, err = i.Edit(within(t, 20*time.Second), "test", signedBy(org, from))
				require.NoError(t, err, from)
				got, err := i.SigningKey(within(t, 10*time.Second), org, "signed")
				require.NoError(t, err)
				require.Equal(t, want, got, from)
			}
			for _, c := range []struct {
				what, flag string
				pair       [2]action.KeySource // there, and not there
			}{
				{"file", "--keys-dir", [2]action.KeySource{{File: filepath.Join(outside, "secret")}, {File: filepath.Join(outside, "nothing")}}},
				{"file", "--keys-dir", [2]action.KeySource{{File: filepath.Join(dir, "key")}, {File: filepath.Join(dir, "nothing")}}},
				{"file", "--keys-dir", [2]action.KeySource{{File: "../" + filepath.Base(outside) + "/secret"}, {File: "../nothing"}}},
				{"file", "--keys-dir", [2]action.KeySource{{File: "deep/../../" + filepath.Base(outside) + "/secret"}, {File: "deep/../../nothing"}}},
				{"env", "--key-env", [2]action.KeySource{{Env: "OTHER_KEY"}, {Env: "NO_SUCH_KEY"}}},
				{"env", "--key-env", [2]action.KeySource{{Env: "PATH"}, {Env: "OFFERE"}}},
				{"", "", [2]action.KeySource{{File: "absolute"}, {File: "nowhere"}}},
				{"", "", [2]action.KeySource{{File: "away"}, {File: "nowhere"}}},
			} {
				var said [2]string
				for n, from := range c.pair {
					for _, d := range []*running{with, without} {
						_, _, err := d.Instance(of.id).Edit(within(t, 20*time.Second), "test", signedBy(org, from))
						_, _, dry := d.Instance(of.id).DryRun(within(t, 20*time.Second), signedBy(org, from))
						require.Equal(t, action.AsError(err, "").Message, action.AsError(dry, "").Message)
						if c.flag != "" {
							refusedAs(t, err, field+c.what, c.flag)
						} else {
							code(t, action.CodeBadField, err)
						}
						said[n] += action.AsError(err, "").Message
					}
				}
				require.Equal(t, said[0], said[1], c.pair)
				require.NotContains(t, said[0], outside)
			}
		}
	})
}

func refusedAs(t *testing.T, err error, field, says string) {
	t.Helper()
	code(t, action.CodeBadField, err)
	require.Contains(t, action.AsError(err, "").Field, field)
	require.Contains(t, action.AsError(err, "").Message, says)
	require.Contains(t, action.AsError(err, "").Message, "leave signing_key out")
}

// TestAFileOfTheOperatorsNamesAnyKey, as what he starts the dispatcher with. Others
// may edit beside it, and apply what they were given: what the file owns keeps its
// key. Nobody takes it over, by an edit or by going back, when it is followed no more.
func TestAFileOfTheOperatorsNamesAnyKey(t *testing.T) {
	f := newFleet(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		i, path := d.Instance(of.id), filepath.Join(t.TempDir(), "key")
		key := sign.NewKey()
		require.NoError(t, os.WriteFile(path, []byte(key), 0o600))
		from := action.KeySource{File: path}
		owned, err := signedBy("", from)(catalog.Empty(of.id))
		require.NoError(t, err)
		first, err := i.ApplyFile(within(t, 20*time.Second), "callout.yaml", owned)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, []byte(sign.NewKey()), 0o600))
		_, _, _, err = i.EditMakingKeys(within(t, 20*time.Second), "apply", owned, func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
			return current.WithTarget("acme", hook("beside", "https://a.example")), nil
		})
		require.NoError(t, err)
		got, err := i.SigningKey(within(t, 10*time.Second), "", "signed")
		require.NoError(t, err)
		require.Equal(t, key, got, "nothing is read for who may not name it")

		_, _, err = i.Edit(within(t, 20*time.Second), "api UpdateTarget", func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
			changed := current.Scopes[""].Targets["signed"]
			changed.URL = "https://b.example"
			return current.WithTarget("", changed), nil
		})
		refusedAs(t, err, "targets.signed.signing_key.file", "--keys-dir")
		_, _, err = i.Edit(within(t, 20*time.Second), "api DeleteTarget", func(*catalog.Snapshot) (*catalog.Snapshot, error) { return catalog.Empty(of.id), nil })
		require.NoError(t, err)
		_, _, err = i.Edit(within(t, 20*time.Second), "rollback to 1", func(*catalog.Snapshot) (*catalog.Snapshot, error) {
			return i.CatalogAt(within(t, 10*time.Second), first)
		})
		refusedAs(t, err, "targets.signed.signing_key.file", "--keys-dir")
		require.NotContains(t, strings.ToLower(err.Error()), path)
	})
}

// TestAStoredKeyIsReadAgainWhereItMayBeNamed: keys are lost, and nobody remembers
// them. That of a file's target is read again where the file says; one that a client
// of the API had named, which an earlier version took from anywhere, is not.
func TestAStoredKeyIsReadAgainWhereItMayBeNamed(t *testing.T) {
	f := newFleet(t)
	d := f.dispatcher()
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte(sign.NewKey()), 0o600))
	for _, id := range instances {
		files, apis := hook("of the file", "https://a.example"), hook("of the api", "https://a.example")
		files.SigningKey, apis.SigningKey = action.KeySource{File: path}, action.KeySource{File: path}
		_, err := d.Instance(id).Apply(within(t, 20*time.Second), catalog.Empty(id).WithTarget("", apis))
		require.NoError(t, err)
		_, err = d.Instance(id).ApplyFile(within(t, 20*time.Second), "callout.yaml", catalog.Empty(id).WithTarget("", files))
		require.NoError(t, err)
	}
	require.NoError(t, d.Stop(within(t, 10*time.Second)))
	require.NoError(t, f.js.DeleteKeyValue(within(t, 5*time.Second), bus.BucketSecrets))
	next := f.dispatcher()
	for _, id := range instances {
		require.NoError(t, f.js.DeleteStream(within(t, 5*time.Second), f.bus().Instance(id).Dead), "so that the instance is healed")
		require.Eventually(t, func() bool {
			_, err := next.Instance(id).SigningKey(within(t, 10*time.Second), "", "of the file")
			return err == nil
		}, 20*time.Second, 10*time.Millisecond)
		_, err := next.Instance(id).SigningKey(within(t, 10*time.Second), "", "of the api")
		require.Error(t, err)
	}
	require.Contains(t, next.log.String(), "started without --keys-dir")
}
