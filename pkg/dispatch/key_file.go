package dispatch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/follow"
)

// maxKeyFile bounds the file of a signing key, in bytes.
const maxKeyFile = 4 << 10

// keyFiles are files of signing keys by their paths, as they were read while no
// lock was held: a disk that does not answer holds up who asks, and nobody else.
type keyFiles map[string]keyFile

type keyFile struct {
	text string
	err  error
}

// unreadKeys is the error of who holds a lock and needs files that were not read
// before.
type unreadKeys struct{ paths []string }

func (e *unreadKeys) Error() string {
	return fmt.Sprintf("%d files of signing keys are still to be read", len(e.paths))
}

// withKeyFiles does something that takes locks, and once more from its beginning
// when it says that files of keys are needed: they are read in between.
func withKeyFiles(ctx context.Context, do func(keyFiles) error) error {
	for have := (keyFiles)(nil); ; {
		err := do(have)
		var unread *unreadKeys
		if !errors.As(err, &unread) {
			return err
		}
		more, err := readKeyFiles(ctx, unread.paths)
		if err != nil {
			return err
		}
		maps.Copy(more, have)
		have = more
	}
}

// readKeyFiles reads files until ctx ends; what is wrong with one is said where
// it is needed.
func readKeyFiles(ctx context.Context, paths []string) (keyFiles, error) {
	done := make(chan keyFiles, 1)
	go func() {
		files := keyFiles{}
		for _, path := range paths {
			if ctx.Err() != nil {
				return
			}
			raw, err := follow.Once(path, maxKeyFile)
			files[path] = keyFile{string(raw), err}
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
// or nil.
func (have keyFiles) lacks(targets iter.Seq[action.Target]) error {
	var lacking []string
	asked := map[string]bool{}
	for t := range targets {
		path := t.SigningKey.File
		if _, read := have[path]; path == "" || read || asked[path] {
			continue
		}
		asked[path] = true
		lacking = append(lacking, path)
	}
	if lacking == nil {
		return nil
	}
	return &unreadKeys{lacking}
}

// inText are the targets of a catalog; there is none in nil.
func inText(s *catalog.Snapshot) iter.Seq[action.Target] {
	return func(yield func(action.Target) bool) {
		if s == nil {
			return
		}
		for _, t := range targetsOf(s) {
			if !yield(t) {
				return
			}
		}
	}
}

// touched are the targets that an edit adds or changes.
func touched(s catalog.Stamped) iter.Seq[action.Target] {
	return func(yield func(action.Target) bool) {
		for _, c := range s.Changes {
			if c.Kind == catalog.KindTarget && c.Action != catalog.Removed && !yield(s.Scopes[c.Org].Targets[c.Name]) {
				return
			}
		}
	}
}
