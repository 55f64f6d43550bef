package dispatch_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// sentFrom is a target, of the instance or of an organization, with a header from
// somewhere.
func sentFrom(org, url string, from action.SecretSource) func(*catalog.Snapshot) (*catalog.Snapshot, error) {
	return func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
		t := hook("sent", url)
		t.HeaderSources = map[string]action.SecretSource{"X-Key": from}
		return current.WithTarget(org, t), nil
	}
}

// headerKept is the value that is kept of the header.
func headerKept(t *testing.T, id string, b *bus.Bus, org string) string {
	t.Helper()
	s, _, err := b.Instance(id).TargetSecrets(within(t, 10*time.Second), org, "sent")
	require.NoError(t, err)
	require.NotEmpty(t, s.Keys)
	return s.Headers["X-Key"]
}

func refusedFor(t *testing.T, err error, field, says string) {
	t.Helper()
	code(t, action.CodeBadField, err)
	require.Equal(t, field, action.AsError(err, "").Field)
	require.Contains(t, action.AsError(err, "").Message, says)
}

// TestAHeaderOverTheAPIIsOneOfThoseOffered, by flags of their own: what is offered to
// sign with is not to be sent. A dry run tells the same.
func TestAHeaderOverTheAPIIsOneOfThoseOffered(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	for _, path := range []string{filepath.Join(dir, "key"), filepath.Join(outside, "key")} {
		require.NoError(t, os.WriteFile(path, []byte(" the value \r\n"), 0o600))
	}
	require.NoError(t, os.Symlink(filepath.Join(outside, "key"), filepath.Join(dir, "link")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	t.Setenv("HOOK_A", "of a variable")
	t.Setenv("OTHER", "of another")
	f := newFleet(t)
	offering := f.dispatcherWith(f.bus(), dispatch.Options{HeadersDir: dir, HeaderEnv: "HOOK_"})
	offersNothing := f.dispatcherWith(f.bus(), dispatch.Options{KeysDir: dir, KeyEnv: "HOOK_"}) // but to sign with
	both(t, f, func(t *testing.T, of tenant) {
		for _, org := range []string{"", "acme"} {
			i := offering.Instance(of.id)
			for from, want := range map[action.SecretSource]string{{File: "key"}: "the value", {Env: "HOOK_A"}: "of a variable"} {
				_, _, err := i.Edit(within(t, 20*time.Second), "api", sentFrom(org, "https://a.example", from))
				require.NoError(t, err)
				require.Equal(t, want, headerKept(t, of.id, f.bus(), org))
			}
			at := "targets.sent.headers.X-Key"
			if org != "" {
				at = "orgs.acme." + at
			}
			for from, field := range map[action.SecretSource]string{{File: "../key"}: at + ".file", {File: filepath.Join(outside, "key")}: at + ".file", {Env: "OTHER"}: at + ".env",
				{File: "link"}: at, {File: "folder"}: at, {File: "none"}: at, {Env: "HOOK_NONE"}: at} {
				_, _, err := i.Edit(within(t, 20*time.Second), "api", sentFrom(org, "https://a.example", from))
				refusedFor(t, err, field, "")
				_, _, dry := i.DryRun(within(t, 20*time.Second), sentFrom(org, "https://a.example", from))
				require.Equal(t, err.Error(), dry.Error())
				require.NotContains(t, err.Error(), "the value of a")
			}
			_, _, err := offersNothing.Instance(of.id).Edit(within(t, 20*time.Second), "api", sentFrom(org, "https://b.example", action.SecretSource{Env: "HOOK_A"}))
			refusedFor(t, err, at+".env", "--header-env")
			// It goes when nothing names it.
			_, _, err = i.Edit(within(t, 20*time.Second), "api", func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
				return current.WithTarget(org, hook("sent", "https://a.example")), nil
			})
			require.NoError(t, err)
			require.Empty(t, headerKept(t, of.id, f.bus(), org))
		}
	})
}

// TestAHeaderOfTheOperatorsFile may come from anywhere, and nobody who changes the
// target's URL over the API is sent it. A secret that is not set keeps the file from
// nothing.
func TestAHeaderOfTheOperatorsFile(t *testing.T) {
	f := newFleet(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		i, path := d.Instance(of.id), filepath.Join(t.TempDir(), "key")
		require.NoError(t, os.WriteFile(path, []byte("the value\n"), 0o600))
		owned, err := sentFrom("", "https://a.example", action.SecretSource{File: path})(catalog.Empty(of.id))
		require.NoError(t, err)
		named := hook("named", "https://a.example")
		named.HeaderSources = map[string]action.SecretSource{"X-Key": {Secret: "none"}}
		owned = owned.WithTarget("", named)
		_, err = i.ApplyFile(within(t, 20*time.Second), "callout.yaml", owned)
		require.NoError(t, err)
		require.Equal(t, "the value", headerKept(t, of.id, f.bus(), ""))
		require.NoError(t, os.WriteFile(path, []byte("another value\n"), 0o600))
		_, err = i.ApplyFile(within(t, 20*time.Second), "callout.yaml", owned)
		require.NoError(t, err)
		require.Equal(t, "another value", headerKept(t, of.id, f.bus(), ""))
		_, _, err = i.Edit(within(t, 20*time.Second), "api UpdateTarget", sentFrom("", "https://mine.example", action.SecretSource{File: path}))
		refusedFor(t, err, "targets.sent.headers.X-Key.file", "--headers-dir")
		_, _, err = i.Edit(within(t, 20*time.Second), "api UpdateTarget", func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
			t := current.Scopes[""].Targets["named"]
			t.URL = "https://b.example"
			return current.WithTarget("", t), nil
		})
		refusedFor(t, err, "targets.named.headers.X-Key.secret", `the instance has no secret "none": set it first, by callout secret set`)
		_, _, err = i.SetSecret(within(t, 20*time.Second), "", "none", "now it is", "me")
		require.NoError(t, err)
	})
}

