package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/logins"
	"github.com/callout-hq/callout/pkg/scaffold"
	"github.com/callout-hq/callout/pkg/wire"
)

type authInitFlags struct {
	form      string
	dir       string
	instances []string
}

func (p *Program) authInitCommand() *cobra.Command {
	var f authInitFlags
	cmd := &cobra.Command{
		Use:   "init -o DIR [--nats users|accounts] [--instance NAME]…",
		Short: "Make the operator's token, the key that seals secrets, and a NATS login for each role",
		Long: `Writes into DIR, which is made when it is not there, operator.token: a dispatcher that
is started with it (--token-file) asks everybody who he is, and who has it may do
everything, and make other tokens.

Beside it are the two halves of a key that seals signing keys and other secrets of
targets where they are stored: secrets.pub, for dispatchers (--seal-to), and
secrets.key, which opens them, for workers alone (--open-with). Without secrets.key
what is sealed is lost: keep a copy where you keep such things.

With --nats it also writes a login for the dispatcher, the workers, who looks at
figures, and the cores of each instance; the configuration of a NATS server that lets
each do what its role needs and nothing else; and a README.md with the commands to
start everything with them.

With users all are in one account, with lists of what each may do. With accounts the
cores of each instance are in an account of their own besides, in which there is
nothing of anybody else.

A file that is there is never written over: nothing is written then.`,
		Example: "  callout auth init -o secrets\n  callout auth init --nats users -o secrets\n  callout auth init --nats accounts -o secrets --instance north --instance south",
		Args:    noArgs,
		RunE:    func(*cobra.Command, []string) error { return p.authInit(&f) },
	}
	cmd.Flags().StringVar(&f.form, "nats", "", "the `FORM` of the server's configuration: users or accounts")
	cmd.Flags().StringVarP(&f.dir, "output", "o", "", "the `DIR` that is written to")
	cmd.Flags().StringArrayVar(&f.instances, "instance", []string{"default"}, "an instance, by its `NAME`; again for each")
	complete(cmd, "nats", cobra.FixedCompletions([]string{string(logins.Users), string(logins.Accounts)}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (f *authInitFlags) check() error {
	if f.form != "" && !slices.Contains(logins.Forms, logins.Form(f.form)) {
		return &usageError{fmt.Errorf("--nats %q is none: write --nats %s or --nats %s", f.form, logins.Users, logins.Accounts)}
	}
	if f.dir == "" {
		return &usageError{errors.New("-o DIR is missing: where are the files to be written?")}
	}
	for n, instance := range f.instances {
		switch err := action.CheckID(instance); {
		case err != nil:
			return &usageError{fmt.Errorf("--instance %q: %w", instance, err)}
		case instance == "":
			return &usageError{errors.New("--instance is empty: name an instance")}
		case wire.ShortToken(instance) != wire.Token(instance):
			return &usageError{fmt.Errorf("--instance %q is too long for the name of a file: at most 128 letters and digits, of which others take three each", instance)}
		case slices.Contains(f.instances[:n], instance):
			return &usageError{fmt.Errorf("--instance %q is named twice: name it once", instance)}
		}
	}
	return nil
}

// natsConfigFile is the name of the server's configuration in the directory.
const natsConfigFile = "nats.conf"

func (p *Program) authInit(f *authInitFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	_, token := access.NewToken("operator", access.Scope{}, access.Verbs)
	private, public, err := newSealFiles()
	if err != nil {
		return err
	}
	files := map[string]string{tokenFile: token + "\n", sealPrivateFile: private, sealPublicFile: public}
	names := []string{tokenFile, sealPrivateFile, sealPublicFile}
	if f.form == "" {
		if err := writeLogins(f.dir, names, files); err != nil {
			return err
		}
		path := func(name string) string { return scaffold.ShellWord(filepath.Join(f.dir, name)) }
		return p.say("written to %s: %s\n\ndispatcher --token-file %s --seal-to %s …\nworker --open-with %s …\ncallout context set operator --server https://… --token - < %s\n",
			f.dir, strings.Join(names, ", "), path(tokenFile), path(sealPublicFile), path(sealPrivateFile), path(tokenFile))
	}
	all, err := logins.New(access.Grants(f.instances...))
	if err != nil {
		return err
	}
	files[natsConfigFile], files["README.md"] = logins.Config(logins.Form(f.form), all), authReadme(f)
	names = append(names, natsConfigFile, "README.md")
	for _, l := range all {
		name := logins.SeedFile(l.Grant)
		files[name], names = string(l.Seed)+"\n", append(names, name)
	}
	if err := writeLogins(f.dir, names, files); err != nil {
		return err
	}
	return p.say("written to %s: %s\nREADME.md there says what each is, and how to start with them.\n", f.dir, strings.Join(names, ", "))
}

// tokenFile is the name of the operator's token in the directory.
const tokenFile = "operator.token"

// writeLogins writes files for nobody else to read. When one is there already none is
// written.
func writeLogins(dir string, names []string, files map[string]string) error {
	for _, name := range names {
		switch _, err := os.Lstat(filepath.Join(dir, name)); {
		case err == nil:
			return fmt.Errorf("%s is there already, and is not written over: nothing was written; take it away, or name another directory with -o", filepath.Join(dir, name))
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("-o %s: %w: name a directory that can be written to", dir, err)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("-o %s: %w: name a directory that can be written to", dir, err)
	}
	for _, name := range names {
		if err := writeNew(filepath.Join(dir, name), files[name], 0o600); err != nil {
			return fmt.Errorf("-o %s: %w: name a directory that can be written to", dir, err)
		}
	}
	return nil
}

// writeNew makes a file that is not there.
func writeNew(name, text string, mode fs.FileMode) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err = f.WriteString(text); err != nil {
		return errors.Join(err, f.Close(), os.Remove(name))
	}
	return f.Close()
}
