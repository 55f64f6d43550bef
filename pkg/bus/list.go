package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Each calls do once for every value that matches: of what changes while all are
// read the newest that was read. It ends with the first error of do.
func (k Bucket) Each(ctx context.Context, match string, do func(v Value) error) error {
	all, err := k.all(ctx, match)
	if err != nil {
		return err
	}
	for _, v := range all {
		if err := do(v); err != nil {
			return err
		}
	}
	return nil
}

// Keys lists the keys that match, without their values.
func (k Bucket) Keys(ctx context.Context, match string) ([]Value, error) {
	all, err := k.all(ctx, match, jetstream.MetaOnly())
	for n := range all {
		all[n].Bytes = nil
	}
	return all, err
}

// all reads what stands under the keys that match, within walkFor.
func (k Bucket) all(ctx context.Context, match string, opts ...jetstream.WatchOpt) ([]Value, error) {
	ctx, cancel := k.bus.Session(ctx, time.Now().Add(walkFor))
	defer cancel()
	stands := map[string]Value{}
	err := k.watch(ctx, match, func(e *entry) error {
		switch {
		case e == nil:
			return errAllRead
		case e.removed:
			delete(stands, e.Key)
		default:
			stands[e.Key] = e.Value
		}
		return nil
	}, opts...)
	if !errors.Is(err, errAllRead) {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(stands), func(a, b Value) int { return cmp.Compare(a.Revision, b.Revision) }), nil
}

// walkFor bounds how long reading all of a bucket may take.
const walkFor = time.Minute

// errAllRead ends a watch that was for what stands.
var errAllRead = errors.New("all is read")

// restSteps is how many entries behind the list are read while more come, before it
// is asked where the end was. So many in that moment is no bucket that is read for
// what stands.
const restSteps = 64

// rest tells what lies behind the list of what stood, see behind. Where entries are
// written faster than they can be read it ends behind those that were there: of
// such a bucket one may be left out that was written twice in that moment.
func (k Bucket) rest(ctx context.Context, match string, told *uint64, tell func(*entry) error) error {
	end := uint64(math.MaxUint64)
	for n := 0; *told < end; n++ {
		if n == restSteps {
			look, err := k.state(ctx)
			if err != nil {
				return err
			}
			end = look.LastSeq
		}
		e, there, err := k.behind(ctx, match, *told+1)
		if err != nil {
			return k.failure(ctx, match, err)
		}
		if !there {
			return nil
		}
		if err := tell(e); err != nil {
			return err
		}
	}
	return nil
}

// behind reads the first message of the keys that match that lies at a sequence or
// behind it; there is false when none does.
//
// The server lists what stands when a watch begins, and sends it in the order of its
// sequences. What is rewritten before its turn comes is not sent from its old place,
// and the client may take the list for told before its new place is reached. So who
// needs all asks what lies behind the last that came. It is the leader of the stream
// that is asked: another replica may not have it yet.
func (k Bucket) behind(ctx context.Context, match string, sequence uint64) (e *entry, there bool, err error) {
	ask, err := json.Marshal(map[string]any{"seq": sequence, "next_by_subj": k.subject(match)})
	if err != nil {
		return nil, false, err
	}
	_, answer, err := k.bus.Ask(ctx, &nats.Msg{Subject: "$JS.API.STREAM.MSG.GET." + k.stream(), Data: ask}, directFor)
	if err != nil {
		return nil, false, err
	}
	var got struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Subject  string    `json:"subject"`
			Sequence uint64    `json:"seq"`
			Header   []byte    `json:"hdrs"`
			Body     []byte    `json:"data"`
			Time     time.Time `json:"time"`
		} `json:"message"`
	}
	if err := json.Unmarshal(answer.Data, &got); err != nil {
		return nil, false, fmt.Errorf("what the server says of a message: %w", err)
	}
	if got.Error != nil {
		if got.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
			return nil, false, nil
		}
		return nil, false, got.Error
	}
	m := got.Message
	e = &entry{Value: Value{Key: strings.TrimPrefix(m.Subject, k.subject("")), Revision: m.Sequence, At: m.Time}}
	if len(m.Header) > 0 {
		header, err := nats.DecodeHeadersMsg(m.Header)
		if err != nil { // no client writes such a one: it stands as what it is
			header = nil
		}
		e.removed = header.Get(headerOperation) != "" || header.Get(headerRemoved) != ""
	}
	if !e.removed {
		e.Bytes = standing(m.Body)
	}
	return e, true, nil
}
