package file

import (
	"context"
	"fmt"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// File is one of several files that are one configuration.
type File struct {
	Name string // what problems call it
	Text []byte
}

// ParseFiles reads several files as one configuration, as ParseFor reads one:
// what a file names may stand in another. An object that stands in two of them
// is a problem that names both places, and so are two instances. Together they
// have at most MaxFile bytes. Problems are in the order of the files.
func ParseFiles(ctx context.Context, now time.Time, instance string, files []File) (*catalog.Snapshot, []catalog.Problem, error) {
	return readWhole(ctx, instance, files, problemsOf(now))
}

// CheckFiles is ParseFiles with questions of one's own behind those that there are: ask is
// given what was read, as it is, and what it finds is told with its place. One file is a
// configuration too.
func CheckFiles(ctx context.Context, now time.Time, instance string, files []File, ask func(*catalog.Snapshot) []catalog.Problem) (*catalog.Snapshot, []catalog.Problem, error) {
	return readWhole(ctx, instance, files, problemsOf(now), ask)
}

func problemsOf(now time.Time) func(*catalog.Snapshot) []catalog.Problem {
	return func(s *catalog.Snapshot) []catalog.Problem { return problemsAt(s, now) }
}

// ReadFiles is ParseFiles without the questions of meaning: the form is
// checked, and nothing that a value says or names. It is for a part of a
// configuration, whose names are known elsewhere.
func ReadFiles(ctx context.Context, instance string, files []File) (*catalog.Snapshot, []catalog.Problem, error) {
	return readWhole(ctx, instance, files)
}

func readWhole(ctx context.Context, instance string, files []File, questions ...func(*catalog.Snapshot) []catalog.Problem) (*catalog.Snapshot, []catalog.Problem, error) {
	if err := takeTurn(ctx); err != nil {
		return nil, nil, err
	}
	defer giveTurn()
	w, err := readAll(ctx, instance, files)
	if err != nil {
		return nil, nil, err
	}
	for _, ask := range questions {
		for _, p := range ask(w.snapshot) {
			w.locate(p)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	s, problems := w.end()
	return s, problems, nil
}

// readAll reads the files one after the other; the error is that of ctx.
func readAll(ctx context.Context, instance string, files []File) (*whole, error) {
	if in, found, past := bound(files); past {
		p := &part{file: in, reader: &reader{}}
		p.say(found)
		return &whole{parts: []*part{p}, snapshot: catalog.Empty(catalog.DefaultInstance)}, ctx.Err()
	}
	w := &whole{snapshot: catalog.Empty(catalog.DefaultInstance)}
	for _, f := range files {
		w.add(readPart(ctx, f))
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	w.instance(instance)
	return w, nil
}

// end gives what was read, in the order of the files.
func (w *whole) end() (*catalog.Snapshot, []catalog.Problem) {
	var problems []catalog.Problem
	for _, p := range w.parts {
		catalog.SortProblems(p.problems)
		problems = append(problems, p.problems...)
	}
	if catalog.HasErrors(problems) {
		return nil, problems
	}
	return w.snapshot, problems
}

// part is one file as far as it can be read by itself.
type part struct {
	*reader
	file     string
	named    *position // where it names its instance
	snapshot *catalog.Snapshot
	problems []catalog.Problem
}

func readPart(ctx context.Context, f File) *part {
	rep := &catalog.Report{}
	p := &part{file: f.Name, snapshot: catalog.Empty(catalog.DefaultInstance), reader: &reader{report: rep, positions: map[string]position{}, broken: map[string]bool{}}}
	if root, ok := readTree(ctx, f.Text, rep); ok && ctx.Err() == nil {
		p.snapshot = p.document(root)
	}
	for _, problem := range rep.Problems() {
		p.say(problem)
	}
	if at, named := p.positions["instance"]; named {
		p.named = &at
	}
	return p
}

// say adds a problem of this file.
func (p *part) say(problem catalog.Problem) {
	problem.File, problem.Line, problem.Col = p.file, max(problem.Line, 1), max(problem.Col, 1)
	p.problems = append(p.problems, problem)
}

func (p *part) refuse(at position, path, code, message string) {
	p.say(catalog.Problem{Line: at.line, Col: at.col, Path: path, Severity: catalog.Error, Code: code, Message: message})
}

func (p *part) where(at position) string { return fmt.Sprintf("%s:%d:%d", p.file, at.line, at.col) }

// whole is what the files make together.
type whole struct {
	parts    []*part
	snapshot *catalog.Snapshot
}

// add puts a file to those before it.
func (w *whole) add(p *part) {
	w.parts = append(w.parts, p)
	for _, org := range p.snapshot.Orgs() {
		into := w.snapshot.Scopes[org]
		if into == nil || into.Targets == nil {
			into = &catalog.Scope{Targets: map[string]action.Target{}, Sections: map[action.Phase][]action.Execution{}}
			w.snapshot.Scopes[org] = into
		}
		w.addScope(p, org, into)
	}
}

func (w *whole) addScope(p *part, org string, into *catalog.Scope) {
	from := p.snapshot.Scopes[org]
	for name, t := range from.Targets {
		if w.isNew(p, catalog.Place{Org: org, Ref: catalog.Ref{Name: name}}) {
			into.Targets[name] = t
		}
	}
	for phase, section := range from.Sections {
		for _, e := range section {
			if w.isNew(p, catalog.Place{Org: org, Ref: catalog.Ref{Phase: phase, Name: e.Name}}) {
				into.Sections[phase] = append(into.Sections[phase], e)
			}
		}
	}
}

// isNew tells whether no file before p holds an object, and says so when one
// does.
func (w *whole) isNew(p *part, object catalog.Place) bool {
	path := object.Path()
	for _, before := range w.parts[:len(w.parts)-1] {
		if at, found := before.positions[path]; found {
			p.refuse(p.positions[path], path, catalog.ProblemDuplicateKey,
				fmt.Sprintf("%s stands here a second time, first in %s", catalog.Quote(object.Name), before.where(at)))
			return false
		}
	}
	return true
}

// instance settles which one is configured.
func (w *whole) instance(instance string) {
	var first *part
	for _, p := range w.parts {
		switch {
		case p.named == nil:
		case instance != "" && p.snapshot.Instance != instance:
			p.refuse(*p.named, "instance", catalog.ProblemOtherInstance,
				fmt.Sprintf("the file names the instance %s, and it is for %s", catalog.Quote(p.snapshot.Instance), catalog.Quote(instance)))
		case first != nil && p.snapshot.Instance != first.snapshot.Instance:
			p.refuse(*p.named, "instance", catalog.ProblemOtherInstance, fmt.Sprintf("the file names the instance %s, and %s names %s",
				catalog.Quote(p.snapshot.Instance), first.where(*first.named), catalog.Quote(first.snapshot.Instance)))
		case first == nil:
			first = p
		}
	}
	switch {
	case instance != "":
		w.snapshot.Instance = instance
	case first != nil:
		w.snapshot.Instance = first.snapshot.Instance
	}
}

// locate gives a problem of the whole to the file that it is in: the one that
// holds the most of its path. Without a file there is no problem.
func (w *whole) locate(problem catalog.Problem) {
	if len(w.parts) == 0 {
		return
	}
	p := w.holder(problem.Path)
	if p.isBroken(problem.Path) {
		return // it was said already
	}
	at := p.find(problem.Path)
	problem.Line, problem.Col = at.line, at.col
	if problem.Also != "" {
		other := w.holder(problem.Also)
		problem.Message += ", " + other.where(other.find(problem.Also))
	}
	p.say(problem)
}

func (w *whole) holder(path string) *part {
	for ok := true; ok; path, ok = catalog.ParentPath(path) {
		for _, p := range w.parts {
			if _, found := p.positions[path]; found {
				return p
			}
		}
	}
	return w.parts[0]
}
