package dispatch

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/contract"
)

// Bounds of typed contracts. The descriptors of a core may unpack to megabytes, so few are
// made at a time, and what was made is kept.
const (
	typesAtOnce   = 2                // that are made at the same time, of an instance one
	typesWaiting  = 100              // requests of an instance that wait for its turn
	typesPatience = 10 * time.Second // how long one waits for that, and for a place: it is told then that the instance is busy
	typesFor      = 30 * time.Second // how long the rest may take, but for the making itself
	mostTypes     = 256              // documents that are kept
	mostTypeBytes = 128 << 20        // of them together; one alone has at most half
)

// typingOf is what a typed contract is of: an instance, or one of its cores.
type typingOf struct{ instance, core string }

// typing is a typed contract as it was made of declarations, or why it could not be.
type typing struct {
	revision string // of the declarations, see catalog.Declared
	text     []byte
	tag      string
	err      error
	used     uint64 // when it was asked for last, by the count of typings
}

// typings makes the typed contracts of instances, and keeps those that were asked for last.
// An instance has one turn: one is looked for or made at a time, so that none holds all
// places in which they are made. Where there is no room for all, that of the instance goes which has most of
// it. It is safe for concurrent use.
type typings struct {
	mu     sync.Mutex
	kept   map[typingOf]*typing
	bytes  int64
	used   uint64
	turns  map[string]*typingTurn // of instances for which somebody makes, or waits
	places chan struct{}

	// Of tests.
	patience time.Duration
	begun    func(instance string) // one is being made; nil = nobody is told
}

// typingTurn is an instance's turn: who can send makes one, the others wait.
type typingTurn struct {
	taken chan struct{}
	here  int // who makes, and who waits
}

func newTypings() *typings {
	return &typings{kept: map[typingOf]*typing{}, turns: map[string]*typingTurn{}, places: make(chan struct{}, typesAtOnce), patience: typesPatience}
}

// get gives what was made of declarations of this revision; nil = nothing that is kept.
func (t *typings) get(of typingOf, revision string) *typing {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.kept[of]
	if one == nil || one.revision != revision {
		return nil
	}
	t.used++
	one.used = t.used
	return one
}

// put keeps one, in the place of what was made of earlier declarations.
func (t *typings) put(of typingOf, one *typing) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(of)
	if len(one.text) > mostTypeBytes/2 {
		return
	}
	t.used++
	one.used = t.used
	t.kept[of] = one
	t.bytes += int64(len(one.text))
	for len(t.kept) > mostTypes || t.bytes > mostTypeBytes {
		t.drop(t.leastUsed())
	}
}

func (t *typings) drop(of typingOf) {
	if one := t.kept[of]; one != nil {
		t.bytes -= int64(len(one.text))
		delete(t.kept, of)
	}
}

// leastUsed is the one that was asked for the longest ago, of the instance that has most of
// what there is no more room for.
func (t *typings) leastUsed() (least typingOf) {
	has := map[string]int64{}
	most := ""
	for of, one := range t.kept {
		if t.bytes > mostTypeBytes {
			has[of.instance] += int64(len(one.text))
		} else {
			has[of.instance]++
		}
		if most == "" || has[of.instance] > has[most] {
			most = of.instance
		}
	}
	for of, one := range t.kept {
		if of.instance == most && (least.instance == "" || one.used < t.kept[least].used) {
			least = of
		}
	}
	return least
}

// forget drops what is kept of an instance that was deleted.
func (t *typings) forget(instance string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for of := range t.kept {
		if of.instance == instance {
			t.drop(of)
		}
	}
}

// enter waits for the turn of an instance; leave gives it back. The error is busy when it
// takes longer than typesPatience, or too many wait.
func (t *typings) enter(ctx context.Context, instance string) (leave func(), err error) {
	turn := t.join(instance)
	if turn == nil {
		return nil, busyTypes(instance)
	}
	if err := t.wait(ctx, turn.taken, instance); err != nil {
		t.part(instance)
		return nil, err
	}
	return func() {
		<-turn.taken
		t.part(instance)
	}, nil
}

