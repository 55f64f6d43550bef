// Command dispatcher owns the catalog of an installation; see dispatcher --help.
package main

import (
	"os"

	"github.com/callout-hq/callout/pkg/cli"
)

var version = "dev" // set when a release is built

func main() { os.Exit(cli.Main("dispatcher", version)) }
