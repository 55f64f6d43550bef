//go:build unix

package dispatch_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/sign"
)

// TestAKeyFileThatIsNone: a path that leads to a device, a pipe or too much is
// refused at once, whichever way the edit came, and the next edit goes through.
func TestAKeyFileThatIsNone(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		i := d.Instance(of.id)
		dir := t.TempDir()
		pipe, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "large")
		require.NoError(t, syscall.Mkfifo(pipe, 0o600))
		require.NoError(t, os.WriteFile(large, []byte(strings.Repeat(" ", 1<<20)+sign.NewKey()), 0o600))
		for _, path := range []string{pipe, large, dir, "/dev/ptmx", "/dev/zero", "/dev/tty", filepath.Join(dir, "nothing")} {
			bad := hook("bad", "https://a.example")
			bad.SigningKey = action.KeySource{File: path}
			_, err := i.Apply(within(t, 20*time.Second), catalog.Empty(of.id).WithTarget("", bad))
			code(t, action.CodeBadField, err)
			_, _, err = i.Edit(within(t, 20*time.Second), "test", func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
				return current.WithTarget("", bad), nil
			})
			code(t, action.CodeBadField, err)
			_, _, err = i.Edit(within(t, 20*time.Second), "test", func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
				good := hook("good", "https://a.example")
				good.Labels = map[string]string{"after": filepath.Base(path)}
				return current.WithTarget("", good), nil
			})
			require.NoError(t, err, path)
		}
	})
}

// TestAKeyFileIsReadWithoutTheLock: an edit that names one is given up, and made
// anew when it is read. So what the file holds between the two is what counts.
func TestAKeyFileIsReadWithoutTheLock(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	dir := t.TempDir()
	d := f.dispatcherWith(f.bus(), dispatch.Options{KeysDir: dir})
	both(t, f, func(t *testing.T, of tenant) {
		i := d.Instance(of.id)
		file, link := filepath.Join(dir, "key of "+of.id), "link of "+of.id
		require.NoError(t, os.Symlink(filepath.Base(file), filepath.Join(dir, link)))
		keys := []string{sign.NewKey(), sign.NewKey()}
		asked := 0
		before, after, err := i.Edit(within(t, 20*time.Second), "test", func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
			require.NoError(t, os.WriteFile(file, []byte(keys[asked]+"\n"), 0o600))
			asked++
			given := hook("given", "https://a.example")
			given.SigningKey = action.KeySource{File: link}
			return current.WithTarget("", given), nil
		})
		require.NoError(t, err)
		require.Equal(t, []uint64{0, 1, 2}, []uint64{before, after, uint64(asked)})
		got, err := i.SigningKey(within(t, 10*time.Second), "", "given")
		require.NoError(t, err)
		require.Equal(t, keys[0], got)
	})
}
