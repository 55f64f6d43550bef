package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/demo/asked"
)

// Demo plays the demo. A program that does not carry the demo's parts has none.
type Demo func(context.Context, asked.Options) error

func (p *Program) demoCommand() *cobra.Command {
	var o asked.Options
	var logs logFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Play the whole sequence on real parts, and check that it held",
		Long: `Plays what Callout is for, on real parts: a small core with a CreateUser API, a
call that changes the request, an event that becomes an LDAP entry, and an async
hook on the response. The targets are real HTTP servers on this machine, LDAP is
a real server, and every arrow is checked.

With --break one party fails, and the demo shows what the engine does about it:
  metadata   the call answers 500: the client is refused, nothing is stored
  hook       the webhook answers 400: a dead letter, at once
  ldap       the directory is down: retried in order, then delivered
  async      the async hook answers 500: logged, retried, then delivered

With --hooks the targets run a program of yours, or one of the folders of
examples/hooks in a checkout, such as python: the demo hands on to it what it is
sent, and checks what comes of it. The program gets a port as its argument (0:
any), the keys in CALLOUT_KEYS and the directory in LDAP_URL, LDAP_BIND_DN,
LDAP_PASSWORD and LDAP_BASE, and prints "listening on URL".

Exit code: 0 when everything happened in its place, or, with --break, when the
engine reacted as promised; 1 otherwise, naming the step.`,
		Example: "  callout demo\n  callout demo --break ldap\n  callout demo --json | jq -e .\n  callout demo --fleet 3\n  callout demo --hooks python\n  callout demo --hold",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Log, err = logs.logger(p.Err); err != nil {
				return err
			}
			o.Out, o.Terminal, o.Width = p.Out, isTerminal(p.Out), width(p.Out)
			return p.Demo(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.JSON, "json", false, "print one JSON object a line")
	f.BoolVar(&o.Hold, "hold", false, "keep running afterwards, and print commands to try")
	f.StringVar(&o.Break, "break", "", "make a `PARTY` fail: metadata, hook, ldap or async")
	f.StringVar(&o.Hooks, "hooks", "", "run the hooks of `PROGRAM`: go, typescript, python, java, or a path")
	f.IntVar(&o.Fleet, "fleet", 0, "run one dispatcher and `N` workers as processes of their own")
	f.StringVar(&o.Logins, "nats-logins", "", "have NATS ask every part who it is, by the logins in this `DIR`, which \"callout auth init --nats accounts\" has written")
	f.StringVar(&o.LDAP.URL, "ldap", "", "use your own LDAP server at `URL`, such as ldap://127.0.0.1:389")
	f.StringVar(&o.LDAP.BindDN, "ldap-bind", "", "`DN` to bind as on your LDAP server")
	f.StringVar(&o.LDAP.Password, "ldap-password", "", "`PASSWORD` to bind with")
	f.StringVar(&o.LDAP.Base, "ldap-base", "", "`DN` below which users are written")
	logs.add(cmd, "error")
	return cmd
}
