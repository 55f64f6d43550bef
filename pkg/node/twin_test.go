package node_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// twinID is the instance that stands beside the one of every test: the same
// configuration, with the same names, for targets of its own. What a test
// publishes and calls is published and called there too. Nobody acts on it: what
// is done to a line, a target or a letter of the test's instance must not be seen
// in it. When a test ends, check looks at what the twin got.
//
// What a test does behind the engine's back, with a NATS client of its own, is
// done to its own instance alone, and the twin is what must not be harmed by it.
const twinID = "twin"

// besideTarget is the target of an organization's execution that stands beside
// those of a test, in both instances.
const besideTarget = "beside"

// written is a configuration as an instance gets it: HOOKS and HTTPS stand for
// the URL of its targets, and one of an organization stands beside what is there.
func (s *targets) written(config string) string {
	if s == nil {
		return config
	}
	if !strings.Contains(config, "orgs:") {
		config += "\norgs: {acme: {targets: {" + besideTarget + ": {type: webhook, url: HOOKS/" + besideTarget + "}}, events: {'*': {targets: [{target: " + besideTarget + "}]}}}}\n"
	}
	config = strings.ReplaceAll(config, "HTTPS", strings.Replace(s.URL, "http:", "https:", 1))
	return strings.ReplaceAll(config, "HOOKS", s.URL)
}

func (s *targets) writtenForTwin(config string) string {
	head := "instance: " + twinID + "\n"
	if s == nil {
		return head + config
	}
	return head + s.twin.written(config)
}

// twin is what is known of the twin.
type twin struct {
	hooks     *targets // those of the test
	client    *callout.Client
	instance  *dispatch.Instance
	other     *dispatch.Instance // the test's
	lines     lines.Lines
	catalog   *revisions.Catalog
	checked   sync.Once
	mu        sync.Mutex
	published map[uint64]action.Event // by their sequence in its stream
	async     map[string]int          // deliveries stored by calls, by target
	faults    []string
	toldAt    map[string]time.Time // when a line was told to go on, by its name
}

// goesOn is how long a line takes to go on that was told to, and longer.
const goesOn = 2 * time.Second

func newTwin(t *testing.T, r *running, hooks *targets, config string) *twin {
	t.Helper()
	w := &twin{hooks: hooks, instance: r.Dispatcher().Instance(twinID), other: r.Dispatcher().Instance("default"), lines: lines.Of(r.bus.Instance(twinID)),
		published: map[uint64]action.Event{}, async: map[string]int{}, toldAt: map[string]time.Time{}}
	require.NoError(t, w.apply(within(t, 30*time.Second), config))
	following, unfollow := context.WithCancel(context.Background())
	t.Cleanup(unfollow)
	catalogs, ready := revisions.Follow(following, r.bus)
	<-ready
	w.catalog = catalogs.Of(twinID)
	var err error
	w.client, err = callout.Connect(within(t, 5*time.Second), callout.Options{URL: r.NATSURL(), Instance: twinID})
	require.NoError(t, err)
	t.Cleanup(w.client.Close)
	w.isKnown(t)
	return w
}

// isKnown waits until the worker, if there is one, has heard of the twin: it came
// after the worker, and a call may leave less time than that takes.
func (w *twin) isKnown(t *testing.T) {
	t.Helper()
	_, err := calls.Of(w.lines.Instance).Call(within(t, 30*time.Second), calls.CallRequest{Phase: action.Function, Name: "nothing",
		Body: []byte("{}"), Timeout: 10 * time.Second, MinRevision: 1})
	if action.CodeOf(err) != action.CodeUnavailable {
		require.NoError(t, err)
	}
}

// apply puts a configuration in force in the twin.
func (w *twin) apply(ctx context.Context, config string) error {
	s, problems := file.Parse("twin.yaml", []byte(w.hooks.writtenForTwin(config)))
	if s == nil {
		return fmt.Errorf("%v", problems)
	}
	_, err := w.instance.Apply(ctx, s)
	return err
}

// apply puts a configuration in force in both instances at the same time.
func (r *running) apply(t *testing.T, hooks *targets, config string) {
	t.Helper()
	s, problems := file.Parse("test.yaml", []byte(hooks.written(config)))
	require.NotNil(t, s, "%v", problems)
	ctx, twins := within(t, 30*time.Second), make(chan error, 1)
	go func() { twins <- r.twin.apply(ctx, config) }()
	_, err := r.Dispatcher().Instance("default").Apply(ctx, s)
	require.NoError(t, err)
	require.NoError(t, <-twins)
}

// cores are two: what that of the test does, that of the twin does at the same
// time. What is given back is the test's.
type cores struct {
	*callout.Client
	twin *twin
}

func (c *cores) Publish(ctx context.Context, events ...action.Event) ([]callout.Stored, error) {
	events = slices.Clone(events)
	ours, err := c.Client.Publish(ctx, events...)
	for i, s := range ours {
		events[i].ID = s.ID // in both instances the same
	}
	theirs, _ := c.twin.client.Publish(ctx, events...) // how far it came is what counts
	c.twin.mu.Lock()
	defer c.twin.mu.Unlock()
	for i, s := range theirs {
		if s.Duplicate && i < len(ours) && !ours[i].Duplicate {
			c.twin.faults = append(c.twin.faults, fmt.Sprintf("event %d was taken for one of the other instance", i))
		}
		if s.Error == nil {
			c.twin.published[s.StreamSequence] = events[i]
		}
	}
	return ours, err
}

