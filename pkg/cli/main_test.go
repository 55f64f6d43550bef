package cli_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/callout-hq/callout/pkg/cli"
	"github.com/callout-hq/callout/pkg/demo"
)

// programVariable makes this test binary one of the programs: callout,
// dispatcher or worker. A child of the child runs the same binary with the same
// variable, which is how the demo starts a fleet; the demo takes away what
// begins with CALLOUT_.
const programVariable = "PROGRAM_UNDER_TEST"

// scriptProgram is the program of the scripts: this test binary by that name.
const scriptProgram = "callout"

func TestMain(m *testing.M) {
	if dir := os.Getenv(diskVariable); dir != "" {
		os.Exit(holdDisk(dir))
	}
	if name := os.Getenv(programVariable); name == curlProgram {
		os.Exit(curl(os.Args[1:]))
	} else if name != "" {
		os.Exit(cli.Main(name, "test", demo.Run))
	}
	if filepath.Base(os.Args[0]) != scriptProgram {
		flag.Parse()
		if flag.NArg() > 0 { // a child that lost its variable would run all tests anew
			fmt.Fprintf(os.Stderr, "%q: which program is this to be? set %s\n", flag.Args(), programVariable)
			os.Exit(2)
		}
	}
	testscript.Main(leakFree{m}, map[string]func(){scriptProgram: func() { os.Exit(cli.Main(scriptProgram, "test", demo.Run)) }})
}

// leakFree fails the tests when goroutines are left behind.
type leakFree struct{ m *testing.M }

func (l leakFree) Run() int {
	code := l.m.Run()
	if err := goleak.Find(goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1")); err != nil && code == 0 {
		fmt.Fprintf(os.Stderr, "goroutines are left behind: %v\n", err)
		code = 1
	}
	return code
}
