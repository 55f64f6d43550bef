package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/scaffold"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

type generateFlags struct {
	server     serverFlags // it prints no answer
	language   string
	kind       string
	dir        string
	file       string
	core       string
	sdk        string
	force      bool
	conditions map[action.Phase]*[]string
}

func (p *Program) generateCommand() *cobra.Command {
	f := &generateFlags{conditions: map[action.Phase]*[]string{}}
	cmd := &cobra.Command{
		Use:   "generate --lang LANGUAGE --kind types|server -o DIR [--request CONDITION …]",
		Short: "Write a target's project, or the types of what it is sent, in your language",
		Long: `Writes a folder to begin with when you write a target, and brings it up to date
when the core or the conditions have changed. To see how a target works on the wire,
without a library, take "callout init".

--kind server is a project over Callout's SDK of your language: it starts, checks that
requests are genuine, and has an empty handler for each condition, which you fill in.
In it are a configuration that names the conditions, a signing key, and a README with
the commands. --kind types is the types of bodies alone.

Conditions are those that you name. Without one they are all that the cores of the
server have declared (see "callout get conditions"); of types, the whole contract.

Types are made of the contract of targets: of --contract FILE, of the server when you
name one or a --core, and else of the one in this program. It has types of a core's own
messages and events where the core has declared them (--core), and a handler has them
then. They are made by generators that are no part of Callout: ogen (Go),
openapi-typescript, datamodel-code-generator (Python), openapi-generator (others). What
is run is said; what is missing is said with how to get it.

Run it again in the same folder for other conditions or types. It writes anew what you
have not changed, keeps what you have, and puts what that lacks into a file beside it
that ends in .new. It remembers what it has written in callout.generated.json. A folder
with files of yours is left alone, and so is a generated file that you have changed:
--force begins beside the first, and writes over the second. What you have filled in,
a signing key, and what callout generate has not written are never written over.

Everything is written, or nothing is.`,
		Example: "  callout generate --lang python --kind server -o hooks --request /acme.user.v1.UserService/CreateUser --event 'user.*'\n" +
			"  callout generate --lang go --kind server -o hooks --core users\n  callout generate --lang typescript --kind types -o types --server https://callout.example.com",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.generate(cmd.Context(), cmd, f)
		},
	}
	f.add(cmd)
	return cmd
}

func (f *generateFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.language, "lang", "", "the `LANGUAGE`: "+strings.Join(scaffold.Languages(scaffold.Server), ", ")+"; of types also "+strings.Join(scaffold.Languages(scaffold.Types)[len(scaffold.Languages(scaffold.Server)):], ", "))
	flags.StringVar(&f.kind, "kind", string(scaffold.Server), "what is written: server or types")
	flags.StringVarP(&f.dir, "dir", "o", "", "the `DIR` that is written; it is made when it is not there")
	flags.StringVar(&f.file, "contract", "", "take the contract from a `FILE`, in JSON or YAML")
	flags.StringVar(&f.core, "core", "", "take the contract and the conditions that this `CORE` has declared")
	flags.StringVar(&f.sdk, "sdk", "", "use the SDKs of a checkout of Callout in this `DIR`, not those that are published")
	flags.BoolVar(&f.force, "force", false, "begin in a folder that has files of yours, beside them; write over generated files that you have changed")
	for _, phase := range action.Phases {
		f.conditions[phase] = new([]string)
		flags.StringArrayVar(f.conditions[phase], string(phase), nil, conditionUse[phase])
	}
	f.server.addConnection(cmd)
	complete(cmd, "lang", cobra.FixedCompletions(scaffold.Languages(scaffold.Types), cobra.ShellCompDirectiveNoFileComp))
	complete(cmd, "kind", cobra.FixedCompletions([]string{string(scaffold.Server), string(scaffold.Types)}, cobra.ShellCompDirectiveNoFileComp))
}

var conditionUse = map[action.Phase]string{
	action.Request:  "handle requests of this `CONDITION`: /package.Service/Method, package.Service or *; again for more",
	action.Response: "handle responses of this `CONDITION`, as --request",
	action.Function: "handle the function of this `NAME`; again for more",
	action.OnEvent:  "handle events of this `CONDITION`: a type, a group such as user.*, or *; again for more",
}

// options are what the flags say by themselves.
func (f *generateFlags) options() (o scaffold.Options, err error) {
	o = scaffold.Options{Language: f.language, Kind: scaffold.Kind(f.kind), Dir: f.dir, Force: f.force, SDK: f.sdk}
	switch {
	case !slices.Contains(scaffold.Kinds, o.Kind):
		err = fmt.Errorf("--kind %q: types or server is known", f.kind)
	case f.language == "":
		err = fmt.Errorf("--lang is missing: %s are known", strings.Join(scaffold.Languages(o.Kind), ", "))
	case !slices.Contains(scaffold.Languages(o.Kind), f.language):
		err = fmt.Errorf("--lang %q: for --kind %s %s are known", f.language, f.kind, strings.Join(scaffold.Languages(o.Kind), ", "))
	case f.dir == "":
		err = errors.New("-o DIR is missing: the folder that is written")
	case f.file != "" && f.core != "":
		err = errors.New("--contract and --core are two ways to say where the contract is: name one")
	}
	if err != nil {
		return o, err
	}
	for _, phase := range action.Phases {
		for _, text := range *f.conditions[phase] {
			c, err := action.ParseCondition(phase, text)
			if err != nil {
				return o, fmt.Errorf("--%s %q: %w", phase, text, err)
			}
			o.Conditions = append(o.Conditions, c)
		}
	}
	return o, nil
}

