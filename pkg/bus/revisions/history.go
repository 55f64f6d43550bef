package revisions

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// History lists the revisions of an instance below one, or up to the newest that
// the event stream is marked with when below is 0: newest first, at most limit.
// It ends where revisions are no longer kept.
func (i Revisions) History(ctx context.Context, below uint64, limit int) ([]action.Revision, error) {
	n, err := i.newestBelow(ctx, below)
	if err != nil {
		return nil, err
	}
	var list []action.Revision
	for n > 0 && len(list) < limit {
		m, err := i.manifest(ctx, n)
		if action.CodeOf(err) == action.CodeNotFound {
			break
		}
		if err != nil {
			return nil, err
		}
		list = append(list, m.Revision)
		n = m.Before
	}
	return list, nil
}

// newestBelow is the newest revision below a number. One of a dispatcher that
// died before its marker serves as a number too: what it was made from is right
// below it.
func (i Revisions) newestBelow(ctx context.Context, below uint64) (uint64, error) {
	latest, ok, err := i.Latest(ctx)
	if err != nil || !ok || below == 0 || below > latest.Revision {
		return latest.Revision, err
	}
	m, err := i.manifest(ctx, below)
	if err == nil {
		return m.Before, nil
	}
	for n := latest.Revision; n >= below; n = m.Before {
		if m, err = i.manifest(ctx, n); err != nil {
			if action.CodeOf(err) == action.CodeNotFound {
				return 0, nil
			}
			return 0, err
		}
	}
	return m.Before, nil
}

// Damage is what cannot be read of the newest revisions of an instance.
type Damage struct {
	Broken []Root   // newest first
	Good   *Version // the newest that can be read
	Cause  error    // of the newest
}

// maxDamage bounds how far Damage looks back.
const maxDamage = 1000

// Damage looks for the newest revision that can be read, from a marked one on
// down, and lists those that cannot. The way leads along the markers, which are
// not part of what can be broken.
func (i Revisions) Damage(ctx context.Context, at Root) (Damage, error) {
	var d Damage
	for range maxDamage {
		v, err := i.Version(ctx, at.Revision, nil)
		if err == nil {
			v.Cut, d.Good = at.Cut, v
			return d, nil
		}
		switch action.CodeOf(err) {
		case action.CodeNotFound, action.CodeUnreadable:
		default:
			return d, err
		}
		if d.Cause == nil {
			d.Cause = err
		}
		d.Broken = append(d.Broken, at)
		m, found, err := i.markerBelow(ctx, at.Cut)
		if err != nil || !found {
			return d, err
		}
		at = Root{Revision: m.Revision, Cut: m.cut}
	}
	return d, nil
}

// Repair puts what a good revision configures in the place of broken ones, so
// that events that were stored under them have a catalog again. It is for who
// holds the lead.
func (i Revisions) Repair(ctx context.Context, d Damage) error {
	for n, broken := range d.Broken {
		m := manifest{Format: action.Format, Revision: action.Revision{Revision: broken.Revision, Before: d.Good.Revision.Revision, Made: d.Good.Made,
			Source: fmt.Sprintf("was unreadable, holds revision %d", d.Good.Revision.Revision)}, BeforeCut: d.Good.Cut}
		if n+1 < len(d.Broken) {
			m.Before, m.BeforeCut = d.Broken[n+1].Revision, d.Broken[n+1].Cut
		}
		m.Chunks = catalog.Hashes(d.Good.chunks)
		raw, err := json.Marshal(m)
		if err != nil {
			return err
		}
		if err := i.manifests().Put(ctx, i.revisionKey(broken.Revision), raw); err != nil {
			return err
		}
	}
	return nil
}
