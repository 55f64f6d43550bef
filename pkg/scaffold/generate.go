package scaffold

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

// MaxConditions bounds how many handlers a project has.
const MaxConditions = 500

// Options say what is generated.
type Options struct {
	Language string
	Kind     Kind
	Dir      string
	// Force begins in a folder with files of somebody else, beside which it writes, and
	// writes over generated files that somebody has changed. Nothing else is ever written
	// over that was not written by Generate, or was changed since.
	Force bool
	// Contract is what the types are made of; nil = BuiltIn.
	Contract *Contract
	// Conditions are what the handlers are for, or what types are made of. None stands for
	// those that the contract has types for, and of types for the whole contract.
	Conditions []action.Condition
	// SDK is a checkout of Callout whose SDKs are used; "" = those that are published.
	SDK string
	// Look finds a program; nil = in PATH.
	Look func(name string) (string, error)
	// Note is told what is run; nil = nobody is.
	Note func(line string)
}

// Made says what became of files. They are paths with slashes below the folder, in their order.
type Made struct {
	Files   []string // written
	Again   bool     // the folder was generated before
	Same    []string // not written, since they are what would be
	Kept    []string // not written, since somebody has changed them, or they are somebody's own
	Gone    []string // not written, since somebody has taken them away
	Removed []string // generated before, and of no use any more
	Lacks   []Lack   // what kept files have not
	Install []string // commands that get what a project needs
	Run     string   // the command that starts it
}

// Generate writes a project, or types, into a folder: all of it or nothing. In a folder that
// it has written before it writes anew what nobody has changed since, and says what it kept,
// and what that lacks. The errors tell of a language that is not known, a condition that is
// none or stands twice, a tool that is missing (with how to get it), one that failed (with
// what it printed), a folder that has files of somebody else, and generated files that
// somebody has changed.
func Generate(ctx context.Context, o Options) (Made, error) {
	l, err := languageOf(o.Language, o.Kind)
	if err != nil {
		return Made{}, err
	}
	if o.Contract == nil {
		o.Contract = BuiltIn()
	}
	if o.Look == nil {
		o.Look = exec.LookPath
	}
	if err := o.settle(); err != nil {
		return Made{}, err
	}
	before, err := o.readRecord()
	if err != nil {
		return Made{}, err
	}
	if before == nil && !o.Force {
		if err := checkNew(o.Dir, "or write beside them with --force"); err != nil {
			return Made{}, err
		}
	}
	p := &project{Title: l.title, SDK: o.SDK, Version: sdkVersion, Run: l.run, quote: l.quote, contract: o.Contract, language: l}
	all, generated, err := o.files(ctx, p)
	if err != nil {
		return Made{}, err
	}
	made, err := o.put(p, before, all, generated)
	if o.Kind == Server {
		made.Install, made.Run = p.Install, p.Run
	}
	return made, err
}

// files are all that a folder has when it is generated for the first time, and the names of
// those that nobody is to change.
func (o *Options) files(ctx context.Context, p *project) (all files, generated map[string]bool, err error) {
	var types files
	if o.Kind == Types {
		types, err = o.types(ctx, p.language, o.Contract.narrow(o.keys(), "Rejection"), "")
		all = files{}
	} else {
		all, types, err = o.server(ctx, p)
	}
	generated = map[string]bool{}
	for name, text := range types {
		all[name], generated[name] = text, true
	}
	return all, generated, err
}

// put writes files where nobody has changed them, and tells what became of each.
func (o *Options) put(p *project, before *record, all files, generated map[string]bool) (Made, error) {
	was := record{}
	if before != nil {
		was = *before
	}
	first, err := planned(o.Dir, was, all, generated, o.Force)
	if err != nil {
		return Made{}, err
	}
	var lacks []Lack
	if o.Kind == Server {
		if lacks, err = p.additions(first, all, generated); err != nil {
			return Made{}, err
		}
	}
	last, err := planned(o.Dir, was, all, generated, o.Force)
	if err != nil {
		return Made{}, err
	}
	made, err := last.done(*o)
	if err != nil {
		return Made{}, err
	}
	made.Again, made.Lacks = before != nil, lacks
	if err := last.write.write(o.Dir, last.remove...); err != nil {
		return Made{}, fmt.Errorf("nothing is written: %w", err)
	}
	return made, nil
}

