package dispatch

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lead"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/sign"
)

// OwnKeys say how the keys of instances themselves live.
type OwnKeys struct {
	Every time.Duration // a key signs for so long until another does; 0 = action.DefaultKeyEvery, < 0 = until somebody rotates it
	Lead  time.Duration // a key is published for so long before it signs; 0 = action.DefaultKeyLead
}

func (o OwnKeys) withDefaults() OwnKeys {
	if o.Every == 0 {
		o.Every = action.DefaultKeyEvery
	}
	if o.Lead == 0 {
		o.Lead = action.DefaultKeyLead
	}
	return o
}

// publishedKeys are the keys of all instances as this dispatcher publishes them.
type publishedKeys struct {
	mu   sync.Mutex
	of   map[string]bus.OwnKeys
	open map[string]map[string]bool // private halves that are not sealed, by instance and kid
}

func (p *publishedKeys) set(e bus.KeyEntry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of, p.open = map[string]bus.OwnKeys{}, map[string]map[string]bool{}
	}
	switch {
	case e.Target != "":
	case e.Kid != "" && e.HasOpenHalf():
		if p.open[e.Instance] == nil {
			p.open[e.Instance] = map[string]bool{}
		}
		p.open[e.Instance][e.Kid] = true
	case e.Kid != "":
		if delete(p.open[e.Instance], e.Kid); len(p.open[e.Instance]) == 0 {
			delete(p.open, e.Instance)
		}
	case e.Gone:
		delete(p.of, e.Instance)
	default:
		p.of[e.Instance] = e.Own
	}
}

func (p *publishedKeys) get(instance string) bus.OwnKeys {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.of[instance]
}

func (p *publishedKeys) hasOpen(instance string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open[instance]) > 0
}

// OwnKeys are the keys of the instance itself that are published.
func (i *Instance) OwnKeys(ctx context.Context) (bus.OwnKeys, error) {
	if err := i.exists(ctx); err != nil {
		return nil, err
	}
	keys, _, err := i.bus.OwnKeys(ctx)
	return keys.Published(time.Now()), err
}

// RotateOwnKey makes a new key of the instance itself, see bus.OwnKeys.Rotated; a
// negative lead is the one that the dispatcher was told. It is no edit: no revision is made. The
// error is bad_field, or conflict when somebody else was first, or too many are
// published.
func (i *Instance) RotateOwnKey(ctx context.Context, a action.Algorithm, ahead time.Duration) (bus.OwnKey, error) {
	if ahead < 0 {
		ahead = i.dispatcher.ownKeys.Lead
	}
	if ahead > action.MaxKeyLead {
		return bus.OwnKey{}, action.NewError(action.CodeBadField, action.StageDecode, fmt.Sprintf("a key is published for 0s to %s before it signs", action.MaxKeyLead)).WithField("lead")
	}
	if err := i.exists(ctx); err != nil {
		return bus.OwnKey{}, err
	}
	// What is replaced is what stood here when the request came, as with RotateKey.
	keys, revision, err := i.bus.OwnKeys(ctx)
	if action.CodeOf(err) == action.CodeUnreadable && ahead == 0 {
		keys, err = nil, nil
	}
	if err != nil {
		return bus.OwnKey{}, err
	}
	pair, err := sign.NewPair(a)
	if err != nil {
		return bus.OwnKey{}, action.AsError(err, action.StageCatalog)
	}
	i = i.dispatcher.shared(i.ID)
	var made bus.OwnKey
	err = i.lead(ctx, func(ctx context.Context) error {
		made, err = i.putOwnKey(ctx, keys, revision, pair, ahead)
		return err
	})
	if action.CodeOf(err) == action.CodeConflict {
		return made, action.NewError(action.CodeConflict, action.StageStore, "the instance was given another key meanwhile, or has too many: this one is not published, rotate again if it is still needed").WithCause(err)
	}
	return made, err
}

// putOwnKey publishes a new key, its private half first: who dies in between has left
// one that nothing names, which is swept away.
func (i *Instance) putOwnKey(ctx context.Context, keys bus.OwnKeys, revision uint64, pair sign.Pair, ahead time.Duration) (bus.OwnKey, error) {
	next, err := keys.Rotated(pair, ahead, time.Now())
	if err != nil {
		return bus.OwnKey{}, err
	}
	if err := lead.Held(ctx); err != nil {
		return bus.OwnKey{}, err
	}
	if err := i.bus.PutPrivateHalf(ctx, pair.ID, pair.Private, i.dispatcher.sealing.to); err != nil {
		return bus.OwnKey{}, err
	}
	if err := i.bus.ReplaceOwnKeys(ctx, next, revision); err != nil {
		return bus.OwnKey{}, err
	}
	i.dispatcher.spares.CompareAndDelete(spareOf{i.ID, pair.Algorithm}, pair)
	i.dispatcher.published.set(bus.KeyEntry{Instance: i.ID, Own: next})
	i.log.Info().Str("kid", pair.ID).Str("algorithm", string(pair.Algorithm)).Time("signs", next[0].Signs).Int("published", len(next)).Msg("the instance has a new key")
	return next[0], nil
}