func (c *cores) Request(ctx context.Context, call callout.Call) (action.Result, error) {
	return c.both(ctx, func(one *callout.Client) (action.Result, error) { return one.Request(ctx, call) })
}

func (c *cores) Response(ctx context.Context, call callout.Call) (action.Result, error) {
	return c.both(ctx, func(one *callout.Client) (action.Result, error) { return one.Response(ctx, call) })
}

func (c *cores) Function(ctx context.Context, name string, body []byte) (action.Result, error) {
	return c.both(ctx, func(one *callout.Client) (action.Result, error) { return one.Function(ctx, name, body) })
}

// both calls as both instances at once. Where the targets answer both alike, the
// outcome is the same. Of a call whose caller waits no longer, it is chance whether
// the target's time or the caller's is what it ends with.
func (c *cores) both(ctx context.Context, call func(*callout.Client) (action.Result, error)) (action.Result, error) {
	ended := make(chan struct{})
	var theirs action.Result
	var theirErr error
	go func() { theirs, theirErr = call(c.twin.client); close(ended) }()
	ours, err := call(c.Client)
	<-ended
	c.twin.mu.Lock()
	defer c.twin.mu.Unlock()
	for _, s := range theirs.Steps {
		if s.Outcome == action.StepStored {
			c.twin.async[s.Target]++
		}
	}
	if a, b := outcomeOf(ours, err), outcomeOf(theirs, theirErr); a != b && c.twin.hooks.alike() && (ctx.Err() == nil || ours.Outcome != theirs.Outcome) {
		c.twin.faults = append(c.twin.faults, fmt.Sprintf("a call ended as %s, in the twin as %s", a, b))
	}
	return ours, err
}

func outcomeOf(r action.Result, err error) string {
	if err != nil {
		return string(action.CodeOf(err))
	}
	code := action.Code("")
	if r.Error != nil {
		code = r.Error.Code
	}
	return fmt.Sprintf("%s %q %s with %d warnings in %d steps", r.Outcome, code, r.Object, len(r.Warnings), len(r.Steps))
}

// alike tells whether the targets of both instances answer in the same way.
func (s *targets) alike() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.differ
}

// drained waits until nothing is left in any line of the twin: its targets agree
// to everything meanwhile, and what waits or stands is told to go on.
func (w *twin) drained(t *testing.T) {
	t.Helper()
	if w.hooks != nil {
		w.hooks.twin.agree(true)
		defer w.hooks.twin.agree(false)
	}
	last := error(nil)
	require.Eventually(t, func() bool {
		var left int
		left, last = w.goOn(within(t, 30*time.Second))
		return last == nil && left == 0
	}, time.Minute, 5*time.Millisecond, "the twin does not drain: %v", last)
}

// goOn lets what is held up in the twin go on, and tells how much is left. Nobody
// paused anything there.
func (w *twin) goOn(ctx context.Context) (left int, err error) {
	all, err := w.instance.Subscriptions(ctx)
	if err != nil {
		return 0, err
	}
	for _, s := range all {
		if s.Waiting == 0 && s.InWork == 0 {
			continue
		}
		if s.LastError == action.CodeConnect && s.Waiting == 0 {
			continue // nobody listens there
		}
		left++
		if time.Since(w.toldAt[s.Line]) < goesOn {
			continue
		}
		w.toldAt[s.Line] = time.Now()
		if err := w.tell(ctx, s); err != nil {
			return left, err
		}
	}
	return left, nil
}

// tell lets one line go on.
func (w *twin) tell(ctx context.Context, s action.Subscription) (err error) {
	switch {
	case s.State == action.SubscriptionPaused && (s.Reason == action.CodeGone || s.Reason == action.CodePaused):
		_, err = w.instance.ResumeTarget(ctx, "", s.Target)
	case s.State == action.SubscriptionPaused && s.StoppedSince.IsZero(): // its pause ends in a moment
	case s.State == action.SubscriptionPaused:
		if s.Reason == "" { // which is how somebody pauses a line
			w.fault("%s was paused, and by nobody", s.Name)
		}
		err = w.instance.ResumeSubscription(ctx, s.Name, s.Lane)
	case s.State == action.SubscriptionStopped:
		err = w.instance.ResumeSubscription(ctx, s.Name, s.Lane)
	case s.Attempts > 0, s.LastError != "" && s.InWork > 0: // it fails, or did and drains
		err = w.instance.RetryNow(ctx, s.Name, s.Lane)
	default:
		delete(w.toldAt, s.Line) // it goes on by itself
	}
	if code := action.CodeOf(err); code == action.CodeConflict || code == action.CodeNotFound {
		delete(w.toldAt, s.Line) // it has gone on, or is under way
		return nil
	}
	return err
}

func (w *twin) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}