// settle looks over the conditions, and the checkout.
func (o *Options) settle() error {
	if len(o.Conditions) == 0 && o.Kind == Server {
		o.Conditions = o.Contract.Conditions()
	}
	if len(o.Conditions) > MaxConditions {
		return fmt.Errorf("there are %d conditions, and a project has at most %d: name those that you want", len(o.Conditions), MaxConditions)
	}
	if len(o.Conditions) == 0 && o.Kind == Server {
		return errors.New("there is no condition to write a handler for: name one, such as --event user.added")
	}
	seen := map[action.Condition]bool{}
	for _, c := range o.Conditions {
		if _, err := action.ParseCondition(c.Phase, c.Match); err != nil {
			return fmt.Errorf("%s %q: %w", c.Phase, c.Match, err)
		}
		if seen[c] {
			return fmt.Errorf("%s %q is named twice", c.Phase, c.Match)
		}
		seen[c] = true
	}
	if o.SDK == "" {
		return nil
	}
	at, err := filepath.Abs(o.SDK)
	if err != nil {
		return err
	}
	if o.SDK = filepath.Join(at, "sdk"); !isDir(o.SDK) {
		return fmt.Errorf("%s is no checkout of Callout: it has no folder sdk", at)
	}
	return nil
}

func isDir(at string) bool {
	is, err := os.Stat(at)
	return err == nil && is.IsDir()
}

// keys are the webhooks that types are made of.
func (o *Options) keys() (keys []string) {
	if len(o.Conditions) == 0 {
		return o.Contract.keys()
	}
	for _, c := range o.Conditions {
		typed := o.Contract.covered(c)
		for _, one := range typed {
			if key := o.Contract.keyOf(one); !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
		if len(typed) == 0 && o.Kind == Types && !slices.Contains(keys, string(c.Phase)) {
			keys = append(keys, string(c.Phase))
		}
	}
	return keys
}

// server fills a project, and gives its files and those of its types.
func (o *Options) server(ctx context.Context, p *project) (all, types files, err error) {
	p.Install = p.steps()
	keys := o.keys()
	if p.Typed = len(keys) > 0; p.Typed {
		part := o.Contract.narrow(keys)
		p.schemaName = part.names
		if types, err = o.types(ctx, p.language, part, p.language.typesAt); err != nil {
			return nil, nil, err
		}
	}
	p.handlersOf(o.Conditions)
	if all, err = p.render(); err != nil {
		return nil, nil, err
	}
	all[keyFile] = []byte(sign.NewKey() + "\n")
	return all, types, nil
}

// types has the types of a document made, as files below a folder of a project.
func (o *Options) types(ctx context.Context, l language, of typing, below string) (files, error) {
	w, err := l.types.find(o.Look)
	if err != nil {
		return nil, err
	}
	document, err := of.text(l.types.isSimple)
	if err != nil {
		return nil, err
	}
	if o.Note != nil {
		o.Note("the types are made by " + w.shown)
	}
	out, remove, err := w.make(ctx, document)
	if err != nil {
		return nil, err
	}
	defer remove()
	return taken(out, below)
}

// The bounds of what a generator makes.
const (
	maxMade      = 20000
	maxMadeBytes = 256 << 20
)

// taken reads what a generator has made, but its notes to itself.
func taken(out, below string) (files, error) {
	all, size := files{}, 0
	err := filepath.WalkDir(out, func(at string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(out, at)
		if err != nil {
			return err
		}
		if e.IsDir() && (e.Name() == ".openapi-generator" || e.Name() == "docs" || e.Name() == "test") {
			return filepath.SkipDir
		}
		if !e.Type().IsRegular() || e.Name() == ".openapi-generator-ignore" {
			return nil
		}
		text, err := os.ReadFile(at) //nolint:gosec // in a folder that was made for it
		if size += len(text); err == nil && (len(all) >= maxMade || size > maxMadeBytes) {
			err = fmt.Errorf("the generator made more than %d files or %d bytes", maxMade, maxMadeBytes)
		}
		all[filepath.ToSlash(filepath.Join(below, name))] = text
		return err
	})
	return all, err
}
