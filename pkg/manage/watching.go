package manage

import (
	"fmt"
	"net"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/share"
)

// How many streams of one kind one client may have alone at one dispatcher, and
// one instance. The first is less than the second, so that no client has all of an
// instance; all clients together have at most half as much again as one, which is
// more than an instance may have, so that no instance has all there are.
const (
	maxOfClient   = 128
	maxOfInstance = 160
)

// watching are the places of those to whom something is shown as it comes, a
// share for each client and for each instance.
type watching struct {
	what                   string
	ofClients, ofInstances *share.Pool
}

func newWatching(what string) *watching {
	return &watching{what, share.New(maxOfClient), share.New(maxOfInstance)}
}

// enter takes a place for a client at an address. leave must follow, unless there
// is an error: busy.
func (w *watching) enter(address, instance string) (leave func(), err error) {
	client := address
	if host, _, err := net.SplitHostPort(address); err == nil {
		client = host
	}
	full := func(whom string) error {
		return action.NewError(action.CodeBusy, action.StageBus,
			fmt.Sprintf("%s are shown to as many clients as they may be %s: close one of those streams", w.what, whom))
	}
	if !w.ofClients.Take(client, 1) {
		return nil, full("at this address")
	}
	if !w.ofInstances.Take(instance, 1) {
		w.ofClients.Give(client, 1)
		return nil, full("of this instance")
	}
	return func() {
		w.ofInstances.Give(instance, 1)
		w.ofClients.Give(client, 1)
	}, nil
}
