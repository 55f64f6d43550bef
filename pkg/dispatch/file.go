package dispatch

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/follow"
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

// LoadFile reads a configuration file when it is at rest, see follow.Read. The
// error is a *BadFile with all mistakes, a *fs.PathError, or that of ctx; warnings
// come back beside a good catalog.
func LoadFile(ctx context.Context, path string) (*catalog.Snapshot, []catalog.Problem, error) {
	raw, err := follow.Read(ctx, path, file.MaxFile)
	if err != nil {
		return nil, nil, err
	}
	return parseFile(ctx, path, raw)
}

func parseFile(ctx context.Context, path string, raw []byte) (*catalog.Snapshot, []catalog.Problem, error) {
	s, problems, err := file.ParseFor(ctx, time.Time{}, "", path, raw)
	if err != nil {
		return nil, nil, err
	}
	if s == nil {
		return nil, problems, &BadFile{Problems: problems}
	}
	for _, p := range catalog.CheckEnds(s, time.Now()) { // that one is over keeps nothing else up
		p.File, p.Severity = path, catalog.Warning
		problems = append(problems, p)
	}
	return s, problems, nil
}

// reloadAgain is how soon a good file is tried again that could not be applied,
// and when the file as it was at first is compared with what was applied.
const reloadAgain = time.Second

// FollowFile applies a file again whenever its path means something else, until
// ctx ends. A file that is broken, away or emptied is reported and the last good
// catalog stays in force; so does the instance: a file that names another one is
// refused. Meanwhile what the file owns changes by the file only, whichever
// dispatcher is asked. The error is a *BadFile when there is nothing in the file
// and what is in force is a file's.
func (d *Dispatcher) FollowFile(ctx context.Context, path, instance string) error {
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(d.stopping, cancel) //nolint:contextcheck // it ends with the dispatcher too
	follower := follow.Start(path, file.MaxFile)
	f := &followedFile{d: d, path: path, instance: instance, log: d.log.With().Str("file", path).Logger()}
	var keep func()
	err := f.begin(ctx, follower)
	if err == nil {
		keep, err = d.bus.Instance(instance).KeepFollowed(ctx, filepath.Base(path))
	}
	if err != nil {
		endFollowing(follower)
		return err
	}
	d.ended.Go(keep)
	d.ended.Go(func() {
		defer endFollowing(follower)
		f.follow(ctx, follower.Reports())
	})
	return nil
}

// endFollowing does not wait for a file system that does not answer.
func endFollowing(f *follow.Follower) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = f.Stop(ctx) // there is nothing to be done about it
}

// followedFile is a file as it was told last.
type followedFile struct {
	d         *Dispatcher
	path      string
	instance  string
	log       zerolog.Logger
	report    follow.Report
	unwatched bool   // it was said that the system does not tell everything
	said      string // of this report, so that trying again does not repeat it
}

// begin waits for the first report, which nobody has to apply: who starts
// following applies what has been read before.
func (f *followedFile) begin(ctx context.Context, follower *follow.Follower) error {
	select {
	case f.report = <-follower.Reports():
	case <-ctx.Done():
		return ctx.Err()
	}
	if f.report.Err != nil {
		return nil // it has been read, so it went only now
	}
	s, _, err := parseFile(ctx, f.path, f.report.Text)
	if err != nil || s.Instance != f.instance {
		return nil // the same
	}
	return f.emptied(f.inForce(ctx), s)
}

// follow applies each report. The first one waits for a moment: it is compared
// with what the start applied, which may have been read before a change.
func (f *followedFile) follow(ctx context.Context, reports <-chan follow.Report) {
	again := time.NewTimer(reloadAgain)
	defer again.Stop()
	first := true
	for {
		select {
		case <-ctx.Done():
			return
		case f.report = <-reports:
			f.said, first = "", false
		case <-again.C:
		}
		again.Stop()
		if !f.reload(ctx, first) {
			again.Reset(reloadAgain)
		}
	}
}

