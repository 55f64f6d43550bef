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
	if c.n == nil {
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
	*c.n = n
	return nil
}

// addShards adds the flag of who makes lines.
func addShards(cmd *cobra.Command, n *int) {
	cmd.Flags().Var(shardCount{n}, "shards", "pack lines that are made from now on into `COUNT` shards of an instance, for hundreds of lines and more: 4 is a good number, one per worker or more; 0 = each line has a consumer of its own. New: not yet the default")
}
