package dispatch_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAPauseHoldsWhatComesNext: what is published when a pause has been confirmed
// is not sent, in either instance, though the workers hear of it by NATS alone.
func TestAPauseHoldsWhatComesNext(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	r, d := newReceiver(t), f.dispatcher()
	f.worker(f.bus())
	both(t, f, func(t *testing.T, of tenant) {
		of.made(t, d, baseOf(r, of.id))
		p := f.publisher()
		for n := range 5 {
			require.NoError(t, d.Instance(of.id).PauseTarget(within(t, 10*time.Second), "", "z", "by hand"))
			p.publish(t, of.id, "", "order.placed", "o")
			time.Sleep(20 * time.Millisecond) // a delivery would have begun by then
			require.Len(t, r.got(pathOf(of.id, "z")), n)
			_, err := d.Instance(of.id).ResumeTarget(within(t, 10*time.Second), "", "z")
			require.NoError(t, err)
			require.Eventually(t, func() bool { return len(r.got(pathOf(of.id, "z"))) == n+1 }, time.Minute, time.Millisecond)
		}
	})
}
