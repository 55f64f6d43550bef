package callout

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of a set of keys.
const (
	maxSet     = 256 << 10 // bytes
	maxSetKeys = 64
	minRSABits = 2048
	maxRSABits = 8192
)

// How long a set is kept that was fetched, and how often it is fetched for a kid that is not in it.
const (
	usualAge   = 5 * time.Minute
	longestAge = time.Hour
	shortest   = 10 * time.Second
)

// keySet are the public keys of an instance, by kid.
type keySet struct {
	url    string
	client *http.Client
	now    func() time.Time

	mu      sync.Mutex // held while they are fetched: who comes meanwhile and finds nothing kept needs what comes
	kept    atomic.Pointer[keptKeys]
	fetched time.Time
	fresh   bool // the last time that they were fetched has brought them: no-store has them used then, too
}

// keptKeys are never written to.
type keptKeys struct {
	keys  map[string]crypto.PublicKey
	until time.Time
}

func newKeySet(o Options, now func() time.Time) (*keySet, error) {
	s := &keySet{url: o.JWKSURL, client: o.Client, now: now}
	s.kept.Store(&keptKeys{})
	if s.client == nil {
		// Keys are where they were said to be, and nowhere else.
		s.client = &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if o.JWKS != nil {
		keys, err := parseSet(o.JWKS)
		s.url = ""
		s.kept.Store(&keptKeys{keys: keys})
		return s, err
	}
	if !strings.HasPrefix(s.url, "https://") && !strings.HasPrefix(s.url, "http://") {
		return nil, errors.New("callout: a JWT needs the keys of the instance: JWKS, or JWKSURL (CALLOUT_JWKS)")
	}
	return s, nil
}

// key gives the key of a kid, or nil. The error tells that the keys cannot be fetched.
func (s *keySet) key(ctx context.Context, kid string) (crypto.PublicKey, error) {
	// Who sends a kid that nobody has makes nobody wait whose key is here.
	if k := s.kept.Load(); k.keys[kid] != nil && (s.url == "" || s.now().Before(k.until)) {
		return k.keys[kid], nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(ctx, kid)
}

// ed25519 gives the keys that verify v1a. A request does not name which: what is not among those
// that are kept is not fetched for.
func (s *keySet) ed25519(ctx context.Context) (out []ed25519.PublicKey, err error) {
	if s.url != "" && !s.now().Before(s.kept.Load().until) {
		s.mu.Lock()
		_, err = s.find(ctx, "")
		s.mu.Unlock()
	}
	for _, key := range s.kept.Load().keys {
		if k, ok := key.(ed25519.PublicKey); ok {
			out = append(out, k)
		}
	}
	return out, err
}

func (s *keySet) find(ctx context.Context, kid string) (crypto.PublicKey, error) {
	k := s.kept.Load()
	key, known := k.keys[kid]
	if s.url == "" {
		return key, nil
	}
	now := s.now()
	if known && now.Before(k.until) {
		return key, nil
	}
	// Who sends a kid that nobody has may not have the keys fetched for each request.
	if !s.fetched.IsZero() && now.Sub(s.fetched) < shortest {
		if !now.Before(k.until) && !s.fresh {
			return nil, errors.New("the keys could not be fetched a moment ago")
		}
		return key, nil
	}
	s.fetched = now
	err := s.fetch(ctx, now)
	s.fresh = err == nil
	if err != nil {
		return nil, err
	}
	return s.kept.Load().keys[kid], nil
}

func (s *keySet) fetch(ctx context.Context, now time.Time) error {
	// The request may end while others wait for the same keys.
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, s.url, nil)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("the keys cannot be fetched: %w", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxSet+1))
	switch {
	case err != nil:
		return fmt.Errorf("the keys cannot be fetched: %w", err)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("the keys cannot be fetched: status %d", resp.StatusCode)
	}
	keys, err := parseSet(raw)
	if err != nil {
		return err
	}
	s.kept.Store(&keptKeys{keys, now.Add(age(resp.Header.Get("Cache-Control")))})
	return nil
}

// age is how long Cache-Control lets a set be kept.
func age(control string) time.Duration {
	kept := usualAge
	for part := range strings.SplitSeq(control, ",") {
		part = strings.TrimSpace(strings.ToLower(part))
		if part == "no-store" || part == "no-cache" { // wherever it stands
			return 0
		}
		if text, ok := strings.CutPrefix(part, "max-age="); ok {
			if n, err := strconv.ParseInt(text, 10, 32); err == nil && n >= 0 {
				kept = min(time.Duration(n)*time.Second, longestAge)
			}
		}
	}
	return kept
}

// parseSet reads a set of keys. Those of other kinds are passed over.
func parseSet(raw []byte) (map[string]crypto.PublicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if len(raw) > maxSet || json.Unmarshal(raw, &set) != nil || set.Keys == nil || len(set.Keys) > maxSetKeys {
		return nil, errors.New("callout: the keys of the instance are no JWKS of at most 64 keys and 256 KiB")
	}
	out := map[string]crypto.PublicKey{}
	for _, one := range set.Keys {
		var k struct{ Kty, Crv, Kid, Alg, Use, X, N, E string }
		if json.Unmarshal(one, &k) != nil || k.Kid == "" || k.Use != "" && k.Use != "sig" {
			continue
		}
		key := publicKey(k.Kty, k.Crv, k.Alg, k.X, k.N, k.E)
		if key == nil {
			continue
		}
		if _, twice := out[k.Kid]; twice {
			return nil, errors.New("callout: two keys of the JWKS have the same kid")
		}
		out[k.Kid] = key
	}
	return out, nil
}

func publicKey(kty, crv, alg, x, n, e string) crypto.PublicKey {
	switch {
	case kty == "OKP" && crv == "Ed25519" && (alg == "" || alg == "EdDSA"):
		if raw, err := decodeURL(x); err == nil && len(raw) == ed25519.PublicKeySize {
			return ed25519.PublicKey(raw)
		}
	case kty == "RSA" && (alg == "" || alg == "RS256"):
		modulus, err := decodeURL(n)
		exponent, wrong := decodeURL(e)
		if err != nil || wrong != nil || len(exponent) > 4 || len(exponent) == 0 {
			return nil
		}
		key := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(new(big.Int).SetBytes(exponent).Int64())}
		if bits := key.N.BitLen(); bits >= minRSABits && bits <= maxRSABits && key.E >= 3 {
			return key
		}
	}
	return nil
}

// decodeURL reads base64url in its one canonical form.
func decodeURL(text string) ([]byte, error) {
	if bytes.ContainsAny([]byte(text), "\r\n") {
		return nil, errors.New("a line break")
	}
	return base64.RawURLEncoding.Strict().DecodeString(text)
}