// TestARotationLeavesHeaders, and a target that gets another name takes them along,
// opened by nobody.
func TestARotationLeavesHeaders(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "key"), []byte("the value\n"), 0o600))
	f := newFleet(t)
	d := f.dispatcherWith(f.bus(), dispatch.Options{HeadersDir: dir})
	both(t, f, func(t *testing.T, of tenant) {
		i := d.Instance(of.id)
		_, _, err := i.Edit(within(t, 20*time.Second), "api", sentFrom("", "https://a.example", action.SecretSource{File: "key"}))
		require.NoError(t, err)
		before, err := i.SigningKey(within(t, 10*time.Second), "", "sent")
		require.NoError(t, err)
		keys, err := i.RotateKey(within(t, 20*time.Second), "", "sent", time.Hour)
		require.NoError(t, err)
		require.Equal(t, before, keys[1].Key)
		require.Equal(t, "the value", headerKept(t, of.id, f.bus(), ""))
		_, _, err = i.Edit(within(t, 20*time.Second), "api", sentFrom("", "https://b.example", action.SecretSource{File: "key"}))
		require.NoError(t, err)
		again, err := i.SigningKey(within(t, 10*time.Second), "", "sent")
		require.NoError(t, err)
		require.Equal(t, keys[0].Key, again, "a key that is made stays where headers are read")
	})
}

// TestSecretsThatAreLostComeBack with their bucket, from what a dispatcher remembers.
func TestSecretsThatAreLostComeBack(t *testing.T) {
	f := newFleet(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		i := d.Instance(of.id)
		_, _, err := i.Edit(within(t, 20*time.Second), "api", func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
			return current.WithTarget("", hook("a", "https://a.example")), nil
		})
		require.NoError(t, err)
		_, _, err = i.SetSecret(within(t, 20*time.Second), "acme", "partner", "the value of "+of.id, "me")
		require.NoError(t, err)
	})
	b := f.bus()
	kept := uint64(len(f.keysOf(t, bus.BucketSecrets)))
	require.EqualValues(t, 4, kept)
	require.Eventually(t, func() bool { return d.Looked(bus.BucketStream(bus.BucketSecrets)).Messages == kept }, time.Minute, 10*time.Millisecond)
	require.NoError(t, f.js.DeleteStream(within(t, 10*time.Second), bus.BucketStream(bus.BucketSecrets)))
	both(t, f, func(t *testing.T, of tenant) {
		require.Eventually(t, func() bool {
			s, ok, err := b.Instance(of.id).NamedSecret(within(t, 10*time.Second), "acme", "partner")
			return err == nil && ok && s.Value == "the value of "+of.id && s.By == "me"
		}, time.Minute, 20*time.Millisecond)
	})
}
