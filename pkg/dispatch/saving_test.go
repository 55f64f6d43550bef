package dispatch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/dispatch"
)

// pieceGap is how long a writer pauses in the middle of what it does.
const pieceGap = 50 * time.Millisecond

// savings are ways of saving a text under a path.
var savings = map[string]func(t *testing.T, path, text string){
	"truncated, then written": func(t *testing.T, path, text string) {
		overwrite(t, path, "")
		<-time.After(pieceGap)
		overwrite(t, path, text)
	},
	"written beside, then renamed": rewrite,
	"copied in pieces": func(t *testing.T, path, text string) {
		overwrite(t, path, "")
		for line := range strings.Lines(text) {
			extend(t, path, line)
		}
	},
	"an editor that keeps the old one": func(t *testing.T, path, text string) {
		require.NoError(t, os.Rename(path, path+"~"))
		overwrite(t, path, text)
	},
	"a link takes its place": func(t *testing.T, path, text string) {
		overwrite(t, path+".2", text)
		require.NoError(t, os.RemoveAll(path+".link"))
		require.NoError(t, os.Symlink(filepath.Base(path)+".2", path+".link"))
		require.NoError(t, os.Rename(path+".link", path))
	},
	"touched": func(t *testing.T, path, text string) {
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Now()))
		overwrite(t, path, text)
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Now()))
	},
	"closed to others": func(t *testing.T, path, text string) {
		require.NoError(t, os.Chmod(path, 0o200))
		<-time.After(pieceGap)
		overwrite(t, path, text)
		require.NoError(t, os.Chmod(path, 0o600))
	},
	"deleted, then made": func(t *testing.T, path, text string) {
		require.NoError(t, os.Remove(path))
		<-time.After(pieceGap)
		overwrite(t, path, text)
	},
	"appended in two steps": func(t *testing.T, path, text string) {
		half := strings.Index(text, "events:")
		overwrite(t, path, text[:half])
		<-time.After(pieceGap)
		extend(t, path, text[half:])
	},
	"its folder takes a place": func(t *testing.T, path, text string) {
		dir := filepath.Dir(path)
		require.NoError(t, os.RemoveAll(dir+".old"))
		require.NoError(t, os.MkdirAll(dir+".new", 0o700))
		overwrite(t, filepath.Join(dir+".new", filepath.Base(path)), text)
		require.NoError(t, os.Rename(dir, dir+".old"))
		require.NoError(t, os.Rename(dir+".new", dir))
	},
}

func overwrite(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func extend(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// savedText is a whole configuration, of which a half is one too: what calls the
// targets stands last.
func (of tenant) savedText(r *receiver, n int) string {
	text := fmt.Sprintf("instance: %q\ntargets:\n", of.id)
	for _, name := range []string{"x", "y", "z"} {
		text += fmt.Sprintf("  %s: {type: webhook, url: %q, labels: {saved: \"%d\"}}\n", name, r.url(of.id, name), n)
	}
	return text + "events:\n  user.added: {targets: [{target: x}, {target: z}]}\n  user.removed: {targets: [{target: y}]}\n"
}

// TestTenWaysToSaveWhileEventsFlow saves a followed file in each way that is
// known, in two instances at once: no event is lost, no target is another one
// afterwards, and what was paused is.
func TestTenWaysToSaveWhileEventsFlow(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.patient()
	f.worker(f.bus())
	both(t, f, func(t *testing.T, of tenant) {
		i, p := d.Instance(of.id), f.publisher()
		b := p.bus.Instance(of.id)
		path := filepath.Join(t.TempDir(), "dir", "callout.yaml")
		require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
		overwrite(t, path, of.savedText(r, 0))
		follow(t, d, path)
		require.NoError(t, i.PauseTarget(within(t, 20*time.Second), "", "z", "by hand"))
		require.NoError(t, i.PauseSubscription(within(t, 20*time.Second), "user.removed/y", dispatch.AllLanes))
		names := []string{"x", "y", "z"}
		was := map[string]known{}
		for _, name := range names {
			was[name] = of.known(t, d, b, name)
		}
		require.True(t, was["y"].stands && was["z"].paused)

		n := 0
		for way, save := range savings {
			n++
			stop, flowed := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(flowed)
				for e := 0; ; e++ {
					select {
					case <-stop:
						return
					case <-time.After(5 * time.Millisecond):
						p.publish(t, of.id, "", []string{"user.added", "user.removed"}[e%2], []string{"u", "v", "w"}[e%3])
					}
				}
			}()
			save(t, path, of.savedText(r, n))
			require.Eventually(t, func() bool {
				x, there := d.at(t, of.id).Scopes[""].Targets["x"]
				return there && x.Labels["saved"] == fmt.Sprint(n)
			}, time.Minute, 5*time.Millisecond, way)
			close(stop)
			<-flowed
			for _, name := range names {
				require.Equal(t, was[name], of.known(t, d, b, name), "%s: %s", way, name)
			}
		}
		_, err := i.ResumeTarget(within(t, 20*time.Second), "", "z")
		require.NoError(t, err)
		require.NoError(t, i.ResumeSubscription(within(t, 20*time.Second), "user.removed/y", dispatch.AllLanes))
		f.settled(t, of.id)
		require.Zero(t, f.account(t, r, of.id, p.events))
		for _, name := range names {
			require.NotEmpty(t, r.got(pathOf(of.id, name)))
		}
	})
}
