package lines_test

import (
	"os"
	"testing"

	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/shards"
)

// Most of what is tested here is about consumers of lines: where nobody says otherwise a
// line has one. Tests of packed lines say so.
func TestMain(m *testing.M) {
	if os.Getenv("CALLOUT_TEST_SHARDS") == "" {
		shards.Unasked = shards.None
	}
	bustest.Main(m)
}
