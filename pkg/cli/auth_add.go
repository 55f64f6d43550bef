package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/bus/logins"
	"github.com/callout-hq/callout/pkg/follow"
)

func (p *Program) authAddCommand() *cobra.Command {
	var f authInitFlags
	cmd := &cobra.Command{
		Use:   "add-instance NAME… -o DIR",
		Short: "Make a NATS login for the cores of another instance",
		Long: `Adds instances to a directory of logins that "callout auth init --nats" has written: a
login for the cores of each, and their rows in nats.conf. All other logins keep their
keys, and what you have changed in nats.conf outside its accounts stays as it is.
Where the accounts themselves were changed by hand nothing is written.

The NATS server has to read its configuration anew: one that is embedded in a
dispatcher does so by itself. To a nats-server say "nats-server --signal reload" twice:
what a new account imports leads nowhere until the second.
Workers go on with the login that they have. The instance itself is made by "callout
create instance".`,
		Example: "  callout auth add-instance west -o secrets\n  callout create instance west",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{errors.New("an instance is missing: write callout auth add-instance NAME -o DIR")}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			f.instances = args
			return p.authAdd(&f)
		},
	}
	cmd.Flags().StringVarP(&f.dir, "output", "o", "", "the `DIR` that callout auth init has written")
	return cmd
}

// configMost bounds the server's configuration, in bytes.
const configMost = 4 << 20

func (p *Program) authAdd(f *authInitFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	file := filepath.Join(f.dir, natsConfigFile)
	config, err := follow.Once(file, configMost)
	if err != nil {
		return &usageError{fmt.Errorf("-o %s: %w: name the directory that callout auth init --nats has written", f.dir, err)}
	}
	next, added, err := logins.Extend(string(config), f.instances...)
	if errors.Is(err, logins.ErrEdited) {
		return fmt.Errorf("%s: %w, and would not be kept: add the rows of the instance by the pattern of another, or make a new directory with callout auth init", file, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w: nothing was written", file, err)
	}
	files, names := map[string]string{}, []string(nil)
	for _, l := range added {
		name := logins.SeedFile(l.Grant)
		files[name], names = string(l.Seed)+"\n", append(names, name)
	}
	// The seeds come first: a key that the server knows and nobody has is of no use.
	if err := writeLogins(f.dir, names, files); err != nil {
		return err
	}
	if err := replaceFile(file, next); err != nil {
		for _, name := range names {
			err = errors.Join(err, os.Remove(filepath.Join(f.dir, name)))
		}
		return fmt.Errorf("-o %s: %w: name a directory that can be written to", f.dir, err)
	}
	return p.say("written to %s: %s, and the rows of %s in %s\nAn embedded NATS reads them by itself; to a nats-server say nats-server --signal reload, twice.\n",
		f.dir, strings.Join(names, ", "), strings.Join(f.instances, ", "), natsConfigFile)
}

// replaceFile puts a text in the place of a file, whole or not at all, with the rights that
// the file had.
func replaceFile(file, text string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	next := file + ".new"
	if err := writeNew(next, text, info.Mode().Perm()); err != nil {
		return err
	}
	if err := os.Rename(next, file); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return nil
}
