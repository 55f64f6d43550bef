package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && cmd.HasAvailableSubCommands() {
		return unknownCommand(cmd, args[0])
	}
	if err := cobra.NoArgs(cmd, args); err != nil {
		return &usageError{err}
	}
	return nil
}

// oneOf takes the name of one thing.
func oneOf(noun string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return &usageError{fmt.Errorf("%s takes the NAME of one %s, not %d", cmd.CommandPath(), noun, len(args))}
	}
}

// someOf takes the names of one or more things.
func someOf(noun string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return nil
		}
		return &usageError{fmt.Errorf("%s takes the NAME of one %s or of several", cmd.CommandPath(), noun)}
	}
}
