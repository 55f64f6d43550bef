package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/logins"
	"github.com/callout-hq/callout/pkg/wire"
)

type authCheckFlags struct {
	bus busFlags
	dir string
}

func (p *Program) authCheckCommand() *cobra.Command {
	f := authCheckFlags{}
	cmd := &cobra.Command{
		Use:   "check --nats URL --dir DIR",
		Short: "Try whether a NATS server lets each role do what it may, and nothing else",
		Long: `Connects with each of the logins in DIR, which "callout auth init" has written, and
tries what its role may do and what it may not. Nothing is stored, changed or taken
by that. What the server does otherwise than it should is listed, and the exit code
is 1 then.`,
		Example: "  callout auth check --nats nats://127.0.0.1:4222 --dir secrets",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.bus.maxObject = 1
			if f.dir == "" {
				return &usageError{errors.New("--dir DIR is missing: where are the logins that callout auth init has written?")}
			}
			if err := f.bus.check(); err != nil {
				return err
			}
			return p.authCheck(cmd.Context(), &f)
		},
	}
	cmd.Flags().StringVar(&f.bus.url, "nats", "nats://127.0.0.1:4222", "`URL` of NATS")
	cmd.Flags().StringVar(&f.dir, "dir", "", "the `DIR` with the logins")
	addServer(cmd, &f.bus.login)
	return cmd
}

func (p *Program) authCheck(ctx context.Context, f *authCheckFlags) error {
	instances, err := instancesOf(f.dir)
	if err != nil {
		return err
	}
	all := access.Grants(instances...)
	summary, wrong := p.table("role", "lets", "of", "refuses", "of"), p.table("wrong", "role", "", "subject")
	found := 0
	for _, g := range all {
		o := f.bus.options("", "", zerolog.Nop())
		o.Login.NKey = filepath.Join(f.dir, logins.SeedFile(g))
		tried, err := logins.Try(ctx, o, g, all)
		if err != nil {
			return badLogin(err)
		}
		var lets, may, refuses, mayNot int
		for _, t := range tried {
			switch {
			case t.May:
				may++
			default:
				mayNot++
			}
			switch {
			case t.May && t.Let:
				lets++
			case !t.May && !t.Let:
				refuses++
			case t.May:
				wrong.add("refused", t.Role, t.What, t.Subject)
			default:
				wrong.add("let", t.Role, t.What, t.Subject)
			}
		}
		found += may + mayNot - lets - refuses
		summary.add(g.Name(), strconv.Itoa(lets), strconv.Itoa(may), strconv.Itoa(refuses), strconv.Itoa(mayNot))
	}
	if err := summary.flush(); err != nil {
		return err
	}
	if found == 0 {
		return nil
	}
	if err := errors.Join(p.say("\n"), wrong.flush()); err != nil {
		return err
	}
	return fmt.Errorf("the server does otherwise than it should in %s: give it the nats.conf of %s", count(found, "case"), f.dir)
}

// badLogin makes a usage error of a file that cannot be used.
func badLogin(err error) error {
	var bad *bus.BadLogin
	if errors.As(err, &bad) {
		return &usageError{err}
	}
	return err
}

// instancesOf are those whose cores have a login in a directory.
func instancesOf(dir string) (instances []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &usageError{fmt.Errorf("--dir: %w: name the directory that callout auth init has written", err)}
	}
	for _, entry := range entries {
		token, core := strings.CutPrefix(strings.TrimSuffix(entry.Name(), ".nk"), string(access.RoleCore)+"-")
		if !core || !strings.HasSuffix(entry.Name(), ".nk") {
			continue
		}
		instance, err := wire.ID(token)
		if err != nil {
			return nil, &usageError{fmt.Errorf("--dir %s: %s is no name of a core's login: take it away", dir, entry.Name())}
		}
		instances = append(instances, instance)
	}
	return instances, nil
}
