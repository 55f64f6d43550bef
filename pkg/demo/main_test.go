package demo

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the package when anything of a play is still running after
// its tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
