//go:build unix

package follow_test

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/follow"
)

// TestOnce reads regular files alone, at the end of any links, and waits for
// nothing.
func TestOnce(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(at("full"), []byte(strings.Repeat("x", 100)), 0o600))
	require.NoError(t, os.WriteFile(at("over"), []byte(strings.Repeat("x", 101)), 0o600))
	require.NoError(t, os.WriteFile(at("empty"), nil, 0o600))
	require.NoError(t, os.Mkdir(at("folder"), 0o700))
	require.NoError(t, syscall.Mkfifo(at("pipe"), 0o600))
	socket, err := net.Listen("unix", at("socket"))
	require.NoError(t, err)
	defer socket.Close()
	for link, to := range map[string]string{"link": "full", "links": "link", "to pipe": "pipe", "to zero": "/dev/zero", "to nothing": "nothing", "loop": "loop"} {
		require.NoError(t, os.Symlink(to, at(link)))
	}
	for name, want := range map[string]string{"full": strings.Repeat("x", 100), "empty": "", "link": strings.Repeat("x", 100), "links": strings.Repeat("x", 100)} {
		got, err := follow.Once(at(name), 100)
		require.NoError(t, err, name)
		require.Equal(t, want, string(got), name)
	}
	for path, want := range map[string]error{
		at("over"): follow.ErrTooLarge, at("folder"): syscall.EISDIR, at("nothing"): fs.ErrNotExist, at("to nothing"): fs.ErrNotExist, at("loop"): syscall.ELOOP,
		at("pipe"): follow.ErrNotRegular, at("socket"): follow.ErrNotRegular, at("to pipe"): follow.ErrNotRegular, at("to zero"): follow.ErrNotRegular,
		"/dev/zero": follow.ErrNotRegular, "/dev/ptmx": follow.ErrNotRegular, "/dev/tty": follow.ErrNotRegular, "/dev/null": follow.ErrNotRegular,
	} {
		got, err := follow.Once(path, 100)
		require.ErrorIs(t, err, want, path)
		require.Empty(t, got, path)
		var of *fs.PathError
		require.ErrorAs(t, err, &of)
		require.Equal(t, path, of.Path)
	}
}
