package manage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
)

// edit is one change of an instance's catalog that a request asks for.
type edit struct {
	instance string
	source   string // as the history names it
	request  string // the id of the request, "" = none
	asks     string // whose id that is, see asksAs
	dryRun   bool
	// make gives the catalog that is asked for; the current one itself when
	// there is nothing to change. It may be called more than once.
	make func(ctx context.Context, current *catalog.Snapshot) (*catalog.Snapshot, error)
	// about is the object that problems are laid to, nil when the request has no
	// fields for them.
	about *subject
	// job is what make may fill in, to be begun by the edit; nil = there is none.
	job *jobs.Job
	// made is told the signing keys that the edit makes, nil when nobody asks. Such
	// an edit has no job.
	made *[]bus.NewSecret
	// text is what the configuration names that asks for the edit, nil when none does.
	text *catalog.Snapshot
}

// edited is what an edit has led to.
type edited struct {
	was, is  *catalog.Snapshot // is has what the edit stamped; after a dry run it is what would be
	revision uint64            // in force, or after a dry run compared with
	repeated bool              // the request was answered before: was and is are those of then
	job      string            // and this is the id of the job that it began, if any
}

// edit is the one way from a request to a new revision. A request that was
// answered before makes no second one.
func (s *Service) edit(ctx context.Context, e edit) (edited, error) {
	if e.dryRun || action.CheckID(e.instance) != nil { // which a dry run refuses
		return s.dryRun(ctx, e)
	}
	var err error
	if e.asks, err = asksAs(ctx); err != nil {
		return edited{}, err
	}
	source, err := e.sourceText()
	if err != nil {
		return edited{}, err
	}
	repeated, seen, err := s.repeated(ctx, e, source, remembered)
	if err != nil || repeated != nil {
		return s.then(ctx, e.instance, repeated, err)
	}
	var was, next *catalog.Snapshot
	after, err := s.put(ctx, e, source, func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
		if e.request != "" && current.Revision > seen { // others were faster, and one may have been the same request
			var err error
			if repeated, _, err = s.repeated(ctx, e, source, min(current.Revision-seen, remembered)); err != nil || repeated != nil {
				return nil, cmp.Or(err, errRepeated)
			}
		}
		var err error
		was = current
		next, err = e.make(ctx, current)
		return next, err
	})
	switch {
	case repeated != nil:
		return s.then(ctx, e.instance, repeated, nil)
	case err != nil:
		return edited{}, e.refusal(err, next)
	case after == was.Revision:
		return edited{was: was, is: was, revision: after}, nil
	}
	is, err := s.catalogAt(ctx, e.instance, after)
	if err == nil {
		trailIn(ctx).edited(e.instance, was, is)
	}
	return edited{was: was, is: is, revision: after}, err
}

// put makes an edit of the newest catalog.
func (s *Service) put(ctx context.Context, e edit, source string, edit func(current *catalog.Snapshot) (*catalog.Snapshot, error)) (after uint64, err error) {
	if e.made == nil && e.text == nil {
		_, after, err = s.engine(e.instance).EditWithJob(ctx, source, e.job, edit)
		return after, err
	}
	_, after, made, err := s.engine(e.instance).EditMakingKeys(ctx, source, e.text, edit)
	if e.made != nil {
		*e.made = made
	}
	return after, err
}

// dryRun makes the edit of what is in force here, and puts nothing in force. What
// the edit would refuse it refuses.
func (s *Service) dryRun(ctx context.Context, e edit) (edited, error) {
	var next *catalog.Snapshot
	was, is, err := s.engine(e.instance).DryRun(ctx, func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
		var err error
		next, err = e.make(ctx, current)
		return next, err
	})
	if err != nil {
		return edited{}, e.refusal(err, next)
	}
	return edited{was: was, is: is, revision: was.Revision}, nil
}

// catalogAt gives the catalog of one revision, whether or not it is in force
// any more.
func (s *Service) catalogAt(ctx context.Context, instance string, revision uint64) (*catalog.Snapshot, error) {
	m, err := s.catalog(ctx, instance, 0)
	if err == nil && m.Revision() == revision {
		return m.Snapshot(), nil
	}
	return s.engine(orDefault(instance)).CatalogAt(ctx, revision)
}

// refusal words the error of an edit: what the catalog would be is looked at
// once more, so that everything that is wrong comes at once.
func (e *edit) refusal(err error, next *catalog.Snapshot) error {
	var unknown *catalog.UnknownConditions
	if errors.As(err, &unknown) {
		return e.about.undeclared(unknown)
	}
	var listed *badCatalog
	if next == nil || action.CodeOf(err) != action.CodeBadCatalog || errors.As(err, &listed) {
		return e.about.rename(err)
	}
	if found := catalog.Validate(next); catalog.HasErrors(found) {
		return e.about.refusal(found)
	}
	return err
}

