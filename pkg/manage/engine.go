package manage

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/attempts"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Engine opens the door of an instance, whether it exists or not.
type Engine func(instance string) Instance

// Instance is what the service manages. All methods may be called from any
// goroutine; errors are *action.Error, unknown_instance among them.
type Instance interface {
	Configurations
	Subscriptions
	DeadLetters
	Deliveries
	Events
	Declarations
	Trials
	Jobs
	Keys
	// Create makes the instance, with nothing configured; the error is
	// already_exists, or conflict while one of its name is being deleted.
	Create(ctx context.Context) (revision uint64, err error)
	// Usage tells what there is of the instance, in numbers.
	Usage(ctx context.Context) (action.InstanceUsage, error)
	// Quota tells how much the instance may have and do, SetQuota says so; the zero value
	// is no bound.
	Quota(ctx context.Context) (action.Quota, error)
	SetQuota(ctx context.Context, q action.Quota) error
	// Delete deletes it with everything of it, and tells what there was. The error is
	// file_owned, or deadline when not all is gone yet.
	Delete(ctx context.Context) (was action.InstanceUsage, err error)
	// Summary tells how the instance stands, in numbers. What cannot be told says
	// why.
	Summary(ctx context.Context) action.InstanceSummary
}

// Jobs of an instance: what takes longer than a request may.
type Jobs interface {
	// Jobs lists those that run, and those that ended within a day, the newest
	// first.
	Jobs(ctx context.Context) ([]jobs.Job, error)
	// Begin stores a job and gives it with its id. What is wrong with it is its own
	// error.
	Begin(ctx context.Context, j jobs.Job) (jobs.Job, error)
	// WatchJob tells how a job stands, now and whenever that changes, until do
	// gives false or fails, or ctx ends.
	WatchJob(ctx context.Context, id string, do func(jobs.Job) (more bool, err error)) error
	CancelJob(ctx context.Context, id string) (jobs.Job, error)
}

// Configurations of instances, and the targets in them.
type Configurations interface {
	// Catalog gives the catalog in force, waiting for one that is not older
	// than revision.
	Catalog(ctx context.Context, revision uint64) (*catalog.Matcher, error)
	// Edit puts in force what edit makes of the catalog in force, and tells the
	// revisions before and after. source tells the history what made it.
	Edit(ctx context.Context, source string, edit func(current *catalog.Snapshot) (*catalog.Snapshot, error)) (before, after uint64, err error)
	// EditWithJob is Edit for an edit that leaves a job, which edit fills in: without a
	// kind there is none. It has its id then.
	EditWithJob(ctx context.Context, source string, job *jobs.Job, edit func(current *catalog.Snapshot) (*catalog.Snapshot, error)) (before, after uint64, err error)
	// DryRun tells what Edit would do, and does nothing: the catalog in force, or an
	// empty one, and the one that would take its place. The errors are those of
	// Edit.
	DryRun(ctx context.Context, edit func(current *catalog.Snapshot) (*catalog.Snapshot, error)) (was, next *catalog.Snapshot, err error)
	// Recall gives what is new in next, and left a short while ago, its id again.
	Recall(ctx context.Context, current, next *catalog.Snapshot) (*catalog.Snapshot, error)
	// EditMakingKeys is Edit that tells which signing keys it made. Those of what a
	// text names are read anew in any case; nil = there is no text.
	EditMakingKeys(ctx context.Context, source string, text *catalog.Snapshot, edit func(current *catalog.Snapshot) (*catalog.Snapshot, error)) (before, after uint64, made []bus.NewSecret, err error)
	// CatalogAt gives the catalog of one revision. The error is not_found when it
	// never was or is not kept any more; revision 0 is the empty catalog.
	CatalogAt(ctx context.Context, revision uint64) (*catalog.Snapshot, error)
	// History lists revisions, the newest first: those below before, 0 = all, at
	// most limit.
	History(ctx context.Context, before uint64, limit int) ([]action.Revision, error)
	// Watch reports the revision in force if it is newer than from, then each
	// newer one, until ctx ends or do fails. Who is slow misses some, never the
	// newest.
	Watch(ctx context.Context, from uint64, do func(action.Revision) error) error
	// Followed tells whether any dispatcher follows a file for the instance.
	Followed(ctx context.Context) (bool, error)
	// SigningKey gives the signing key of a target that org itself defines.
	SigningKey(ctx context.Context, org, target string) (string, error)
	// RotateKey makes a new signing key for a target that org itself defines, and
	// gives those that sign from now on, the newest first.
	RotateKey(ctx context.Context, org, target string, grace time.Duration) (bus.SigningKeys, error)
	// SetSecret, Secrets and DeleteSecret are about what is set by its name, whose value
	// nobody is given.
	SetSecret(ctx context.Context, org, name, value, by string) (s bus.NamedSecret, replaced bool, err error)
	Secrets(ctx context.Context) ([]bus.NamedSecret, error)
	DeleteSecret(ctx context.Context, org, name string) error
	// SigningKeys are those that sign for a target that org itself defines, RevokeKey
	// has one of them sign no more.
	SigningKeys(ctx context.Context, org, target string) (bus.SigningKeys, error)
	RevokeKey(ctx context.Context, org, target, id string) (bus.SigningKeys, error)
	// PauseTarget and ResumeTarget act on a target that org itself defines; ""
	// is the instance. ResumeTarget tells whether the configuration keeps the
	// target paused all the same.
	PauseTarget(ctx context.Context, org, target, reason string) error
	ResumeTarget(ctx context.Context, org, target string) (stillPaused bool, err error)
	// Paused tells whether a target is paused beside its configuration.
	Paused(owner, target string) (reason string, paused bool)
}

