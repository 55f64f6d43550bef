// Command worker invokes targets; see worker --help.
package main

import (
	"os"
	"runtime/debug"

	"github.com/callout-hq/callout/pkg/cli"
)

var version = "dev" // set when a release is built; else what the build says

func main() {
	info, _ := debug.ReadBuildInfo()
	os.Exit(cli.Main("worker", cli.Version(version, info), nil))
}
