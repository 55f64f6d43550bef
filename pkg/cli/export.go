package cli

import (
	"context"

	"github.com/spf13/cobra"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) exportCommand() *cobra.Command {
	var server serverFlags
	var revision uint64
	var org string
	cmd := &cobra.Command{
		Use:   "export [--revision N]",
		Short: "Print the configuration in force, as a file that apply reads",
		Long: `Prints the configuration in force on a dispatcher as a configuration file:
"callout apply -f" reads it back to the same. Signing keys are not in it, only
where they come from. With --output json it comes with its revision. With --revision it
is that of an earlier revision. With --org it is what one organization has, as a file
of its own.`,
		Example: "  callout export > callout.yaml\n  callout export --revision 7 > before.yaml\n  callout export --instance acme -o json | jq .revision",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := server.check(); err != nil {
				return err
			}
			return p.export(cmd.Context(), &server, revision, org)
		},
	}
	cmd.Flags().Uint64Var(&revision, "revision", 0, "that of revision `N` instead of the one in force")
	cmd.Flags().StringVar(&org, "org", "", "only what this `ORGANIZATION` has, as a file of its own")
	server.add(cmd, asYAML, asJSON)
	return cmd
}

func (p *Program) export(ctx context.Context, server *serverFlags, revision uint64, org string) error {
	answer, err := ask(ctx, server, &calloutv1.ExportRequest{Instance: server.instance, Revision: revision, Org: org}, calloutv1connect.ActionServiceClient.Export)
	if err != nil {
		return err
	}
	if isJSON(server.output) {
		return p.print(asJSON, answer)
	}
	return p.say("%s", answer.GetConfiguration())
}
