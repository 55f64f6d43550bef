package manage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// remembered is how many revisions are looked through for the id of a request.
const remembered = 256

var requestID = regexp.MustCompile(`^[!-~]{1,100}$`)

// errRepeated ends an edit whose request was answered before.
var errRepeated error = action.NewError(action.CodeConflict, action.StageCatalog, "")

// sourceText tells the history what made a revision, and for which request: the
// history is where a request that comes again is found.
func (e *edit) sourceText() (string, error) {
	if e.request == "" {
		return e.source, nil
	}
	if !requestID.MatchString(e.request) {
		return "", badField("request_id", "a request id has 1 to 100 visible characters of ASCII")
	}
	return e.source + e.mark(), nil
}

func (e *edit) mark() string { return " (request " + e.asks + e.request + ")" }

// asksAs sets the ids of an organization's requests apart: one that takes an id of
// another's is not told what that has led to.
func asksAs(ctx context.Context) (string, error) {
	p, err := access.From(ctx)
	if err != nil || p.Scope.Org == "" {
		return "", err
	}
	sum := sha256.Sum256([]byte(p.Scope.Org))
	return hex.EncodeToString(sum[:8]) + "/", nil
}

// repeated finds the revision that a request has made, among the newest. seen
// is the newest of all. The error is bad_field when another call has used the
// id.
func (s *Service) repeated(ctx context.Context, e edit, source string, newest uint64) (found *action.Revision, seen uint64, err error) {
	if e.request == "" {
		return nil, 0, nil
	}
	revisions, err := s.engine(e.instance).History(ctx, 0, int(newest))
	if action.CodeOf(err) == action.CodeUnknownInstance {
		return nil, 0, nil
	}
	if err != nil || len(revisions) == 0 {
		return nil, 0, err
	}
	seen = revisions[0].Revision
	for _, r := range revisions {
		switch {
		case !strings.HasSuffix(r.Source, e.mark()):
		case r.Source != source:
			return nil, seen, badField("request_id", fmt.Sprintf("the request id was used already: revision %d was made by %s", r.Revision, r.Source))
		default:
			return &r, seen, nil
		}
	}
	return nil, seen, nil
}

// then gives what a request has led to that was answered before. Who made the
// revision may have died before it was in force everywhere: an edit that changes
// nothing finishes that first.
func (s *Service) then(ctx context.Context, instance string, r *action.Revision, err error) (edited, error) {
	if err != nil {
		return edited{}, err
	}
	if m, err := s.catalog(ctx, instance, 0); err != nil || m.Revision() < r.Revision {
		same := func(current *catalog.Snapshot) (*catalog.Snapshot, error) { return current, nil }
		if _, _, err := s.engine(instance).Edit(ctx, r.Source, same); err != nil {
			return edited{}, err
		}
	}
	d := edited{revision: r.Revision, repeated: true, job: r.Job}
	if d.is, err = s.catalogAt(ctx, instance, r.Revision); err == nil {
		d.was, err = s.catalogAt(ctx, instance, r.Before)
	}
	return d, err
}

// anotherRequest is the error of a request that comes again and asks for
// something else.
func anotherRequest(d edited, place catalog.Place) error {
	return badField("request_id", fmt.Sprintf("the request id was used already: revision %d did not make %s", d.revision, place))
}
