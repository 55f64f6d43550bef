package bus

import (
	"errors"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

// OwnKey is a key of an instance itself as everybody may know it: its private half lies
// in an entry of its own, see PutPrivateHalf.
type OwnKey struct {
	ID        string           `json:"kid"`
	Algorithm action.Algorithm `json:"alg"`
	Public    string           `json:"public"` // see sign.Pair
	Made      time.Time        `json:"made"`
	Signs     time.Time        `json:"signs"`         // from then on
	Ends      time.Time        `json:"ends,omitzero"` // and until then; zero = as long as no other takes its place
}

// OwnKeys are those of an instance that are published, the newest first.
type OwnKeys []OwnKey

// Gone is when a key is published no more; zero = it is not known yet.
func (k OwnKey) Gone() time.Time {
	if k.Ends.IsZero() {
		return time.Time{}
	}
	return k.Ends.Add(action.KeyOutlives)
}

// State is coming, signs or past at a moment.
func (k OwnKey) State(now time.Time) string {
	switch {
	case now.Before(k.Signs):
		return "coming"
	case !k.Ends.IsZero() && !now.Before(k.Ends):
		return "past"
	}
	return "signs"
}

// Signing is the key of an algorithm that signs at a moment: of those that may, the one
// that began last. By a clock that is behind none may yet: then the first one does, since
// there is no other, and it is published.
func (s OwnKeys) Signing(a action.Algorithm, now time.Time) (key OwnKey, ok bool) {
	for _, k := range s {
		if k.Algorithm != a {
			continue
		}
		may, better := !now.Before(k.Signs), !now.Before(key.Signs)
		if !ok || may && (!better || k.Signs.After(key.Signs)) || !may && !better && k.Signs.Before(key.Signs) {
			key, ok = k, true
		}
	}
	return key, ok
}

// Newest is the key of an algorithm that was made last, whether it signs yet or not.
func (s OwnKeys) Newest(a action.Algorithm) (key OwnKey, ok bool) {
	for _, k := range s {
		if k.Algorithm == a && (!ok || k.Signs.After(key.Signs)) {
			key, ok = k, true
		}
	}
	return key, ok
}

// Published are those that are still published at a moment.
func (s OwnKeys) Published(now time.Time) (left OwnKeys) {
	for _, k := range s {
		if gone := k.Gone(); gone.IsZero() || now.Before(gone) {
			left = append(left, k)
		}
	}
	return left
}

// Rotated puts a new key before the others. It signs after lead; the first of its
// algorithm at once, since nobody knows another. The one that signs ends then, and one
// that has not signed yet goes. With a lead of 0 all others of the algorithm go. The
// error is conflict when too many are published.
func (s OwnKeys) Rotated(p sign.Pair, lead time.Duration, now time.Time) (OwnKeys, error) {
	now = now.UTC().Truncate(time.Millisecond)
	next := OwnKey{ID: p.ID, Algorithm: p.Algorithm, Public: p.Public, Made: now, Signs: now.Add(lead)}
	before, signs := s.Signing(p.Algorithm, now)
	if !signs {
		next.Signs = now
	}
	out := OwnKeys{next}
	for _, k := range s.Published(now) {
		if k.Algorithm == p.Algorithm {
			switch {
			case lead == 0 || now.Before(k.Signs):
				continue
			case k.ID == before.ID:
				k.Ends = next.Signs
			}
		}
		out = append(out, k)
	}
	if len(out) > action.MaxOwnKeys {
		return nil, action.NewError(action.CodeConflict, action.StageStore, "as many keys of the instance are published as may be at once: wait until the oldest is published no more, or rotate with a lead of 0s")
	}
	return out, nil
}

// Dropped are the keys without those that are published no more, and which those are.
func (s OwnKeys) Dropped(now time.Time) (left OwnKeys, gone []string) {
	left = s.Published(now)
	for _, k := range s {
		if !slices.Contains(left, k) {
			gone = append(gone, k.ID)
		}
	}
	return left, gone
}

// Public are the keys as they are published.
func (s OwnKeys) Public(now time.Time) (keys []sign.PublicKey) {
	for _, k := range s.Published(now) {
		keys = append(keys, sign.PublicKey{ID: k.ID, Algorithm: k.Algorithm, Text: k.Public})
	}
	return keys
}

func (k OwnKey) check() error {
	if k.Signs.IsZero() || !k.Algorithm.Known() {
		return errOwnKey
	}
	return sign.CheckPublic(k.ID, k.Algorithm, k.Public)
}

var errOwnKey = errors.New("a key of the instance is of no algorithm that there is, or never signs")
