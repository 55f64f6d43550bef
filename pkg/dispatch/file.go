package dispatch

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// BadFile is the error of a configuration file with mistakes.
type BadFile struct{ Problems []catalog.Problem }

func (e *BadFile) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// LoadFile reads a configuration file. The error is a *BadFile with all
// mistakes, or that of the file system; warnings come back beside a good
// catalog.
func LoadFile(path string) (*catalog.Snapshot, []catalog.Problem, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	s, problems := catalog.Parse(path, raw)
	if s == nil {
		return nil, problems, &BadFile{Problems: problems}
	}
	return s, problems, nil
}

// settleFile is how long a file must have been left alone before it is read:
// editors write in several steps.
const settleFile = 50 * time.Millisecond

// reloadAgain is how soon a good file is tried again that could not be applied.
const reloadAgain = time.Second

// FollowFile applies a file again whenever it changes, until ctx ends. A
// broken file is reported and the last good catalog stays in force; so does
// the instance: a file that names another one is refused. Meanwhile what the
// file owns changes by the file only, whichever dispatcher is asked.
func (d *Dispatcher) FollowFile(ctx context.Context, path, instance string) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	// The directory is watched, not the file: editors and mounted
	// configuration replace the file.
	if err := watcher.Add(filepath.Dir(path)); err != nil {
		_ = watcher.Close() // the first error is the one to tell
		return err
	}
	keep, err := d.bus.KeepFollowed(ctx, instance, filepath.Base(path))
	if err != nil {
		_ = watcher.Close() // the first error is the one to tell
		return err
	}
	d.ended.Go(keep)
	d.ended.Go(func() {
		defer func() { _ = watcher.Close() }() // nothing is lost with a watcher
		d.followFile(ctx, watcher, path, instance)
	})
	return nil
}

func (d *Dispatcher) followFile(ctx context.Context, watcher *fsnotify.Watcher, path, instance string) {
	last, _ := os.ReadFile(path) // unreadable counts as changed later
	settled := time.NewTimer(time.Hour)
	defer settled.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-watcher.Errors:
			d.log.Warn().Err(err).Str("file", path).Msg("file watch reported an error")
		case _, open := <-watcher.Events:
			if !open {
				return
			}
			settled.Reset(settleFile)
		case <-settled.C:
			raw, err := os.ReadFile(path)
			if err == nil && string(raw) == string(last) {
				continue
			}
			last = raw
			if !d.reload(ctx, path, instance) {
				last = nil // it is looked at again, changed or not
				settled.Reset(reloadAgain)
			}
		}
	}
}

// reload tells false when the file is good but could not be applied for a
// fault of ours, such as a bus that is away: it is then tried again.
func (d *Dispatcher) reload(ctx context.Context, path, instance string) (settled bool) {
	s, _, err := LoadFile(path)
	if err != nil {
		d.log.Error().Str("file", path).Msg("configuration not applied, the last good one stays in force:\n" + err.Error())
		return true
	}
	if s.Instance != instance {
		d.log.Error().Str("file", path).Msg("configuration not applied: it names instance " + s.Instance + ", this process was started with " + instance)
		return true
	}
	revision, err := d.ApplyFile(ctx, path, s)
	if err != nil {
		d.log.Error().Err(err).Str("file", path).Msg("configuration not applied, the last good one stays in force")
		return !passes(err)
	}
	d.log.Info().Str("file", path).Uint64("revision", revision).Msg("configuration reloaded")
	return true
}

// passes tells whether an error is of the bus and may pass.
func passes(err error) bool {
	switch action.CodeOf(err) {
	case action.CodeBadField, action.CodeBadCatalog, action.CodeTooLarge, action.CodeUnreadable:
		return false
	}
	return true
}