func (p *Program) generate(ctx context.Context, cmd *cobra.Command, f *generateFlags) error {
	o, err := f.options()
	if err != nil {
		return &usageError{err}
	}
	if err := f.server.checkConnection(); err != nil {
		return err
	}
	o.Note = p.note
	isNamed := cmd.Flags().Changed("server") || f.server.context != "" || f.core != ""
	if asks := o.Kind == scaffold.Server && len(o.Conditions) == 0; f.file == "" && (isNamed || asks) {
		err = f.fromServer(ctx, &o)
	} else {
		err = f.fromFile(&o)
	}
	if err != nil {
		return err
	}
	made, err := scaffold.Generate(ctx, o)
	if err != nil {
		return err
	}
	return p.tellMade(o.Dir, made)
}

// fromFile takes the contract of a file, or the one of this program.
func (f *generateFlags) fromFile(o *scaffold.Options) error {
	if f.file == "" {
		return nil
	}
	raw, err := readFile(f.file, scaffold.MaxContract)
	if err != nil {
		return err
	}
	o.Contract, err = scaffold.ReadContract(raw, f.file)
	return err
}

// fromServer takes the contract of the server, and what its cores have declared where no
// condition is named.
func (f *generateFlags) fromServer(ctx context.Context, o *scaffold.Options) error {
	raw, err := f.server.contractText(ctx, f.core)
	if err != nil {
		return err
	}
	if o.Contract, err = scaffold.ReadContract(raw, "what the server gives"); err != nil {
		return err
	}
	if len(o.Conditions) > 0 || o.Kind != scaffold.Server {
		return nil
	}
	if f.core == "" {
		o.Conditions, err = f.declared(ctx)
		return err
	}
	if o.Conditions = o.Contract.Conditions(); len(o.Conditions) == 0 {
		return fmt.Errorf("the core %s has declared nothing of what is in its bodies: name conditions, such as --event user.added, or leave --core out", f.core)
	}
	return nil
}

// declared are what the cores of the server can be extended at.
func (f *generateFlags) declared(ctx context.Context) (all []action.Condition, err error) {
	answer, err := ask(ctx, &f.server, &calloutv1.ListConditionsRequest{Instance: f.server.instance}, calloutv1connect.ActionServiceClient.ListConditions)
	if err != nil {
		return nil, err
	}
	for _, d := range declaredIn(answer) {
		if d.Kind == "service" {
			continue // its methods are there
		}
		for _, phase := range d.Phases {
			all = append(all, action.Condition{Phase: action.Phase(phase), Match: d.Condition})
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no condition is named, such as --event user.added, and no core has declared any")
	}
	return all, nil
}

// tellMade says what was written, and how to go on.
func (p *Program) tellMade(dir string, made scaffold.Made) error {
	if made.Again || len(made.Kept) > 0 {
		return p.tellAgain(dir, made)
	}
	if err := p.say("%s has %s.\n", dir, some(made.Files)); err != nil || made.Run == "" {
		return err
	}
	return p.say(`
Get what it needs, and start it:

  cd %s
  %s
  CALLOUT_KEYS=$(cat signing.key) %s

Have a Callout call it, in another shell:

  callout dev -f callout.yaml
`, scaffold.ShellWord(dir), strings.Join(made.Install, "\n  "), made.Run)
}

// tellAgain says what became of each file where some were there.
func (p *Program) tellAgain(dir string, made scaffold.Made) error {
	for _, one := range []struct {
		what  string
		files []string
	}{
		{"written", made.Files}, {"as it was", made.Same}, {"kept, since it is yours", made.Kept},
		{"not written again, since you took it away", made.Gone}, {"removed, since nothing needs it", made.Removed},
	} {
		if len(one.files) == 0 {
			continue
		}
		if err := p.say("%s: %s\n", one.what, some(one.files)); err != nil {
			return err
		}
	}
	for _, lack := range made.Lacks {
		says := fmt.Sprintf("has nothing for %s", some(lack.Conditions))
		if lack.Unread {
			says = "cannot be read, so what is lacking is not known"
		}
		if err := p.say("%s %s: take that over from %s\n", filepath.Join(dir, lack.File), says, filepath.Join(dir, lack.New)); err != nil {
			return err
		}
	}
	return nil
}

// some names the first of many.
func some(names []string) string {
	if most := 12; len(names) > most {
		names = append(slices.Clone(names[:most]), fmt.Sprintf("and %d more", len(names)-most))
	}
	return strings.Join(names, ", ")
}

// readFile reads a file of at most so many bytes, and one more.
func readFile(name string, most int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, most+1))
}
