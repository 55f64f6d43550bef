package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// handover is what an edit does to what lies under the names of targets beside
// the catalog: their keys and their pauses. Both go along with a target that
// gets another name, or comes back, and no other target gets them. What lies
// under a name that is new is never used: a target that left had it, or an edit
// that was never finished.
type handover struct {
	keys   []bus.NewSecret
	made   []bus.NewSecret // those of them that are new
	left   []bus.Departed  // names that a target had, with its key
	paused []pausing       // names that are new
}

// pausing is the pause of a name that is new; "" = it has none.
type pausing struct {
	owner, name string
	reason      action.Code
}

// handOver finds out what an edit does. It writes nothing: an edit whose keys
// cannot be had changes nothing.
func (i *Instance) handOver(ctx context.Context, e *edition, before *catalog.Matcher, s catalog.Stamped) (h handover, err error) {
	if err := i.refuseUnset(ctx, e, s); err != nil {
		return h, err
	}
	var earlier []bus.Departed
	asked := false
	for _, c := range s.Changes {
		if c.Kind != catalog.KindTarget {
			continue
		}
		if c.Action == catalog.Added && !asked {
			if earlier, err = i.bus.Departed(ctx); err != nil {
				return h, err
			}
			asked = true
		}
		switch c.Action {
		case catalog.Added:
			err = i.receive(ctx, &h, e, before, earlier, s, c)
		case catalog.Changed:
			err = i.renew(ctx, &h, e, s, c)
		case catalog.Removed:
			err = i.leaveName(ctx, &h, before, c)
		}
		if err != nil {
			return h, err
		}
	}
	return h, nil
}

// receive gives a name that is new what the target had under the name before,
// or when it was there before.
func (i *Instance) receive(ctx context.Context, h *handover, e *edition, before *catalog.Matcher, earlier []bus.Departed, s catalog.Stamped, c catalog.Change) error {
	meta, _ := s.MetaOf(c.Org, catalog.Ref{Name: c.Name})
	key, reason, stays := "", action.Code(""), false
	var err error
	if was, known := before.FindID(meta.ID); known && was.Phase == "" {
		if reason, _, err = i.bus.Pause(ctx, was.Org, was.Name); err == nil {
			key, _, err = i.usable(ctx, was.Org, was.Name)
		}
	} else {
		for _, t := range earlier {
			if t.Owner == c.Org && t.ID == meta.ID {
				key, stays = t.Key, stays || t.Target == c.Name
			}
		}
	}
	var secrets secretsOf
	if err == nil {
		secrets, err = e.files.secretsFor(e.keyed(s, c), key)
	}
	if err != nil {
		return err
	}
	if err := keyOf(s, c, secrets.text); err != nil {
		return err
	}
	if err := i.take(h, e.keyed(s, c), secrets); err != nil {
		return err
	}
	if !stays { // else its own pause lies there
		h.paused = append(h.paused, pausing{c.Org, c.Name, reason})
	}
	return nil
}

// usable reads the signing key of a target; ok is false when there is none that can
// sign.
func (i *Instance) usable(ctx context.Context, owner, target string) (key string, ok bool, err error) {
	key, ok, err = i.bus.Secret(ctx, owner, target)
	if bus.IsBadSecret(err) {
		return "", false, nil
	}
	return key, ok, err
}

// renew looks at where the key of a target that changes comes from.
func (i *Instance) renew(ctx context.Context, h *handover, e *edition, s catalog.Stamped, c catalog.Change) error {
	have, _, err := i.usable(ctx, c.Org, c.Name)
	if err != nil {
		return err
	}
	t := e.keyed(s, c)
	secrets, err := e.files.secretsFor(t, have)
	if err == nil {
		err = keyOf(s, c, secrets.text)
	}
	if err == nil && !i.isKept(t, secrets, have) {
		err = i.take(h, t, secrets)
	}
	return err
}

// take notes secrets that are to be kept. A key that was made is told as it is, which
// nobody can once it is sealed.
func (i *Instance) take(h *handover, t keyed, secrets secretsOf) error {
	kept, err := i.keepSecret(t, secrets)
	if err != nil {
		return err
	}
	h.keys = append(h.keys, kept)
	if secrets.made != "" {
		h.made = append(h.made, bus.NewSecret{Owner: t.owner, Target: t.Name, Key: secrets.made})
	}
	return nil
}

// keyOf tells whether a key fits the target that a change makes.
func keyOf(s catalog.Stamped, c catalog.Change, key string) error {
	t := s.Scopes[c.Org].Targets[c.Name]
	t.Name = c.Name
	return keysFit(c.Org, t, key)
}

// leaveName keeps the key of a target that leaves its name until nothing waits
// for it any more.
func (i *Instance) leaveName(ctx context.Context, h *handover, before *catalog.Matcher, c catalog.Change) error {
	key, ok, err := i.usable(ctx, c.Org, c.Name)
	if err == nil && ok {
		meta, _ := before.Snapshot().MetaOf(c.Org, catalog.Ref{Name: c.Name})
		var kept bus.NewSecret
		kept, err = i.keepText(c.Org, c.Name, key, "")
		h.left = append(h.left, bus.Departed{Owner: c.Org, ID: meta.ID, Target: c.Name, Key: kept.Key, Left: time.Now().UTC()})
	}
	return err
}

// keep writes it down, what is left behind first: who dies on the way has lost no
// key. Names that no edit makes known after all are forgotten later.
func (h *handover) keep(ctx context.Context, i bus.Instance) error {
	if err := i.PutDeparted(ctx, h.left); err != nil {
		return err
	}
	if err := i.PutSecrets(ctx, h.keys); err != nil {
		return err
	}
	for _, p := range h.paused {
		var err error
		if p.reason != "" {
			err = i.PauseTarget(ctx, p.owner, p.name, p.reason)
		} else {
			err = i.ForgetPause(ctx, p.owner, p.name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
