package tokens

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// What lies in the bucket: the token of an id, and when it was used last. The second
// is apart, so that a use never writes back a token that was revoked meanwhile.
const (
	keyToken = "token."
	keyUsed  = "used."
)

// Store is the tokens of an installation. It is a value, and may be used from any
// goroutine. Errors are *action.Error.
type Store struct{ bus *bus.Bus }

// Of gives the tokens of an installation.
func Of(b *bus.Bus) Store { return Store{b} }

func (s Store) bucket() bus.Bucket { return s.bus.Bucket(bus.BucketTokens) }

// Listed is a token with when it was used last; zero = not since it was made, or
// within the last minute for the first time.
type Listed struct {
	access.Token
	Used time.Time
}

// Add stores a token that is new. The error is too_large when there are
// access.MaxTokens.
func (s Store) Add(ctx context.Context, t access.Token) error {
	keys, err := s.bucket().Keys(ctx, keyToken+"*")
	if err != nil {
		return err
	}
	if len(keys) >= access.MaxTokens {
		return action.NewError(action.CodeTooLarge, action.StageStore, fmt.Sprintf("there are %d tokens, as many as may be: revoke some", len(keys)))
	}
	t.Format = action.Format
	raw, err := json.Marshal(t)
	if err != nil {
		return action.NewError(action.CodeInternal, action.StageStore, "").WithCause(err)
	}
	_, err = s.bucket().Update(ctx, keyToken+t.ID, raw, 0)
	return err
}

// Get reads one token; ok is false when there is none of that id.
func (s Store) Get(ctx context.Context, id string) (t access.Token, ok bool, err error) {
	if !access.IsTokenID(id) {
		return t, false, nil
	}
	v, ok, err := s.bucket().Get(ctx, keyToken+id)
	if err != nil || !ok {
		return t, false, err
	}
	t, err = read(v)
	if !s.bucket().Judge(v, err) {
		return t, false, nil // it lets nobody in
	}
	return t, true, nil
}

// List gives the tokens, those made first in front. What cannot be read is left out:
// it lets nobody in.
func (s Store) List(ctx context.Context) ([]Listed, error) {
	var all []Listed
	used := map[string]time.Time{}
	err := s.bucket().Each(ctx, ">", func(v bus.Value) error {
		if id, ok := strings.CutPrefix(v.Key, keyUsed); ok {
			used[id] = v.At
			return nil
		}
		if t, err := read(v); s.bucket().Judge(v, err) {
			all = append(all, Listed{Token: t})
		}
		return nil
	})
	for n := range all {
		all[n].Used = used[all[n].ID]
	}
	slices.SortFunc(all, func(a, b Listed) int { return cmp.Or(a.Made.Compare(b.Made), cmp.Compare(a.ID, b.ID)) })
	return all, err
}

// Revoke removes a token. That there is none is no error: what was asked for holds.
func (s Store) Revoke(ctx context.Context, id string) error {
	if err := s.bucket().Purge(ctx, keyToken+id); err != nil {
		return err
	}
	return s.bucket().Purge(ctx, keyUsed+id)
}

// Use notes that a token is used now.
func (s Store) Use(ctx context.Context, id string) error {
	return s.bucket().Put(ctx, keyUsed+id, []byte("{}"))
}

// Follow has a ring hold what is stored, from now on until ctx ends. first is closed
// when all that stood has been read. A token that was removed counts no more, and so
// does one that cannot be read: who cannot be known is nobody. One that is missing
// because its bucket was lost is the same: nobody gave it back.
func Follow(ctx context.Context, b *bus.Bus, ring *access.Ring) (first <-chan struct{}) {
	k := b.Bucket(bus.BucketTokens)
	return k.Follow(ctx, keyToken+"*", func(v bus.Value) {
		var t access.Token
		var err error
		if v.Bytes != nil {
			t, err = read(v)
		}
		if !k.Judge(v, err) || v.Bytes == nil {
			ring.Remove(strings.TrimPrefix(v.Key, keyToken))
			return
		}
		ring.Set(t)
	})
}

func read(v bus.Value) (t access.Token, err error) {
	if err = bus.Decode(v.Bytes, &t); err == nil {
		err = t.Check()
	}
	if err == nil && keyToken+t.ID != v.Key {
		err = errors.New("it names another token than its key")
	}
	return t, err
}
