package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

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
