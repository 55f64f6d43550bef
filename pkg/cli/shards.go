package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/bus/shards"
)

// shardCount is how many shards lines are packed into, as a flag.
type shardCount struct{ n *int }

func (c shardCount) String() string {
	switch {
	case c.n == nil || *c.n == 0:
		return ""
	case *c.n == shards.None:
		return "0"
	}
	return strconv.Itoa(*c.n)
}

func (shardCount) Type() string { return "int" }

func (c shardCount) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > shards.Most {
		return fmt.Errorf("it is a number from 0 to %d", shards.Most)
	}
	if *c.n = n; n == 0 {
		*c.n = shards.None
	}
	return nil
}

// addShards adds the flag of who makes lines.
func addShards(cmd *cobra.Command, n *int) {
	cmd.Flags().Var(shardCount{n}, "shards", fmt.Sprintf("pack the lines of an instance that keep an order into `COUNT` shards, each of which one worker holds at a time: over so many workers they spread; 0 = each line has a consumer of its own. Unless you say, it is %d for an instance once it has more than %d such lines, and consumers for the others", shards.Usual, shards.PackFrom))
}
