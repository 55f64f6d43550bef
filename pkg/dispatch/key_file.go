package dispatch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"

	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/catalog"
)

// maxKeyFile bounds the file of a signing key or of the value of a header, in bytes:
// the longest value has a line end.
const maxKeyFile = catalog.MaxHeaderValue + 2

// keyFiles are files of signing keys and of values of headers by where they are, as they were read while no
// lock was held: a disk that does not answer holds up who asks, and nobody else.
type keyFiles struct {
	log   zerolog.Logger
	offer offers
	read  map[keyPlace]keyFile
}

type keyFile struct {
	text string
	err  error
}

// unreadKeys is the error of who holds a lock and needs files that were not read
// before.
type unreadKeys struct{ places []keyPlace }

func (e *unreadKeys) Error() string {
	return fmt.Sprintf("%d files of signing keys are still to be read", len(e.places))
}

// withKeyFiles does something that takes locks, and once more from its beginning
// when it says that files of keys are needed: they are read in between.
func (d *Dispatcher) withKeyFiles(ctx context.Context, do func(keyFiles) error) error {
	for have := (keyFiles{log: d.log, offer: d.offer}); ; {
		err := do(have)
		var unread *unreadKeys
		if !errors.As(err, &unread) {
			return err
		}
		more, err := readKeyFiles(ctx, d.offer, unread.places)
		if err != nil {
			return err
		}
		maps.Copy(more, have.read)
		have.read = more
	}
}

// readKeyFiles reads files until ctx ends; what is wrong with one is said where
// it is needed.
func readKeyFiles(ctx context.Context, of offers, places []keyPlace) (map[keyPlace]keyFile, error) {
	done := make(chan map[keyPlace]keyFile, 1)
	go func() {
		files := map[keyPlace]keyFile{}
		for _, p := range places {
			if ctx.Err() != nil {
				return
			}
			raw, err := of.read(p)
			files[p] = keyFile{string(raw), err}
		}
		done <- files
	}()
	select {
	case files := <-done:
		return files, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// lacks tells which files of the targets' keys were not read, as an *unreadKeys,
// or nil. What is outside of the offer is not looked at.
func (have keyFiles) lacks(targets iter.Seq[keyed]) error {
	var lacking []keyPlace
	asked := map[keyPlace]bool{}
	for t := range targets {
		for _, from := range t.places() {
			_, read := have.read[from]
			if from.File == "" || read || asked[from] || have.offer.refuses(t) != nil {
				continue
			}
			asked[from] = true
			lacking = append(lacking, from)
		}
	}
	if lacking == nil {
		return nil
	}
	return &unreadKeys{lacking}
}

// asStored are the targets of a catalog, each with its key from where it was taken
// when it was configured: those of a file the operator named.
func asStored(s *catalog.Snapshot) iter.Seq[keyed] {
	return func(yield func(keyed) bool) {
		for owner, t := range targetsOf(s) {
			meta, _ := s.MetaOf(owner, catalog.Ref{Name: t.Name})
			if !yield(keyedBy(owner, t, meta.Owner == "")) {
				return
			}
		}
	}
}

// inText are the targets of the text that asks for an edit, if any. One that a file
// owns, and that the edit leaves alone, has its key by that file.
func (e *edition) inText(s *catalog.Snapshot) iter.Seq[keyed] {
	return func(yield func(keyed) bool) {
		if e.text == nil {
			return
		}
		for owner, t := range targetsOf(e.text) {
			meta, _ := s.MetaOf(owner, catalog.Ref{Name: t.Name})
			if !e.operators && meta.Owner != "" {
				continue
			}
			if !yield(keyedBy(owner, t, !e.operators)) {
				return
			}
		}
	}
}

// touched are the targets that an edit adds or changes.
func (e *edition) touched(s catalog.Stamped) iter.Seq[keyed] {
	return func(yield func(keyed) bool) {
		for _, c := range s.Changes {
			if c.Kind == catalog.KindTarget && c.Action != catalog.Removed && !yield(e.keyed(s, c)) {
				return
			}
		}
	}
}

// keyed is the target that a change makes.
func (e *edition) keyed(s catalog.Stamped, c catalog.Change) keyed {
	t := s.Scopes[c.Org].Targets[c.Name]
	t.Name = c.Name
	return keyedBy(c.Org, t, !e.operators)
}
