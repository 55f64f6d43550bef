package lines

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/share"
)

// Deliveries of a line without an order are worked on side by side: ownSlots of each
// line in any case, and beyond them as many as its target's share of the worker's slots
// is. So no line waits for what hangs in another, and one that is alone has what there
// is.
const ownSlots = 8

// bytesAlone is how many bytes of bodies one target's deliveries may have in hand while
// those of no other target have any. One delivery of a line has room in any case.
const bytesAlone = 128 << 20

// party is a target of an instance: whose share it is.
type party struct{ instance, owner, target string }

// hands are what a worker works on deliveries without an order with, until end is
// called: what still has something to do then does it. They are safe for concurrent use.
type hands struct {
	slots int // of one target alone
	// width is as many as a line may have in hand at all; 0 or less = as many as there are slots.
	width   func(Line) int
	places  *share.Places[party] // beyond ownSlots of each line
	bytes   *share.Places[party]
	largest int64       // bytes that one delivery may have
	work    chan func() // to a hand that has nothing to do
	ended   chan struct{}
	end     func()
	mu      sync.Mutex
	idle    int
}

func newHands(slots int, largest int64) *hands {
	ended := make(chan struct{})
	return &hands{slots: slots, width: func(Line) int { return 0 }, largest: max(largest, 1), work: make(chan func()), ended: ended, end: sync.OnceFunc(func() { close(ended) }),
		places: share.NewPlaces[party](int64(slots)), bytes: share.NewPlaces[party](bytesAlone)}
}

// do has a hand do something. One that has done so before is taken first: it has the
// stack that a delivery needs.
func (h *hands) do(what func()) {
	select {
	case h.work <- what:
		return
	default:
	}
	go func() {
		for {
			what()
			h.mu.Lock()
			if h.idle == h.slots {
				h.mu.Unlock()
				return
			}
			h.idle++
			h.mu.Unlock()
			select {
			case what = <-h.work:
			case <-h.ended:
				return
			}
			h.mu.Lock()
			h.idle--
			h.mu.Unlock()
		}
	}()
}

// inHand is what is worked on of one line.
type inHand struct {
	hands *hands
	line  Line
	of    party
	again chan struct{} // one has ended
	all   sync.WaitGroup
	mu    sync.Mutex
	count int
}

func (h *hands) of(l Line) *inHand {
	return &inHand{hands: h, line: l, of: party{l.Instance, l.Owner, l.Target}, again: make(chan struct{}, 1)}
}

// room is how many more deliveries the line may be given now. full says that it has as
// many as its target takes.
func (i *inHand) room() (room int, full bool) {
	width := i.hands.slots
	if w := i.hands.width(i.line); w > 0 {
		width = min(width, w)
	}
	i.mu.Lock()
	count := i.count
	i.mu.Unlock()
	if count >= width {
		return 0, true
	}
	own := max(min(ownSlots, width)-count, 0)
	room = own + int(i.hands.places.Room(i.of.instance, i.of, int64(width-count-own)))
	fits := i.hands.bytes.Room(i.of.instance, i.of, int64(room)*i.hands.largest) / i.hands.largest
	if count == 0 {
		fits = max(fits, 1)
	}
	return min(room, int(fits)), false
}

// roomNow is room for who asks for deliveries.
func (i *inHand) roomNow() int {
	room, _ := i.room()
	return room
}

// How often a line looks whether others have given back what it could use, and
// whether its target takes more by now.
const (
	lookAgain  = 50 * time.Millisecond
	lookRarely = time.Second
)

// await waits until the line may be given another delivery, or until ctx ends.
func (i *inHand) await(ctx context.Context) error {
	for {
		room, full := i.room()
		if room > 0 {
			return ctx.Err()
		}
		after := lookAgain
		if full {
			after = lookRarely
		}
		look := time.NewTimer(after)
		select {
		case <-i.again:
		case <-look.C:
		case <-ctx.Done():
		}
		look.Stop()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// take has a delivery that has come worked on. It had room when it was asked for: has
// somebody else taken that meanwhile, it is still worked on.
func (i *inHand) take(msg *nats.Msg, work func()) {
	i.mu.Lock()
	i.count++
	if i.count > ownSlots {
		i.hands.places.Add(i.of.instance, i.of, 1)
	}
	i.mu.Unlock()
	bytes := int64(msg.Size())
	i.hands.bytes.Add(i.of.instance, i.of, bytes)
	i.all.Add(1)
	i.hands.do(func() {
		defer func() {
			i.hands.bytes.Give(i.of.instance, i.of, bytes)
			i.mu.Lock()
			if i.count > ownSlots {
				i.hands.places.Give(i.of.instance, i.of, 1)
			}
			i.count--
			i.mu.Unlock()
			select {
			case i.again <- struct{}{}:
			default:
			}
			i.all.Done()
		}()
		work()
	})
}
