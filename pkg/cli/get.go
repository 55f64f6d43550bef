package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callout-hq/callout/pkg/catalog"
)

func (p *Program) getCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:   "get targets|executions|subscriptions|deliveries|events|dead|jobs|revisions|conditions|workers|instances [NAME…]",
		Short: "Show what a dispatcher has",
		Long: `Shows what a dispatcher has, as a table or for programs. -o wide shows more, -o name
the names alone, -o json all in one object, {"items":[…]}, --json one object a line
as they come, and -o yaml, for targets and executions, a configuration file that
"callout apply -f -" reads back and that changes nothing. --watch shows each again
when it stands differently.

In JSON numbers are numbers, words are in lower case, and times are RFC 3339.`,
		Example: "  callout get targets --org acme\n  callout get executions --target audit\n  callout get targets -l team=identity -o yaml > identity.yaml",
	})
	cmd.AddCommand(p.getTargetsCommand(), p.getExecutionsCommand(), p.getSubscriptionsCommand(), p.getRevisionsCommand(),
		p.getConditionsCommand(), p.getDeliveriesCommand(), p.getDeadCommand(), p.getJobsCommand(), p.getEventsCommand(), p.getWorkersCommand(), p.getInstancesCommand())
	return cmd
}

// chosen marks what was asked for by name, and tells what never came.
type chosen struct {
	refs []ref
	seen []bool
}

func choose(args []string, read func(string) (ref, error)) (*chosen, error) {
	c := &chosen{}
	for _, arg := range args {
		r, err := read(arg)
		if err != nil {
			return nil, err
		}
		c.refs, c.seen = append(c.refs, r), append(c.seen, false)
	}
	return c, nil
}

// has tells whether an object was asked for: everything was when no name was.
func (c *chosen) has(fits func(ref) bool) bool {
	found := len(c.refs) == 0
	for i, r := range c.refs {
		if fits(r) {
			c.seen[i], found = true, true
		}
	}
	return found
}

// missing is the error that names what did not come.
func (c *chosen) missing(noun string) error {
	var names []string
	for i, r := range c.refs {
		if !c.seen[i] {
			names = append(names, fmt.Sprintf("%q", r))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return errors.New("no " + noun + " is named " + strings.Join(names, ", ") + " [not_found]")
}

// durationText is a duration in its shortest form; left out it is nothing.
func durationText(d *durationpb.Duration) string {
	if d == nil {
		return ""
	}
	return catalog.ShortDuration(d.AsDuration())
}