// spareOf names a key that was made for an instance and is not published yet.
type spareOf struct {
	instance  string
	algorithm action.Algorithm
}

// spare gives a key that is not published yet. It is kept until it is: making one of RSA
// may take longer than the lead is held on a machine under load, and who asks for the lead
// again has it then.
func (i *Instance) spare(a action.Algorithm) (sign.Pair, error) {
	at := spareOf{i.ID, a}
	if have, ok := i.dispatcher.spares.Load(at); ok {
		return have.(sign.Pair), nil //nolint:forcetypeassert // spare alone stores
	}
	pair, err := sign.NewPair(a)
	if err == nil {
		i.dispatcher.spares.Store(at, pair)
	}
	return pair, err
}

// needOwnKeys sees to it that the instance has a key of each of these algorithms. Who
// calls it holds the lead.
func (i *Instance) needOwnKeys(ctx context.Context, algorithms []action.Algorithm) error {
	if len(algorithms) == 0 {
		return nil
	}
	keys, revision, err := i.bus.OwnKeys(ctx)
	if err != nil {
		return err
	}
	for _, a := range algorithms {
		if _, has := keys.Newest(a); has {
			continue
		}
		pair, err := i.spare(a)
		if err != nil {
			return err
		}
		if _, err := i.putOwnKey(ctx, keys, revision, pair, 0); err != nil {
			return err
		}
		if keys, revision, err = i.bus.OwnKeys(ctx); err != nil {
			return err
		}
	}
	return nil
}

// algorithmsOf are those of the instance's keys that targets may need.
func algorithmsOf(yieldAll func(yield func(action.Target) bool)) (all []action.Algorithm) {
	yieldAll(func(t action.Target) bool {
		for _, a := range t.InstanceKeys() {
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
		return len(all) < len(action.Algorithms)
	})
	return all
}

// touchedTargets are the targets that an edit adds or changes.
func touchedTargets(s catalog.Stamped) func(func(action.Target) bool) {
	return func(yield func(action.Target) bool) {
		for _, c := range s.Changes {
			if c.Kind == catalog.KindTarget && c.Action != catalog.Removed && !yield(s.Scopes[c.Org].Targets[c.Name]) {
				return
			}
		}
	}
}

// keepOwnKeys makes the keys that the catalog in force needs and that are missing, gives
// those a successor whose time comes, and drops what is published no more. It is for who
// holds the lead.
func (i *Instance) keepOwnKeys(ctx context.Context, m *catalog.Matcher) error {
	err := i.needOwnKeys(ctx, algorithmsOf(func(yield func(action.Target) bool) {
		for _, t := range targetsOf(m.Snapshot()) {
			if !yield(t) {
				return
			}
		}
	}))
	if err != nil {
		return err
	}
	if err := i.rotateDue(ctx); err != nil {
		return err
	}
	return i.sealHalves(ctx)
}

// rotateDue makes the successor of each key early enough that it is published for the
// lead before the other has signed for its time, and drops keys that are gone.
func (i *Instance) rotateDue(ctx context.Context) error {
	o, now := i.dispatcher.ownKeys, time.Now()
	if len(i.dispatcher.published.get(i.ID)) == 0 { // as most instances
		return nil
	}
	keys, revision, err := i.bus.OwnKeys(ctx)
	if err != nil || len(keys) == 0 {
		return err
	}
	if left, gone := keys.Dropped(now); len(gone) > 0 {
		if err := i.bus.ReplaceOwnKeys(ctx, left, revision); err != nil {
			return err
		}
		i.log.Info().Strs("kids", gone).Msg("keys of the instance are published no more")
		if keys, revision, err = i.bus.OwnKeys(ctx); err != nil {
			return err
		}
	}
	if o.Every < 0 {
		return nil
	}
	for _, a := range action.Algorithms {
		newest, has := keys.Newest(a)
		if !has || now.Before(newest.Signs.Add(o.Every-o.Lead)) {
			continue
		}
		pair, err := i.spare(a)
		if err != nil {
			return err
		}
		if _, err := i.putOwnKey(ctx, keys, revision, pair, o.Lead); err != nil {
			return err
		}
		if keys, revision, err = i.bus.OwnKeys(ctx); err != nil {
			return err
		}
	}
	return nil
}

// sealHalves seals what lies open of the instance's own keys, where there is a key to seal
// for.
func (i *Instance) sealHalves(ctx context.Context) error {
	to := i.dispatcher.sealing.to
	if to == nil || !i.dispatcher.published.hasOpen(i.ID) {
		return nil
	}
	sealed, err := i.bus.SealHalves(ctx, *to)
	if sealed > 0 {
		i.log.Info().Int("keys", sealed).Str("seal_key", to.ID()).Msg("keys of the instance that lay open are sealed")
	}
	return err
}
