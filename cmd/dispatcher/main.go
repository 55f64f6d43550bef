// Command dispatcher owns the catalog of an installation; see dispatcher --help.
package main

import (
	"os"
	"runtime/debug"

	"github.com/callout-hq/callout/pkg/cli"
)

var version = "dev" // set when a release is built; else what the build says

func main() {
	info, _ := debug.ReadBuildInfo()
	os.Exit(cli.Main("dispatcher", cli.Version(version, info), nil))
}