// reload tells false when the file is good but could not be applied for a fault
// of ours, such as a bus that is away: it is then tried again. With compare it
// applies what differs from what is in force, and is silent when nothing does.
func (f *followedFile) reload(ctx context.Context, compare bool) (settled bool) {
	if f.report.Unwatched != nil && !f.unwatched {
		f.unwatched = true
		f.log.Warn().Err(f.report.Unwatched).Msg("not all of the file's path can be watched: a change is noticed within a second, not at once")
	}
	if f.report.Err != nil {
		return f.keep(f.report.Err)
	}
	s, _, err := parseFile(ctx, f.path, f.report.Text)
	if ctx.Err() != nil {
		return true // it is followed no longer
	}
	if err != nil {
		return f.keep(err)
	}
	if s.Instance != f.instance {
		return f.keep(fmt.Errorf("it names instance %s, this process was started with %s", s.Instance, f.instance))
	}
	current := f.inForce(ctx)
	if err := f.emptied(current, s); err != nil {
		return f.keep(err)
	}
	changes := catalog.Diff(current, catalog.Reload(current, s))
	if compare && len(changes) == 0 {
		f.d.health.warn(f.path, nil)
		return true
	}
	revision, err := f.d.Instance(f.instance).ApplyFile(ctx, f.path, s)
	if err != nil {
		f.keep(err)
		return !passes(err)
	}
	f.d.health.warn(f.path, nil)
	told := f.log.Info().Uint64("revision", revision)
	if gone := leaving(changes); len(gone) > 0 {
		told = told.Strs("gone", gone)
	}
	told.Msg("configuration reloaded: " + extent(changes))
	return true
}

// keep says why the last good configuration stays in force, once.
func (f *followedFile) keep(why error) (settled bool) {
	f.d.health.warn(f.path, why)
	if text := why.Error(); text != f.said {
		f.said = text
		f.log.Error().Msg("configuration not applied, the last good one stays in force:\n" + text)
	}
	return true
}

// inForce is what this dispatcher has, or nothing.
func (f *followedFile) inForce(ctx context.Context) *catalog.Snapshot {
	m, err := f.d.Instance(f.instance).Catalog(ctx, 0)
	if err != nil {
		return catalog.Empty(f.instance) // the edit says what is wrong
	}
	return m.Snapshot()
}

// emptied refuses a file that would take everything out of force.
func (f *followedFile) emptied(current, s *catalog.Snapshot) error {
	n := catalog.Emptied(current, s)
	if n == 0 {
		return nil
	}
	return &BadFile{Problems: []catalog.Problem{{File: f.path, Line: 1, Col: 1, Severity: catalog.Error, Code: catalog.ProblemEmptied,
		Message: fmt.Sprintf("the file names no target and no execution, and a file without any takes nothing out of force: %d of what is in force belong to it. "+
			"Write the file anew, or, to remove them all, start without it and use \"callout apply --prune -f %s\"", n, filepath.Base(f.path))}}}
}

// extent tells how much a reload changed.
func extent(changes []catalog.Change) string {
	r := about(edition{}, changes)
	return fmt.Sprintf("+%d ~%d -%d", r.Added, r.Changed, r.Removed)
}

// maxGone is how many objects a line of the log names.
const maxGone = 20

// leaving names what a reload took out of force.
func leaving(changes []catalog.Change) []string {
	var names []string
	more := 0
	for _, c := range changes {
		switch {
		case c.Action != catalog.Removed:
		case len(names) == maxGone:
			more++
		default:
			names = append(names, c.Object())
		}
	}
	if more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return names
}

// passes tells whether an error is of the bus and may pass.
func passes(err error) bool {
	switch action.CodeOf(err) {
	case action.CodeBadField, action.CodeBadCatalog, action.CodeTooLarge, action.CodeUnreadable:
		return false
	}
	return true
}
