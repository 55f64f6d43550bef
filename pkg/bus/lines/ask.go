package lines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/wire"
)

// question is what a dispatcher asks the holder of a shard.
type question struct {
	Do    string    `json:"do"`
	Line  string    `json:"line,omitempty"`
	After string    `json:"after,omitempty"` // of all lines, those whose names are behind this
	Until time.Time `json:"until,omitzero"`
	To    uint64    `json:"to,omitempty"`
}

// What a question may ask.
const (
	askStanding = "standing" // how one line stands, or all
	askHold     = "hold"     // hand out nothing until then; zero = go on
	askMove     = "move"     // the event at a sequence is the next
	askForget   = "forget"   // the line is no more
)

// answer is what the holder says to it.
type answer struct {
	Error string               `json:"error,omitempty"`
	Lines map[string]placement `json:"lines,omitempty"`
	More  string               `json:"more,omitempty"`  // there are more, behind this name
	Empty bool                 `json:"empty,omitempty"` // a line was forgotten, and no other is left
}

// placement is how a packed line stands, as far as its holder knows.
type placement struct {
	Floor   uint64    `json:"floor"`
	Pending uint64    `json:"pending,omitempty"`
	Counted bool      `json:"counted,omitempty"` // Pending is known
	InWork  int       `json:"in_work,omitempty"`
	Tried   bool      `json:"tried,omitempty"` // what is in work was in work before
	Handed  uint64    `json:"handed,omitempty"`
	Until   time.Time `json:"until,omitzero"`
	Moved   time.Time `json:"moved,omitzero"`
	Oldest  time.Time `json:"oldest,omitzero"` // of what is in memory
}

const (
	askFor    = 2 * time.Second
	askTries  = 20
	askAgain  = 100 * time.Millisecond
	askedMost = 1024
)

// serve answers dispatchers until the shard is not ours.
func (h *held) serve() {
	asked := make(chan *nats.Msg, askedMost)
	sub, err := h.lines.Conn().ChanSubscribe(wire.ShardSubject(h.shard.Instance, h.shard.Number), asked)
	if err != nil {
		h.consumer.bus.Log().Error().Err(err).Stringer("shard", h.shard).Msg("dispatchers cannot ask for this shard")
		return
	}
	for {
		select {
		case <-h.ctx.Done():
			_ = sub.Unsubscribe() // only fails when the connection is gone
			for len(asked) > 0 {
				h.reply(<-asked)
			}
			return
		case msg := <-asked:
			go h.reply(msg)
		}
	}
}

func (h *held) reply(msg *nats.Msg) {
	var a answer
	q, err := readQuestion(msg.Data)
	if err == nil {
		err = h.answer(h.ctx, q, &a)
	}
	if err != nil {
		a.Error = err.Error()
	}
	if h.ctx.Err() != nil { // what was found out is of no worth by now
		a = answer{Error: errGone.Error()}
	}
	if raw, err := json.Marshal(a); err == nil {
		_ = msg.Respond(raw) // who asked asks again
	}
}

// errGone tells that who was asked has the shard no more. Somebody else may have it.
var errGone = errors.New("the shard has gone to another worker")

// readQuestion reads what a dispatcher asks. The error says what this version cannot do.
func readQuestion(raw []byte) (q question, err error) {
	if err := bus.Decode(raw, &q); err != nil {
		return question{}, err
	}
	switch {
	case !slices.Contains([]string{askStanding, askHold, askMove, askForget}, q.Do):
		return question{}, fmt.Errorf("nobody knows here how to do %q", q.Do)
	case q.Do != askStanding && q.Line == "":
		return question{}, errors.New("it names no line")
	case q.Do == askMove && q.To == 0:
		return question{}, errors.New("there is no event 0")
	case !q.Until.IsZero() && !time.Unix(0, q.Until.UnixNano()).Equal(q.Until): // it is written so
		return question{}, errors.New("nobody can wait as long")
	}
	return q, nil
}

// readAnswer reads what the holder of a shard answers.
func readAnswer(raw []byte) (a answer, err error) {
	err = bus.Decode(raw, &a)
	for _, p := range a.Lines {
		if p.InWork < 0 || p.Pending > math.MaxInt64 {
			err = errors.New("it counts what there cannot be")
		}
	}
	if err != nil {
		return answer{}, action.NewError(action.CodeMalformed, action.StageBus, "what the worker that holds the line says cannot be read").WithCause(err)
	}
	return a, nil
}

