// Command callout plays, checks and runs Callout; see callout --help.
package main

import (
	"os"

	"github.com/callout-hq/callout/pkg/cli"
)

var version = "dev" // set when a release is built

func main() { os.Exit(cli.Main("callout", version)) }
