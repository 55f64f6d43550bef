package cli_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/callout-hq/callout/pkg/cli"
)

// programVariable makes this test binary one of the programs: callout,
// dispatcher or worker. A child of the child runs the same binary with the same
// variable, which is how the demo starts a fleet; the demo takes away what
// begins with CALLOUT_.
const programVariable = "PROGRAM_UNDER_TEST"

func TestMain(m *testing.M) {
	if name := os.Getenv(programVariable); name != "" {
		os.Exit(cli.Main(name, "test"))
	}
	flag.Parse()
	if flag.NArg() > 0 { // a child that lost its variable would run all tests anew
		fmt.Fprintf(os.Stderr, "%q: which program is this to be? set %s\n", flag.Args(), programVariable)
		os.Exit(2)
	}
	goleak.VerifyTestMain(m)
}
