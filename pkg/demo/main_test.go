package demo

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// playHere makes a test's own binary play a fleet with the executable it names
// and hold it, so that a test can kill it.
const playHere = "DEMO_TEST_PLAY_WITH"

// TestMain fails the package when anything of a play is still running after
// its tests.
func TestMain(m *testing.M) {
	if exe := os.Getenv(playHere); exe != "" {
		err := Run(context.Background(), Options{Out: os.Stdout, JSON: true, Hold: true, Fleet: 2, Executable: exe})
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if os.Getenv(hooksHere) != "" {
		beHooks()
	}
	goleak.VerifyTestMain(m)
}
