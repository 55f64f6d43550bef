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
	// Force writes over files of the same names.
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

// Made says what was written.
type Made struct {
	Files   []string // paths with slashes below the folder, in their order
	Install []string // commands that get what a project needs
	Run     string   // the command that starts it
}

// Generate writes a project, or types, into a folder: all of it or nothing. The errors
// tell of a language that is not known, a condition that is none or stands twice, a tool
// that is missing (with how to get it), one that failed (with what it printed), and a folder that has files.
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
	if err := (files{}).check(o.Dir, o.Force); err != nil {
		return Made{}, err
	}
	var all files
	var made Made
	if o.Kind == Server {
		all, made, err = o.server(ctx, l)
	} else {
		all, err = o.types(ctx, l, o.Contract.narrow(o.keys(), "Rejection"), "")
	}
	if err != nil {
		return Made{}, err
	}
	if err := all.write(o.Dir); err != nil {
		return Made{}, fmt.Errorf("nothing is written: %w", err)
	}
	for name := range all {
		made.Files = append(made.Files, name)
	}
	slices.Sort(made.Files)
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

func (o *Options) server(ctx context.Context, l language) (files, Made, error) {
	p := &project{Title: l.title, SDK: o.SDK, Version: sdkVersion, Run: l.run, quote: l.quote, contract: o.Contract, language: l}
	p.Install = p.steps()
	made := Made{Install: p.Install, Run: p.Run}
	keys := o.keys()
	var types files
	if p.Typed = len(keys) > 0; p.Typed {
		part := o.Contract.narrow(keys)
		p.schemaName = part.names
		var err error
		if types, err = o.types(ctx, l, part, l.typesAt); err != nil {
			return nil, made, err
		}
	}
	p.handlersOf(o.Conditions)
	all, err := p.render()
	if err != nil {
		return nil, made, err
	}
	for name, text := range types {
		all[name] = text
	}
	all[keyFile] = []byte(sign.NewKey() + "\n")
	return all, made, nil
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
