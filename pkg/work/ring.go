package work

import (
	"time"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/seal"
)

// ring holds the keys of one target, of which some may end, and the values of its
// headers that are read by a dispatcher. Those that are sealed are opened when something
// is to be signed or sent for the first time since they changed, and stay open here. It
// is used under the lock of keys.
type ring struct {
	sent headers

	all    bus.SigningKeys
	open   func(bus.SigningKey) (string, error)
	opened []string // all of them as they are; "" = not asked for yet
	turned bool

	sealedFor []string  // the keys that those of them are sealed for which are
	now       []string  // those that sign, the newest first
	err       error     // why they cannot
	until     time.Time // when they are others; zero = never
}

// newRing reads what is stored of a target of an organization. Who told of it has
// looked whether it can be read: of what cannot, there is no key.
func newRing(with seal.Ring, instance, owner, text string) *ring {
	secrets, _ := bus.ReadTargetSecrets(text)
	all := secrets.Keys
	r := &ring{sent: headers{kept: secrets}, all: all, opened: make([]string, len(all)),
		open: func(k bus.SigningKey) (string, error) { return k.Open(with, instance, owner) }}
	for _, k := range all {
		if id := k.SealedFor(); id != "" {
			r.sealedFor = append(r.sealedFor, id)
		}
	}
	for _, value := range secrets.Headers {
		if id, err := seal.KeyID(value); err == nil {
			r.sealedFor = append(r.sealedFor, id)
		}
	}
	return r
}

// turn has those keys sign that do at a moment: all of them or none, since a target
// may know but one.
func (r *ring) turn(now time.Time) {
	keys, until := r.all.At(now)
	r.turned, r.err, r.until = true, nil, until
	r.now = make([]string, 0, len(keys))
	for n, k := range r.all {
		if !k.Until.IsZero() && !now.Before(k.Until) {
			continue
		}
		if r.opened[n] == "" {
			if r.opened[n], r.err = r.open(k); r.err != nil {
				return
			}
		}
		r.now = append(r.now, r.opened[n])
	}
}

// signing are the keys that sign by now; nil when there is no ring, or none that this
// worker can open. The slice is shared and must not be written to.
func (r *ring) signing() ([]string, error) {
	if r == nil {
		return nil, nil
	}
	if !r.turned || !r.until.IsZero() && !time.Now().Before(r.until) {
		r.turn(time.Now())
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.now, nil
}
