package lines_test

import (
	"testing"

	"github.com/callout-hq/callout/pkg/bus/bustest"
)

func TestMain(m *testing.M) { bustest.Main(m) }
