package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/follow"
)

// contexts is the file in which the servers that are worked with have names.
type contexts struct {
	Current  string                `yaml:"current,omitempty"`
	Contexts map[string]connection `yaml:"contexts,omitempty"`
}

// connection is what a name stands for; what is empty is left to the default.
type connection struct {
	Server   string `yaml:"server,omitempty"`
	Instance string `yaml:"instance,omitempty"`
	Token    string `yaml:"token,omitempty"`
	Key      string `yaml:"key,omitempty"` // by which callout listen signs
}

// maxContexts bounds the file, in bytes.
const maxContexts = 1 << 20

// contextsPath is where the file is; empty when there is no place for one.
func (p *Program) contextsPath() string {
	if path := p.Getenv("CALLOUT_CONFIG"); path != "" {
		return path
	}
	dir := p.Getenv("XDG_CONFIG_HOME")
	if dir == "" {
		var err error
		if dir, err = os.UserConfigDir(); err != nil {
			return ""
		}
	}
	return filepath.Join(dir, "callout", "config.yaml")
}

// readContexts reads the file; one that is not there holds none.
func (p *Program) readContexts() (*contexts, error) {
	all := &contexts{Contexts: map[string]connection{}}
	path := p.contextsPath()
	if path == "" {
		return all, nil
	}
	raw, err := follow.Once(path, maxContexts)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the contexts cannot be read: %w (CALLOUT_CONFIG names another file)", err)
	}
	if err := yaml.UnmarshalWithOptions(raw, all, yaml.Strict()); err != nil {
		var at yaml.Error // its text would show the lines around, and a token in them
		if errors.As(err, &at) && at.GetToken() != nil {
			err = fmt.Errorf("line %d: %s", at.GetToken().Position.Line, at.GetMessage())
		}
		return nil, fmt.Errorf("the contexts in %s cannot be read: %w", path, err)
	}
	if all.Contexts == nil { // the file says null
		all.Contexts = map[string]connection{}
	}
	return all, nil
}

// writeContexts puts the file in the place of the one before, whole, and
// readable for its owner only: there are tokens in it.
func (p *Program) writeContexts(all *contexts) (err error) {
	path := p.contextsPath()
	if path == "" {
		return errors.New("there is no place for contexts: set CALLOUT_CONFIG to the name of a file")
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("the contexts cannot be written: %w", err)
		}
	}()
	raw, err := yaml.Marshal(all)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(path), ".config-*.yaml") // mode 0600
	if err != nil {
		return err
	}
	_, err = next.Write(raw)
	if err = errors.Join(err, next.Close()); err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(next.Name()))
	}
	return err
}

// find gives the context of a name, and says which there are when there is
// none.
func (all *contexts) find(name string) (connection, error) {
	c, ok := all.Contexts[name]
	if ok {
		return c, nil
	}
	names := "there are none"
	if len(all.Contexts) > 0 {
		names = "there are " + strings.Join(all.names(), ", ")
	}
	return c, &usageError{fmt.Errorf("no context is named %q; %s", name, names)}
}

func (all *contexts) names() []string { return slices.Sorted(maps.Keys(all.Contexts)) }

// enter sets the flags that neither the command line nor a variable sets from
// the context that is chosen, or that is current.
func (p *Program) enter(cmd *cobra.Command) error {
	f := cmd.Flags()
	chosen := f.Lookup("context")
	if chosen == nil {
		return nil
	}
	all, err := p.readContexts()
	if err != nil {
		return err
	}
	name := chosen.Value.String()
	if name == "" {
		name = all.Current
	}
	if name == "" {
		return nil
	}
	c, err := all.find(name)
	if err != nil {
		return err
	}
	p.entered = map[string]bool{}
	for flag, value := range map[string]string{"server": c.Server, "instance": c.Instance, "token": c.Token} {
		if value == "" || f.Changed(flag) {
			continue
		}
		if err := f.Lookup(flag).Value.Set(value); err != nil {
			return err
		}
		p.entered[flag] = true
	}
	return nil
}

// namesInstance tells whether anybody named the instance: the command line, a variable, or a
// context.
func (p *Program) namesInstance(cmd *cobra.Command) bool {
	return cmd.Flags().Changed("instance") || p.entered["instance"]
}
