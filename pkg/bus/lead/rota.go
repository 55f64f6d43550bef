package lead

import (
	"bytes"
	"encoding/json"
	"slices"
)

// rota is the value under an instance's key: who leads, and who comes after.
// Whoever changes it writes over the revision that was read, so two can never
// both lead, whatever their clocks say.
type rota struct {
	// Leader is the ticket of who leads; "" = nobody, and then nobody waits.
	Leader string `json:"leader,omitempty"`
	// Beat counts what the leader has written; 0 = it is named, and has not
	// answered yet.
	Beat uint64 `json:"beat,omitempty"`
	// Waiting has the tickets of those who come after, in this order.
	Waiting []string `json:"waiting,omitempty"`
}

// rotaMost is how many dispatchers may wait for one instance.
const rotaMost = 256

// readRota refuses what this version does not know in full: it would be lost in
// the next write.
func readRota(raw []byte) (r rota, ok bool) {
	if raw == nil {
		return rota{}, true
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if d.Decode(&r) != nil {
		return rota{}, false
	}
	return r, true
}

// next is what the holder of a ticket does about a rota: it leads when it is
// named or nobody leads, sets aside a leader that is late, or stands in at the
// end. write is false when there is nothing to do but wait.
func (r rota) next(ticket string, late bool) (next rota, write bool) {
	switch {
	case r.Leader == "" || r.Leader == ticket:
		return r.ledBy(ticket), true
	case late:
		return r.passed(), true
	case !slices.Contains(r.Waiting, ticket):
		r.Waiting = append(slices.Clone(r.Waiting), ticket)
		return r, true
	}
	return r, false
}

// ledBy also counts a leader on: for the others its time begins anew.
func (r rota) ledBy(ticket string) rota {
	if r.Leader != ticket {
		r.Leader, r.Beat = ticket, 0
	}
	r.Beat++
	r.Waiting = without(r.Waiting, ticket)
	return r
}

// passed names the first of those who wait.
func (r rota) passed() rota {
	if len(r.Waiting) == 0 {
		return rota{}
	}
	return rota{Leader: r.Waiting[0], Waiting: r.Waiting[1:]}
}

// left is the rota without a ticket. write is false when that is not in it.
func (r rota) left(ticket string) (next rota, write bool) {
	switch {
	case r.Leader == ticket:
		return r.passed(), true
	case slices.Contains(r.Waiting, ticket):
		r.Waiting = without(r.Waiting, ticket)
		return r, true
	}
	return r, false
}

func without(tickets []string, ticket string) []string {
	return slices.DeleteFunc(slices.Clone(tickets), func(t string) bool { return t == ticket })
}
