package cli

import "github.com/spf13/cobra"

func (p *Program) authCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:   "auth init|check",
		Short: "Say who may do what",
		Long: `Makes the logins of an installation, each with the least that its role needs, and
tries whether a server keeps to that.`,
		Example: "  callout auth init --nats users -o secrets --instance default\n  callout auth check --nats nats://127.0.0.1:4222 --dir secrets",
	})
	cmd.AddCommand(p.authInitCommand(), p.authAddCommand(), p.authCheckCommand())
	return cmd
}
