package cli

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

// unset is the version of a program that no release build has named.
const unset = "dev"

// Version is what a program says of itself: the version that a release build has
// set, else what the Go command has stamped into it, such as v1.2.3 behind "go
// install …@v1.2.3" or a time and a commit in a clone. Where nothing is known, as
// with "go run", it is dev.
func Version(set string, info *debug.BuildInfo) string {
	if set != unset || info == nil || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return set
	}
	return info.Main.Version
}

func (p *Program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program",
		Long:    "Prints the version of this program, as --version does.",
		Example: "  callout version",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.say("%s version %s\n", cmd.Root().Name(), cmd.Root().Version)
		},
	}
}
