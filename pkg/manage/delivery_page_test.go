package manage

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus/attempts"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

func TestPlaceToken(t *testing.T) {
	t.Parallel()
	filter := &calloutv1.DeliveryFilter{Target: "a"}
	for _, at := range []*attempts.Place{nil, {Below: 7}, {Below: 1 << 63, Open: []uint64{0, 1, 1 << 63}}} {
		text, err := writePlace(at, filter)
		require.NoError(t, err)
		got, err := readPlace(text, filter)
		require.NoError(t, err)
		require.Equal(t, at, got)
	}
}

// FuzzReadPlace: a token that somebody made is refused, or is one that is written.
func FuzzReadPlace(f *testing.F) {
	for _, at := range []*attempts.Place{{Below: 7}, {Below: 9, Open: []uint64{1, 2}}} {
		text, err := writePlace(at, nil)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add("e30")
	f.Fuzz(func(t *testing.T, text string) {
		at, err := readPlace(text, nil)
		if err != nil || at == nil {
			return
		}
		require.NotZero(t, at.Below)
		require.LessOrEqual(t, len(at.Open), attempts.MaxOpen)
	})
}