func (h *held) answer(ctx context.Context, q question, a *answer) error {
	if q.Do == askStanding {
		if q.Line != "" {
			a.Lines = h.placements(func(name string) bool { return name == q.Line })
		} else {
			a.Lines, a.More = firstOf(h.placements(func(name string) bool { return name > q.After }))
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	if q.Do == askMove {
		if err := h.await(ctx, q.To-1); err != nil {
			return err
		}
	}
	h.mu.Lock()
	done := make(chan struct{})
	m := h.members[q.Line]
	switch {
	case q.Do == askForget:
		if m != nil { // that it is no more, this worker hears in a moment
			h.dismiss(m)
		}
		delete(h.others, q.Line)
		delete(h.fixed, q.Line)
		h.gone = append(h.gone, q.Line)
	case m == nil:
		h.mu.Unlock()
		return errUnheard
	case q.Do == askHold:
		m.until = q.Until
		h.touch(m)
	case q.Do == askMove:
		m.moveTo(q.To)
	}
	h.asked = append(h.asked, done)
	h.mu.Unlock()
	h.hurry()
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if q.Do == askForget {
		a.Empty = len(h.members)+len(h.others) == 0
	} else {
		m.start()
	}
	return nil
}

// errUnheard tells that the holder of a shard has not heard of a line yet.
var errUnheard = errors.New("the line is not known here yet")

// await waits until so much is read.
func (h *held) await(ctx context.Context, sequence uint64) error {
	for {
		h.mu.Lock()
		read := h.read
		h.mu.Unlock()
		if read >= sequence {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// placements tells how lines stand.
func (h *held) placements(which func(name string) bool) map[string]placement {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string]placement{}
	for n, p := range h.others {
		if which(n) {
			floor := max(p.Next, 1) - 1
			out[n] = placement{Floor: floor, Handed: floor, Until: time.Unix(0, p.Until)}
		}
	}
	for n, m := range h.members {
		if which(n) {
			out[n] = m.placement()
		}
	}
	return out
}

// answerMost is how many lines an answer tells of, so that it fits into a message.
const answerMost = 1000

// firstOf are the first by name; more is behind which there are others.
func firstOf(all map[string]placement) (first map[string]placement, more string) {
	if len(all) <= answerMost {
		return all, ""
	}
	first = make(map[string]placement, answerMost)
	for _, name := range slices.Sorted(maps.Keys(all))[:answerMost] {
		first[name], more = all[name], name
	}
	return first, more
}

func (m *member) placement() placement {
	p := placement{Floor: m.floor(), Until: m.until, Handed: max(m.handed, m.done), Moved: m.moved, Counted: !m.unknown && m.held.read >= m.held.had}
	waits := len(m.early) + len(m.queue) + m.beyond
	if m.begun && waits > 0 || m.working != 0 {
		p.InWork, p.Tried = 1, m.tried && m.working == 0
		waits = max(waits-1, 0)
	}
	p.Pending = uint64(waits)
	for _, some := range [2][]bus.Message{m.early, m.queue} {
		if len(some) > 0 && p.Oldest.IsZero() && (m.gapFrom >= m.gap || len(m.early) > 0) {
			p.Oldest = some[0].StoredAt
		}
	}
	return p
}

// ask asks the holder of a line's shard. The error is shards.ErrHeld's opposite,
// errNobody, when nobody holds it.
func (i Lines) ask(ctx context.Context, s shards.Shard, q question) (a answer, err error) {
	raw, err := json.Marshal(q)
	if err != nil {
		return a, err
	}
	patience := askFor + askFor/2
	if q.Do == askStanding { // which is known at once
		patience = askFor / 2
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	msg, err := i.Conn().RequestWithContext(asking, wire.ShardSubject(s.Instance, s.Number), raw)
	if errors.Is(err, nats.ErrNoResponders) {
		return a, errNobody
	}
	if err != nil {
		return a, bus.Failure(err)
	}
	if a, err = readAnswer(msg.Data); err != nil {
		return a, err
	}
	if a.Error != "" {
		return a, action.NewError(action.CodeUnavailable, action.StageBus, "the worker that holds the line could not do it yet").WithCause(errors.New(a.Error))
	}
	return a, nil
}

var errNobody = errors.New("no worker holds the shard")

// tell has something done with a packed line, by who holds it, or here where nobody
// does. What is done is durable when it returns.
func (i Lines) tell(ctx context.Context, l Line, q question) error {
	q.Line = l.Name
	defer i.counts.forget(l.Name)
	var last error
	for range askTries {
		a, err := i.ask(ctx, l.shard(), q)
		if err == nil && a.Empty { // whoever holds the shard may lose it before he comes to it
			err = i.dropBookmark(ctx, l.shard())
		}
		if errors.Is(err, errNobody) {
			err = i.tellAlone(ctx, l, q)
		}
		if err == nil {
			return nil
		}
		last = err
		select {
		case <-ctx.Done():
			return bus.Failure(ctx.Err())
		case <-time.After(askAgain):
		}
	}
	if errors.Is(last, shards.ErrHeld) {
		return action.NewError(action.CodeUnavailable, action.StageBus, "the worker that holds the line does not answer").WithCause(last)
	}
	return last
}

// tellAlone does it here. The last line of a shard takes its bookmark along.
func (i Lines) tellAlone(ctx context.Context, l Line, q question) error {
	last := false
	err := shards.Alone(ctx, i.Bus, l.shard(), func(p shards.Places) (shards.Change, error) {
		_, known := p.Lines[l.Name]
		last = q.Do == askForget && (len(p.Lines) == 0 || len(p.Lines) == 1 && known)
		return i.alone(ctx, p, l, q)
	})
	if err == nil && last {
		err = i.dropBookmark(ctx, l.shard())
	}
	return err
}

// alone is what a question changes in the places of a shard that nobody holds.
func (i Lines) alone(ctx context.Context, p shards.Places, l Line, q question) (shards.Change, error) {
	c := shards.Change{Read: p.Read, Made: p.Made, Lines: map[string]shards.Place{}}
	place, known := p.Lines[l.Name]
	if !known {
		kept, err := i.position(ctx, l)
		if err != nil {
			return c, err
		}
		place.Next = max(kept, max(l.Cut, 1)-1) + 1
	}
	switch q.Do {
	case askForget:
		c.Gone = []string{l.Name}
	case askHold:
		place.Until = 0
		if !q.Until.IsZero() {
			place.Until = q.Until.UnixNano()
		}
		c.Lines[l.Name] = place
	case askMove:
		place.Next = q.To
		c.Lines[l.Name] = place
	}
	return c, nil
}
