package catalog

import (
	"fmt"

	"github.com/callout-hq/callout/pkg/action"
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
func ParseFiles(instance string, files []File) (*Snapshot, []Problem) {
	w := readAll(instance, files)
	for _, p := range Validate(w.snapshot) {
		w.place(p)
	}
	return w.end()
}

// ReadFiles is ParseFiles without the questions of meaning: the form is
// checked, and nothing that a value says or names. It is for a part of a
// configuration, whose names are known elsewhere.
func ReadFiles(instance string, files []File) (*Snapshot, []Problem) {
	return readAll(instance, files).end()
}

func readAll(instance string, files []File) *whole {
	w := &whole{snapshot: Empty(DefaultInstance)}
	size := 0
	for _, f := range files {
		if size += len(f.Text); size > MaxFile {
			p := &part{file: f.Name, reader: &reader{}}
			p.refuse(place{}, "", ProblemTooLarge, fmt.Sprintf("the files of a configuration have at most %d bytes together", MaxFile))
			return &whole{parts: []*part{p}, snapshot: Empty(DefaultInstance)}
		}
		w.add(readPart(f))
	}
	w.instance(instance)
	return w
}

// end gives what was read, in the order of the files.
func (w *whole) end() (*Snapshot, []Problem) {
	var problems []Problem
	for _, p := range w.parts {
		sortProblems(p.problems)
		problems = append(problems, p.problems...)
	}
	if HasErrors(problems) {
		return nil, problems
	}
	return w.snapshot, problems
}

// part is one file as far as it can be read by itself.
type part struct {
	*reader
	file     string
	named    *place // where it names its instance
	snapshot *Snapshot
	problems []Problem
}

func readPart(f File) *part {
	rep := &report{}
	p := &part{file: f.Name, snapshot: Empty(DefaultInstance), reader: &reader{report: rep, places: map[string]place{}, broken: map[string]bool{}}}
	if root, ok := readTree(f.Text, rep); ok {
		p.snapshot = p.document(root)
	}
	for _, problem := range rep.problems {
		p.say(problem)
	}
	if at, named := p.places["instance"]; named {
		p.named = &at
	}
	return p
}

// say adds a problem of this file.
func (p *part) say(problem Problem) {
	problem.File, problem.Line, problem.Col = p.file, max(problem.Line, 1), max(problem.Col, 1)
	p.problems = append(p.problems, problem)
}

func (p *part) refuse(at place, path, code, message string) {
	p.say(Problem{Line: at.line, Col: at.col, Path: path, Severity: Error, Code: code, Message: message})
}

func (p *part) where(at place) string { return fmt.Sprintf("%s:%d:%d", p.file, at.line, at.col) }

// whole is what the files make together.
type whole struct {
	parts    []*part
	snapshot *Snapshot
}

// add puts a file to those before it.
func (w *whole) add(p *part) {
	w.parts = append(w.parts, p)
	for _, org := range p.snapshot.Orgs() {
		into := w.snapshot.Scopes[org]
		if into == nil || into.Targets == nil {
			into = &Scope{Targets: map[string]action.Target{}, Sections: map[action.Phase][]action.Execution{}}
			w.snapshot.Scopes[org] = into
		}
		w.addScope(p, org, into)
	}
}

func (w *whole) addScope(p *part, org string, into *Scope) {
	from := p.snapshot.Scopes[org]
	for name, t := range from.Targets {
		if w.isNew(p, join(join(scopePath(org), "targets"), name), name) {
			into.Targets[name] = t
		}
	}
	for phase, section := range from.Sections {
		for _, e := range section {
			if w.isNew(p, entryPath(org, phase, e.Name), e.Name) {
				into.Sections[phase] = append(into.Sections[phase], e)
			}
		}
	}
}

// isNew tells whether no file before p holds a path, and says so when one does.
func (w *whole) isNew(p *part, path, name string) bool {
	for _, before := range w.parts[:len(w.parts)-1] {
		if at, found := before.places[path]; found {
			p.refuse(p.places[path], path, ProblemDuplicateKey,
				fmt.Sprintf("%s stands here a second time, first in %s", quote(name), before.where(at)))
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
			p.refuse(*p.named, "instance", ProblemOtherInstance,
				fmt.Sprintf("the file names the instance %s, and it is for %s", quote(p.snapshot.Instance), quote(instance)))
		case first != nil && p.snapshot.Instance != first.snapshot.Instance:
			p.refuse(*p.named, "instance", ProblemOtherInstance, fmt.Sprintf("the file names the instance %s, and %s names %s",
				quote(p.snapshot.Instance), first.where(*first.named), quote(first.snapshot.Instance)))
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

// place gives a problem of the whole to the file that it is in: the one that
// holds the most of its path. Without a file there is no problem.
func (w *whole) place(problem Problem) {
	if len(w.parts) == 0 {
		return
	}
	p := w.holder(problem.Path)
	if p.isBroken(problem.Path) {
		return // it was said already
	}
	at := p.find(problem.Path)
	problem.Line, problem.Col = at.line, at.col
	if problem.also != "" {
		other := w.holder(problem.also)
		problem.Message += ", " + other.where(other.find(problem.also))
	}
	p.say(problem)
}

func (w *whole) holder(path string) *part {
	for ok := true; ok; path, ok = parent(path) {
		for _, p := range w.parts {
			if _, found := p.places[path]; found {
				return p
			}
		}
	}
	return w.parts[0]
}