// wait waits until it can send, for the turn of an instance or for a place, and no longer
// than typesPatience.
func (t *typings) wait(ctx context.Context, free chan<- struct{}, instance string) error {
	timer := time.NewTimer(t.patience)
	defer timer.Stop()
	select {
	case free <- struct{}{}:
		return nil
	case <-ctx.Done():
		return action.NewError(action.CodeUnavailable, action.StageDecode, "").WithCause(ctx.Err())
	case <-timer.C:
		return busyTypes(instance)
	}
}

func busyTypes(instance string) error {
	return action.NewError(action.CodeBusy, action.StageDecode, "the typed contract of the instance "+catalog.Quote(instance)+" is being made for others: try again in a moment").WithField("instance")
}

// join counts one who asks for an instance's turn; nil = as many do as may.
func (t *typings) join(instance string) *typingTurn {
	t.mu.Lock()
	defer t.mu.Unlock()
	turn := t.turns[instance]
	if turn == nil {
		turn = &typingTurn{taken: make(chan struct{}, 1)}
		t.turns[instance] = turn
	}
	if turn.here > typesWaiting {
		return nil
	}
	turn.here++
	return turn
}

func (t *typings) part(instance string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	turn := t.turns[instance]
	if turn.here--; turn.here == 0 {
		delete(t.turns, instance)
	}
}

// typesOf gives the typed contract of an instance, or of one of its cores, when it is the
// instance's turn: what was made before for others who asked for the same is given again.
func (d *Dispatcher) typesOf(ctx context.Context, of typingOf) (*typing, error) {
	if _, err := d.catalogs.Find(ctx, of.instance); err != nil {
		return nil, err
	}
	leave, err := d.typings.enter(ctx, of.instance)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, typesFor)
	defer cancel()
	revision, isThere, err := d.Instance(of.instance).bus.DeclaredRevision(ctx, of.core)
	if err != nil {
		return nil, err
	}
	if of.core != "" && !isThere {
		return nil, errNoSuchCore
	}
	one := d.typings.get(of, revision)
	if one == nil {
		one, err = d.makeTypes(ctx, of)
	}
	if err != nil {
		return nil, err
	}
	return one, one.err
}

var errNoSuchCore = action.NewError(action.CodeNotFound, action.StageDecode, "no core of this name has declared anything").WithField("core")

// makeTypes makes a typed contract when there is a place for it, and keeps it.
func (d *Dispatcher) makeTypes(ctx context.Context, of typingOf) (*typing, error) {
	if err := d.typings.wait(ctx, d.typings.places, of.instance); err != nil {
		return nil, err
	}
	defer func() { <-d.typings.places }()
	if d.typings.begun != nil {
		d.typings.begun(of.instance)
	}
	declared, err := d.Instance(of.instance).Declared(ctx)
	if err != nil {
		return nil, err
	}
	one, err := typingFrom(of, declared)
	if err == nil {
		d.typings.put(of, one)
	}
	return one, err
}

// typingFrom makes a typed contract of what is declared. Of a core whose types cannot be
// used it has the error instead.
func typingFrom(of typingOf, declared *catalog.Declared) (*typing, error) {
	one := &typing{revision: declared.Revision}
	cores, title := declared.Cores, "the instance "+of.instance
	if of.core != "" {
		cores = slices.DeleteFunc(slices.Clone(cores), func(c catalog.Declaration) bool { return c.Core != of.core })
		title = "the core " + of.core
		if len(cores) == 0 {
			return nil, errNoSuchCore
		}
	}
	types, err := contract.TypesOf(title, cores...)
	if err != nil && of.core != "" {
		one.err = err
		return one, nil
	}
	if one.text, err = json.Marshal(contract.Targets(types)); err != nil {
		return nil, action.NewError(action.CodeInternal, action.StageDecode, "").WithCause(err)
	}
	one.tag = tagOf(one.text)
	return one, nil
}