// Keys of an instance itself, and public keys of targets that org itself defines.
type Keys interface {
	OwnKeys(ctx context.Context) (bus.OwnKeys, error)
	// RotateOwnKey makes a new key; a lead below 0 is the usual one.
	RotateOwnKey(ctx context.Context, a action.Algorithm, lead time.Duration) (bus.OwnKey, error)
	AddPublicKey(ctx context.Context, org, target string, n bus.NewPublicKey) (bus.PublicKey, error)
	PublicKeys(ctx context.Context, org, target string) (bus.PublicKeys, error)
	SetPublicKeyActive(ctx context.Context, org, target, key string, active bool) (bus.PublicKey, error)
	RemovePublicKey(ctx context.Context, org, target, key string) error
}

// allLanes stands for every lane of a subscription.
const allLanes = -1

// Subscriptions of an instance. name is that of a subscription or of one line
// of it, lane is one of them or allLanes.
type Subscriptions interface {
	// Subscriptions lists the lines, by name and lane.
	Subscriptions(ctx context.Context) ([]action.Subscription, error)
	PauseSubscription(ctx context.Context, name string, lane int) error
	ResumeSubscription(ctx context.Context, name string, lane int) error
	RetryNow(ctx context.Context, name string, lane int) error
	Skip(ctx context.Context, name string, lane int) error
	// Waiting counts the events and async deliveries that wait for the lines of a
	// target, or of an execution: of names one or the other. Replays are not
	// counted: what they send was delivered before.
	Waiting(ctx context.Context, of catalog.Line) (uint64, error)
}

// DeadLetters of an instance. Ids are within the grammar of ids.
type DeadLetters interface {
	// LastDeadLetter is the place of the newest one, 0 when there never was one.
	LastDeadLetter(ctx context.Context) (place uint64, err error)
	// DeadLettersFrom reads them from a place on, oldest first, until do returns
	// false.
	DeadLettersFrom(ctx context.Context, place uint64, do func(letters.Letter) bool) error
	DeadLetter(ctx context.Context, deliveryID string) (letters.Letter, error)
}

// Deliveries of an instance, as its log of attempts tells of them.
type Deliveries interface {
	// Deliveries reads a page, from a place on; nil begins with the newest.
	Deliveries(ctx context.Context, f attempts.Filter, size int, at *attempts.Place) (attempts.Page, error)
	// Attempts reads those of one delivery that lie at a place or behind it.
	Attempts(ctx context.Context, deliveryID string, from uint64) (attempts.Attempts, error)
}

// Events of an instance.
type Events interface {
	// Replay sends the events of a subscription again, from a sequence or, with
	// sequence 0, from a time on, and gives the job of it, with the line that does.
	Replay(ctx context.Context, name string, sequence uint64, since time.Time) (jobs.Job, error)
	// Earlier gives stored events, the newest first, and where those behind them
	// begin; 0 = there are none.
	Earlier(ctx context.Context, o lines.EarlierOptions) (events []lines.StoredEvent, next uint64, err error)
	// Tail hands over events as they are stored until ctx ends or a callback
	// fails. begun is told from which sequence on none is left out.
	Tail(ctx context.Context, o lines.TailOptions, begun func(from uint64) error, do func(lines.StoredEvent) error) error
}
