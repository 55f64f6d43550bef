package cli

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// busFlags are what a process of a fleet needs to find the others.
type busFlags struct {
	url       string
	maxObject int
	ackWait   time.Duration
}

func (b *busFlags) add(cmd *cobra.Command, url string) {
	f := cmd.Flags()
	f.StringVar(&b.url, "nats", url, "`URL` of NATS, such as nats://127.0.0.1:4222")
	f.IntVar(&b.maxObject, "max-object", 1<<20, "`BYTES` an object or payload may have, up to 8388608")
	f.DurationVar(&b.ackWait, "ack-wait", bus.DefaultAckWait, "how long the broker waits for a worker that holds a delivery; at least 500ms, the same in the whole fleet")
}

// check refuses what is out of bounds.
func (b *busFlags) check() error {
	if b.maxObject < 1 || b.maxObject > action.CeilingObject {
		return &usageError{fmt.Errorf("--max-object is 1 to %d bytes, not %d", action.CeilingObject, b.maxObject)}
	}
	if b.url == "" {
		return nil
	}
	for server := range strings.SplitSeq(b.url, ",") {
		u, err := url.Parse(strings.TrimSpace(server))
		split := err == nil && u.User == nil && strings.Contains(server, "@") // a token with a slash: its beginning would be looked up as a host
		if err != nil || split || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
			return &usageError{errors.New("--nats is a URL such as nats://127.0.0.1:4222, or several with commas between them; in a password / is written %2F")}
		}
	}
	return nil
}

func (b *busFlags) options(name string, log zerolog.Logger) bus.Options {
	return bus.Options{URL: b.url, Name: name, Log: log, MaxObject: b.maxObject, AckWait: b.ackWait}
}
