package access

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/wire"
)

// Role is a kind of process or person as a NATS server knows it.
type Role string

// The roles on NATS. A core is one of an instance.
const (
	RoleCore       Role = "core"
	RoleWorker     Role = "worker"
	RoleDispatcher Role = "dispatcher"
	RoleObserver   Role = "observer"
)

// Grant is what a NATS server allows a role. Subjects have the wildcards of NATS;
// one to subscribe to may have a queue group behind a space, and may then be
// subscribed to as a member of that alone.
type Grant struct {
	Role     Role
	Instance string // of a core
	// Inbox is what the subjects begin with at which it is answered.
	Inbox     string
	Publish   []string
	Subscribe []string
}

// Name tells a grant from others: its role, and of a core its instance.
func (g Grant) Name() string {
	if g.Role == RoleCore {
		return string(g.Role) + "-" + wire.ShortToken(g.Instance)
	}
	return string(g.Role)
}

// Grants are those of an installation with these instances.
func Grants(instances ...string) []Grant {
	all := []Grant{Dispatcher(), Worker(instances...), Observer()}
	for _, instance := range instances {
		all = append(all, Core(instance))
	}
	return all
}

// Core may do what the verbs Call and Publish say, with one instance, and hear of
// its conditions. It has no JetStream API but reads of single messages: whoever may
// make a consumer can have the server send what he likes to any subject.
func Core(instance string) Grant {
	g := newGrant(RoleCore, instance, InboxCore(instance))
	g.allow(callsOf(instance), eventsOf(instance), conditionsOf(instance))
	return g
}

// Worker answers calls, and takes the deliveries of these instances. Streams have
// their instance in their name, and NATS has no wildcard for a part of one: so a
// worker is of the instances that it is to work for. It makes consumers, but of
// buckets alone.
func Worker(instances ...string) Grant {
	g := newGrant(RoleWorker, "", InboxWorker)
	g.Subscribe = append(g.Subscribe, wire.AllCalls+" "+wire.CallGroup, wire.AllTests+" "+wire.CallGroup, wire.Cancelled, wire.AllShards)
	g.Publish = append(g.Publish, "$JS.API.STREAM.LIST")
	for _, bucket := range []string{wire.BucketCatalog, wire.BucketSecrets, wire.BucketLines, wire.BucketQuotas, wire.BucketKeys, wire.BucketHolders} {
		g.Publish = append(g.Publish, followed(bucket)...)
	}
	g.Publish = append(g.Publish,
		wire.BucketSubject(wire.BucketLines, ">"),             // records of lines, paused targets
		wire.BucketSubject(wire.BucketSecrets, "*.*.*"),       // the key of a target that has none
		wire.BucketSubject(wire.BucketSecrets, "*.*.named.*"), // secrets that are sealed for another key
		wire.BucketSubject(wire.BucketKeys, "*.own.*"),        // a key of an instance, sealed anew
		wire.BucketSubject(wire.BucketPresent, "worker.*"),    // that it is there
		"$JS.API.STREAM.INFO."+wire.BucketStream(wire.BucketPresent),
		wire.BucketSubject(wire.BucketHolders, "session.*"), // that it holds shards of lines
		"$JS.API.STREAM.INFO."+wire.StreamPositions, "$JS.API.DIRECT.GET."+wire.StreamPositions)
	// Where it answers. To allow what it was asked to answer, and nothing else, would
	// have the server remember every delivery for as long as a call may take.
	g.Publish = append(g.Publish, InboxDispatcher+".>", betweenAccounts)
	for _, instance := range instances {
		g.Publish = append(g.Publish, InboxCore(instance)+".>")
		g.Publish = append(g.Publish, worked(instance)...)
	}
	return g
}

// betweenAccounts is what stands for an inbox of another account.
const betweenAccounts = "_R_.>"

// Dispatcher may do everything in its account: it makes the streams.
func Dispatcher() Grant {
	g := newGrant(RoleDispatcher, "", InboxDispatcher)
	g.Publish, g.Subscribe = []string{">"}, []string{">"}
	return g
}

// Observer may do what the verb Observe says: it sees states and figures of streams
// and consumers, and no message.
func Observer() Grant {
	g := newGrant(RoleObserver, "", "_INBOX_observer")
	g.Publish = append(g.Publish, "$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.*",
		"$JS.API.CONSUMER.NAMES.*", "$JS.API.CONSUMER.LIST.*", "$JS.API.CONSUMER.INFO.*.*")
	return g
}

// Where the processes of a fleet are answered. A core has an inbox of its own, see
// InboxCore.
const (
	InboxWorker     = "_INBOX_worker"
	InboxDispatcher = "_INBOX_dispatcher"
)

const longestInbox = 40

// InboxCore is where the cores of an instance are answered: letters, digits, _ and -
// alone.
func InboxCore(instance string) string {
	if token := wire.Token(instance); token == instance && len(token) <= longestInbox {
		return "_INBOX_core_" + token
	}
	sum := sha256.Sum256([]byte(instance))
	return "_INBOX_hashed_" + hex.EncodeToString(sum[:16])
}

