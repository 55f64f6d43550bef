package conformance

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Target is a target that is driven: one that listens at URL already, with the keys of the kit
// or these, or a program that is started as often as cases need it.
type Target struct {
	URL     string
	Keys    []string // of a URL: a whsec_ key, another one, and a whsk_ key; none = those of the kit
	Program Program
}

// How a target is started.
const (
	withKeys       = "keys"
	withJWT        = "jwt"
	withJWE        = "jwe"
	withJWTAndKeys = "jwt_and_keys"
	withBadKey     = "bad_key"
	withNone       = "none"
)

// CheckTarget drives a target with each case and tells each how it went, in any order and
// one at a time. The error tells that it could not be driven at all.
func CheckTarget(ctx context.Context, t Target, cases []Case, each func(Result)) error {
	keys, err := ReadKeys()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "callout-conformance-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // keys that are published
	for kid, text := range keys.Target {
		if err := os.WriteFile(filepath.Join(dir, kid+".pem"), []byte(text), 0o600); err != nil {
			return err
		}
	}
	signing, err := signingOf(keys, t.Keys)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	tell := func(r Result) {
		mu.Lock()
		defer mu.Unlock()
		each(r)
	}
	// Those that need a program of their own wait much, so they go on beside the others.
	var alone, shared []Case
	for _, c := range cases {
		switch why := c.needs(); {
		case t.URL != "" && (why != "" || signing.lacks(c) != ""):
			tell(Result{Case: c.Case, Rule: c.Rule, Result: Skipped, Why: why + signing.lacks(c)})
		case c.Fresh:
			alone = append(alone, c)
		default:
			shared = append(shared, c)
		}
	}
	var both sync.WaitGroup
	for _, some := range [][]Case{alone, shared} {
		both.Go(func() {
			d := &driver{target: t, signing: signing, dir: dir, word: fmt.Sprintf("%x", time.Now().UnixNano())}
			defer d.close()
			for _, c := range some {
				if ctx.Err() == nil {
					tell(d.drive(ctx, c))
				}
			}
		})
	}
	both.Wait()
	return ctx.Err()
}

// signingOf finds out which of the keys of a target is which.
func signingOf(keys Keys, given []string) (*signing, error) {
	s := &signing{keys: keys}
	if len(given) == 0 {
		s.first, s.second, s.private = keys.First, keys.Second, keys.Private
		return s, nil
	}
	for _, text := range given {
		switch {
		case strings.HasPrefix(text, "whsk_"):
			s.private = text
		case s.first == "":
			s.first = text
		default:
			s.second = text
		}
	}
	if s.first == "" {
		return nil, fmt.Errorf("a key whsec_… is missing: most cases are signed with one")
	}
	return s, nil
}

// lacks tells which key a case needs that there is not, or "".
func (s *signing) lacks(c Case) string {
	for _, step := range c.Steps {
		if step.Send == nil {
			continue
		}
		if step.Send.Key == "second" && s.second == "" {
			return "it needs a second key"
		}
		if step.Send.Sign != nil && strings.Contains(strings.Join(*step.Send.Sign, " "), "v1a") && s.private == "" {
			return "it needs a whsk_ key"
		}
	}
	return ""
}
