package dispatch_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// TestNothingIsDeclaredForNobody: what is declared for an instance that is not there would
// lie there for whoever makes one of that name.
func TestNothingIsDeclaredForNobody(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	code(t, action.CodeUnknownInstance, d.Instance("nobody").Declare(within(t, 20*time.Second), catalog.Declaration{Core: "c", Functions: []string{"f"}}))
	_, err := f.bucket(bus.BucketDeclared).Get(within(t, 20*time.Second), "nobody.c")
	require.Error(t, err)
}
