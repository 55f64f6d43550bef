// Command callout plays, checks and runs Callout; see callout --help.
package main

import (
	"os"
	"runtime/debug"

	"github.com/callout-hq/callout/pkg/cli"
	"github.com/callout-hq/callout/pkg/demo"
)

var version = "dev" // set when a release is built; else what the build says

func main() {
	info, _ := debug.ReadBuildInfo()
	os.Exit(cli.Main("callout", cli.Version(version, info), demo.Run))
}