// subject is the object that a request is about.
type subject struct {
	place   catalog.Place
	field   string // of the request
	reading *file.Reading
}

// check tells what is wrong with the object in a catalog, and what is doubtful
// about it. Only what the object reaches is looked at.
func (o *subject) check(next *catalog.Snapshot) (doubts []catalog.Problem, err error) {
	part := next.Part(o.place)
	ends := catalog.CheckEnds(part, time.Now())
	found := o.reading.Problems(append(catalog.Validate(part), ends...))
	if catalog.HasErrors(found) {
		return nil, o.refusal(o.reading.Problems(append(catalog.Validate(next), ends...)))
	}
	for _, p := range found {
		switch p.Code {
		case catalog.ProblemUnusedTarget, catalog.ProblemUnusedList: // others may come to use it
		default:
			if at, is := o.at(p); is {
				p.Path = at
				doubts = append(doubts, p)
			}
		}
	}
	return doubts, nil
}

// refusal is the error of a catalog with problems, which are laid to the fields
// of the request. It is bad_field when one of them is in the object.
func (o *subject) refusal(found []catalog.Problem) error {
	var errs, own []catalog.Problem
	for _, p := range found {
		if p.Severity != catalog.Error {
			continue
		}
		if at, is := o.at(p); is {
			p.Path = at
			own = append(own, p)
		}
		errs = append(errs, p)
	}
	switch {
	case len(own) > 0:
		return badFields(errs)
	case o != nil:
		return &badCatalog{problems: errs, as: action.NewError(action.CodeBadCatalog, action.StageCatalog, "it does not fit the rest: "+inWords(errs))}
	}
	return &badCatalog{problems: errs}
}

// at is the field of the request that a problem is in.
func (o *subject) at(p catalog.Problem) (field string, is bool) {
	if o == nil {
		return "", false
	}
	if p.Path == "instance" {
		return p.Path, true
	}
	if p.Path == o.place.ScopePath() && p.Path != "" {
		return o.field + ".org", true
	}
	rest, is := strings.CutPrefix(p.Path, o.place.Path())
	switch {
	case !is || rest != "" && rest[0] != '.' && rest[0] != '[':
		return "", false
	case rest == ".list": // which a file says, and here the name alone does
		return o.field + ".name", true
	case isOfSource(p, rest):
		return o.field + ".header_sources" + strings.TrimPrefix(rest, ".headers"), true
	case rest != "":
		return o.field + rest, true
	}
	switch p.Code { // of the key under which a file has it
	case catalog.ProblemBadName, catalog.ProblemDuplicateKey:
		return o.field + ".name", true
	case catalog.ProblemBadCondition, catalog.ProblemDuplicateCondition, catalog.ProblemUnknownCondition:
		return o.field + ".condition", true
	}
	return o.field, true
}

// isOfSource tells whether a problem is where the value of a header comes from, which a
// file has in the place of the value.
func isOfSource(p catalog.Problem, rest string) bool {
	if !strings.HasPrefix(rest, ".headers.") {
		return false
	}
	return p.Code == catalog.ProblemMisplaced || strings.HasSuffix(rest, ".env") || strings.HasSuffix(rest, ".file") || strings.HasSuffix(rest, ".secret")
}

// rename lays the field of an error to the request.
func (o *subject) rename(err error) error {
	var of *action.Error
	if o == nil || !errors.As(err, &of) || o.place.Phase != "" {
		return err
	}
	for _, path := range []string{o.place.Path(), "targets." + o.place.Name} {
		if rest, is := strings.CutPrefix(of.Field, path+".signing_key"); is {
			return of.WithField(o.field + ".signing_key" + rest)
		}
		if rest, is := strings.CutPrefix(of.Field, path+".headers."); is { // of those whose values stand here nothing is said so late
			return of.WithField(o.field + ".header_sources." + rest)
		}
		if rest, is := strings.CutPrefix(of.Field, path+".tls."); is {
			return of.WithField(o.field + ".tls." + rest)
		}
	}
	return err
}

// maxShown is how many problems the message of an error repeats.
const maxShown = 3

// badFields is the error of a request with fields that are wrong.
func badFields(found []catalog.Problem) error {
	return &badCatalog{problems: found, as: action.NewError(action.CodeBadField, action.StageDecode, inWords(found)).WithField(found[0].Path)}
}

func inWords(found []catalog.Problem) string {
	words := texts(found[:min(len(found), maxShown)], func(p catalog.Problem) string { return p.Path + ": " + p.Message })
	if more := len(found) - maxShown; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, "; ")
}

// missing is a field that must be set.
func missing(field, message string) error {
	return badFields([]catalog.Problem{{Path: field, Severity: catalog.Error, Code: catalog.ProblemMissing, Message: message}})
}
