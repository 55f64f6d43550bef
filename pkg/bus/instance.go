package bus

import (
	"github.com/callout-hq/callout/pkg/wire"
)

// Instance is the door to everything on the bus that belongs to one instance, a
// tenant of the installation: its streams and its keys. The rooms of the bus
// add their own to it, such as lines.Of. It is a value without state, cheap to
// make, and may be used from any goroutine; nothing tells whether the instance
// exists.
type Instance struct {
	*Bus
	ID     string
	Token  string // the id as it stands in subjects and keys
	Events string // name of the stream of events and catalog markers
	Dead   string // name of the stream of dead letters
	Async  string // name of the stream of async deliveries and redrives

	Attempts string // name of the stream of what became of each attempt
}

// Instance opens the door of an instance.
func (b *Bus) Instance(id string) Instance {
	streams := wire.StreamsOf(id)
	return Instance{Bus: b, ID: id, Token: wire.Token(id), Events: streams.Events, Dead: streams.Dead, Async: streams.Async, Attempts: streams.Attempts}
}

// TargetKey tells which target is meant, wherever it is looked up for every
// delivery.
type TargetKey struct{ Instance, Owner, Name string }

// targetTokens are the tokens that stand for a target of an instance in a key.
func targetTokens(owner, target string) string { return wire.Token(owner) + "." + wire.Token(target) }
