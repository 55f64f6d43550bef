package cli

import "github.com/spf13/cobra"

// The groups of commands in the help of callout.
const (
	groupRun       = "run"
	groupConfigure = "configure"
	groupOperate   = "operate"
	groupTry       = "try"
	groupSettings  = "settings"
)

// The help shows commands in the order in which they are come to.
func init() { cobra.EnableCommandSorting = false }

func (p *Program) calloutCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "callout",
		Short: "Lets the users of a platform extend it with their own HTTP endpoints",
		Long: `Callout calls the HTTP endpoints of a platform's users: before a request is
handled, after a response is built, inside a named function, and on every event
that was stored.

Begin with "callout demo", which plays the whole sequence, then have "callout
init DIR" write a configuration, a target and a core, look over the configuration
with "callout check -f FILE", and run everything in one process with "callout dev
-f FILE".

Every flag can be set by a variable: CALLOUT_SERVER for --server, and so on.

What is printed for programs follows one rule: a list is one object, {"items":[…]},
with -o json, and one object a line, as they come, with --json; what is no list is
one object with both. Numbers are numbers, words are in lower case, members are
named as in the API, how long an exchange took is durationMs, and times are
RFC 3339.

Exit codes: 0 done; 1 failed or flawed, or different where that is the question;
2 wrong usage, or where that is the question, no answer to it; 3 no server answers.`,
		Example: "  callout demo\n  callout dev -f callout.yaml\n  callout apply -f callout.yaml --dry-run",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	dispatcher, worker := p.dispatcherCommand(), p.workerCommand()
	dispatcher.Hidden, worker.Hidden = true, true // they are programs of their own
	root.AddCommand(dispatcher, worker)
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{groupRun, "Run it:", []*cobra.Command{p.demoCommand(), p.initCommand(), p.devCommand()}},
		{groupConfigure, "Configure it:", []*cobra.Command{p.checkCommand(), p.applyCommand(), p.diffCommand(), p.exportCommand(),
			p.createCommand(), p.setCommand(), p.editCommand(), p.deleteCommand(), p.historyCommand(), p.rollbackCommand()}},
		{groupOperate, "Look at it, and act:", []*cobra.Command{p.statusCommand(), p.getCommand(), p.describeCommand(), p.explainCommand(), p.targetCommand(),
			p.subscriptionCommand(), p.deadCommand(), p.eventsCommand(), p.jobCommand(), p.auditCommand()}},
		{groupTry, "Write a target:", []*cobra.Command{p.generateCommand(), p.triggerCommand(), p.listenCommand(), p.callCommand(), p.conformanceCommand()}},
		{groupSettings, "Settings:", []*cobra.Command{p.contextCommand(), p.tokenCommand(), p.secretCommand(), p.instanceKeyCommand(), p.authCommand(), p.versionCommand()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, cmd := range g.commands {
			cmd.GroupID = g.id
			root.AddCommand(cmd)
		}
	}
	root.SetHelpCommandGroupID(groupSettings)
	root.SetCompletionCommandGroupID(groupSettings)
	p.completeEverywhere(root)
	return root
}

// completeEverywhere completes the flags that many commands have.
func (p *Program) completeEverywhere(cmd *cobra.Command) {
	if cmd.Flags().Lookup("context") != nil {
		complete(cmd, "context", p.completeContexts)
	}
	for _, sub := range cmd.Commands() {
		p.completeEverywhere(sub)
	}
}

// parent makes a command that only holds others: by itself it shows its help.
func parent(cmd *cobra.Command) *cobra.Command {
	cmd.Args = noArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return cmd
}