// MayPublish tells whether a subject without wildcards may be published to.
func (g Grant) MayPublish(subject string) bool {
	return slices.ContainsFunc(g.Publish, func(allowed string) bool { return covers(allowed, subject) })
}

// MaySubscribe tells whether a subject may be subscribed to, as one of a queue group
// or, with an empty one, alone.
func (g Grant) MaySubscribe(subject, group string) bool {
	return slices.ContainsFunc(g.Subscribe, func(allowed string) bool {
		pattern, only, limited := strings.Cut(allowed, " ")
		return covers(pattern, subject) && (!limited || only == group)
	})
}

// covers tells whether a pattern covers a subject, which may have wildcards too.
func covers(pattern, subject string) bool {
	patterns, tokens := strings.Split(pattern, "."), strings.Split(subject, ".")
	for n, p := range patterns {
		switch {
		case p == ">":
			return len(tokens) > n
		case n >= len(tokens), p == "*" && tokens[n] == ">", p != "*" && p != tokens[n]:
			return false
		}
	}
	return len(patterns) == len(tokens)
}

func newGrant(role Role, instance, inbox string) Grant {
	return Grant{Role: role, Instance: instance, Inbox: inbox, Subscribe: []string{inbox + ".>"}}
}

// part is some of a grant.
type part struct{ publish, subscribe []string }

func (g *Grant) allow(parts ...part) {
	for _, p := range parts {
		g.Publish, g.Subscribe = append(g.Publish, p.publish...), append(g.Subscribe, p.subscribe...)
	}
}

// callsOf is the verb Call on NATS.
func callsOf(instance string) part {
	return part{publish: []string{wire.CallsOf(instance), wire.Cancelled}}
}

// eventsOf is the verb Publish on NATS: to store events, to read one that is taken
// for a duplicate, and to declare what can be extended.
func eventsOf(instance string) part {
	return part{publish: []string{wire.AllEventsOf(instance), "$JS.API.DIRECT.GET." + wire.StreamsOf(instance).Events,
		wire.BucketSubject(wire.BucketDeclared, wire.Token(instance)+".*")}}
}

// conditionsOf is what a core needs to know when there is something to ask for. It
// hears of them by a plain subscription and reads that one key, and its parts.
func conditionsOf(instance string) part {
	key, read := wire.BucketSubject(wire.BucketConditions, wire.Token(instance)), "$JS.API.DIRECT.GET."+wire.BucketStream(wire.BucketConditions)+"."
	return part{publish: []string{read + key, read + key + ".>"}, subscribe: []string{key}}
}

// followed is what following a bucket takes.
func followed(bucket string) []string {
	stream, all := wire.BucketStream(bucket), wire.BucketSubject(bucket, ">")
	return slices.Concat([]string{
		"$JS.API.STREAM.INFO." + stream, "$JS.API.STREAM.MSG.GET." + stream, "$JS.API.DIRECT.GET." + stream + "." + all,
		"$JS.API.CONSUMER.CREATE." + stream + ".*." + all, "$JS.API.CONSUMER.INFO." + stream + ".*", "$JS.API.CONSUMER.DELETE." + stream + ".*",
	}, both("$JS.FC.", stream))
}

// both are the forms of a subject that begins a reply to JetStream: the one that
// servers send, and the one with a domain and an account that they are about to.
func both(begins, stream string) []string {
	return []string{begins + stream + ".>", begins + "*.*." + stream + ".>"}
}

// worked is what working for an instance takes.
func worked(instance string) (publish []string) {
	streams := wire.StreamsOf(instance)
	for _, stream := range []string{streams.Events, streams.Async} { // what its lines take from
		publish = append(publish, "$JS.API.STREAM.INFO."+stream, "$JS.API.DIRECT.GET."+stream, "$JS.API.CONSUMER.INFO."+stream+".*",
			"$JS.API.CONSUMER.MSG.NEXT."+stream+".*", "$JS.API.CONSUMER.PAUSE."+stream+".*")
		publish = append(publish, both("$JS.ACK.", stream)...)
	}
	return append(publish,
		// How it reads the events of packed lines, and writes how far those have come. The
		// last is the place of the consumer that shows it.
		"$JS.API.STREAM.MSG.GET."+streams.Events,
		"$JS.API.CONSUMER.CREATE."+streams.Events+".*."+wire.EventsOf(instance), "$JS.API.CONSUMER.DELETE."+streams.Events+".*",
		"$JS.API.CONSUMER.RESET."+streams.Events+".*",
		wire.PositionsOf(instance), wire.BucketSubject(wire.BucketHolders, "shard."+wire.Token(instance)+".*"),
		"$JS.API.STREAM.INFO."+streams.Dead, "$JS.API.DIRECT.GET."+streams.Dead, "$JS.API.DIRECT.GET."+streams.Dead+".>",
		"$JS.API.STREAM.MSG.DELETE."+streams.Dead, "$JS.API.STREAM.MSG.GET."+streams.Dead, // one that was delivered after all
		wire.DeadOf(instance), wire.AsyncOf(instance), wire.AttemptsOf(instance))
}
