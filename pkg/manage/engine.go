package manage

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Engine is what the service manages. All methods may be called from any
// goroutine; errors are *action.Error, unknown_instance among them.
type Engine interface {
	Configurations
	Subscriptions
	DeadLetters
	Events
	Declarations
	Tests
}

// Configurations of instances, and the targets in them.
type Configurations interface {
	// Catalog gives the catalog in force, waiting for one that is not older
	// than revision.
	Catalog(ctx context.Context, instance string, revision uint64) (*catalog.Matcher, error)
	// Edit puts in force what edit makes of the catalog in force, and tells the
	// revisions before and after. source tells the history what made it.
	Edit(ctx context.Context, instance, source string, edit func(current *catalog.Snapshot) (*catalog.Snapshot, error)) (before, after uint64, err error)
	// CatalogAt gives the catalog of one revision. The error is not_found when it
	// never was or is not kept any more; revision 0 is the empty catalog.
	CatalogAt(ctx context.Context, instance string, revision uint64) (*catalog.Snapshot, error)
	// History lists revisions, the newest first: those below before, 0 = all, at
	// most limit.
	History(ctx context.Context, instance string, before uint64, limit int) ([]action.Revision, error)
	// Watch reports the revision in force if it is newer than from, then each
	// newer one, until ctx ends or do fails. Who is slow misses some, never the
	// newest.
	Watch(ctx context.Context, instance string, from uint64, do func(action.Revision) error) error
	// SigningKey gives the signing key of a target that org itself defines.
	SigningKey(ctx context.Context, instance, org, target string) (string, error)
	// PauseTarget and ResumeTarget act on a target that org itself defines; ""
	// is the instance. ResumeTarget tells whether the configuration keeps the
	// target paused all the same.
	PauseTarget(ctx context.Context, instance, org, target, reason string) error
	ResumeTarget(ctx context.Context, instance, org, target string) (stillPaused bool, err error)
	// Paused tells whether a target is paused beside its configuration.
	Paused(instance, owner, target string) (reason string, paused bool)
}

// allLanes stands for every lane of a subscription.
const allLanes = -1

// Subscriptions of an instance. name is that of a subscription or of one line
// of it, lane is one of them or allLanes.
type Subscriptions interface {
	// Subscriptions lists the lines, by name and lane.
	Subscriptions(ctx context.Context, instance string) ([]action.Subscription, error)
	PauseSubscription(ctx context.Context, instance, name string, lane int) error
	ResumeSubscription(ctx context.Context, instance, name string, lane int) error
	RetryNow(ctx context.Context, instance, name string, lane int) error
	Skip(ctx context.Context, instance, name string, lane int) error
	// Waiting counts the events and async deliveries that wait for the lines of a
	// target, or of an execution: of names one or the other. Replays are not
	// counted: what they send was delivered before.
	Waiting(ctx context.Context, instance string, of catalog.Line) (uint64, error)
	// Discard makes dead letters of everything that waits for those of these
	// lines that are no longer configured, and tells how many.
	Discard(ctx context.Context, instance string, of catalog.Line) (uint64, error)
}

// DeadLetters of an instance. Ids are within the grammar of ids.
type DeadLetters interface {
	// LastDeadLetter is the place of the newest one, 0 when there never was one.
	LastDeadLetter(ctx context.Context, instance string) (place uint64, err error)
	// DeadLettersFrom reads them from a place on, oldest first, until do returns
	// false.
	DeadLettersFrom(ctx context.Context, instance string, place uint64, do func(bus.StoredLetter) bool) error
	DeadLetter(ctx context.Context, instance, deliveryID string) (bus.StoredLetter, error)
	RedriveDeadLetter(ctx context.Context, instance, deliveryID string) error
	DiscardDeadLetter(ctx context.Context, instance, deliveryID string) error
}

// Events of an instance.
type Events interface {
	// Replay sends the events of a subscription again, from a sequence or, with
	// sequence 0, from a time on, and names the line that does.
	Replay(ctx context.Context, instance, name string, sequence uint64, since time.Time) (line string, err error)
	// Tail hands over events as they are stored until ctx ends or a callback
	// fails. begun is told from which sequence on none is left out.
	Tail(ctx context.Context, instance string, o bus.TailOptions, begun func(from uint64) error, do func(bus.StoredEvent) error) error
}
