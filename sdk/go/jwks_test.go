package callout

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestKeysAreFetched when they are needed: what Cache-Control says holds, a kid that is not there has them
// fetched once in ten seconds, and what cannot be fetched is told.
func TestKeysAreFetched(t *testing.T) {
	kids, control, status, fetched := []string{"a"}, "max-age=60", http.StatusOK, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched++
		w.Header().Set("Cache-Control", control)
		w.WriteHeader(status)
		fmt.Fprint(w, `{"keys":[`)
		for n, kid := range kids {
			if n > 0 {
				fmt.Fprint(w, ",")
			}
			fmt.Fprintf(w, `{"kty":"OKP","crv":"Ed25519","kid":%q,"x":%q}`, kid, base64.RawURLEncoding.EncodeToString(make([]byte, ed25519.PublicKeySize)))
		}
		fmt.Fprint(w, `]}`)
	}))
	defer server.Close()
	now := time.Unix(1_700_000_000, 0)
	set, err := newKeySet(Options{JWKSURL: server.URL}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	step := func(kid string, there, fails bool, times int) {
		t.Helper()
		key, err := set.key(context.Background(), kid)
		if (key != nil) != there || (err != nil) != fails || fetched != times {
			t.Fatalf("%s: %v, %v, fetched %d times, want %d", kid, key != nil, err, fetched, times)
		}
	}
	step("a", true, false, 1)
	step("a", true, false, 1)
	step("b", false, false, 1) // a moment ago
	now = now.Add(11 * time.Second)
	kids = append(kids, "b")
	step("b", true, false, 2)
	step("c", false, false, 2)
	now = now.Add(61 * time.Second)
	step("a", true, false, 3)
	status = http.StatusInternalServerError
	now = now.Add(61 * time.Second)
	step("a", false, true, 4)
	now = now.Add(time.Second)
	step("a", false, true, 4)
	status, control = http.StatusOK, "no-store"
	now = now.Add(10 * time.Second)
	step("a", true, false, 5)
	step("a", true, false, 5)
}

// TestAge is what Cache-Control says, an hour at most.
func TestAge(t *testing.T) {
	for control, want := range map[string]time.Duration{"": usualAge, "public, max-age=30": 30 * time.Second, "Max-Age=999999": longestAge, "no-store": 0, "max-age=60, no-store": 0, "private, no-cache, max-age=60": 0, "max-age=x": usualAge, "max-age=-1": usualAge, "private": usualAge} {
		if got := age(control); got != want {
			t.Errorf("%q: %s", control, got)
		}
	}
}

// TestNobodyWaitsForAStrangersKey: a kid that nobody has makes them be fetched, and who has a key that is here
// does not wait for that.
func TestNobodyWaitsForAStrangersKey(t *testing.T) {
	asked, answer := make(chan struct{}, 10), make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-answer
		fmt.Fprintf(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":%q}]}`, base64.RawURLEncoding.EncodeToString(make([]byte, ed25519.PublicKeySize)))
	}))
	defer server.Close()
	now := time.Unix(1_700_000_000, 0)
	set, err := newKeySet(Options{JWKSURL: server.URL}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	answer <- struct{}{}
	if key, err := set.key(t.Context(), "a"); key == nil {
		t.Fatal(err)
	}
	<-asked
	now = now.Add(11 * time.Second)
	ended := make(chan struct{})
	go func() { defer close(ended); _, _ = set.key(context.Background(), "strange") }()
	<-asked // it is being fetched
	known := make(chan struct{})
	go func() {
		defer close(known)
		_, _ = set.key(context.Background(), "a")
		_, _ = set.ed25519(context.Background())
	}()
	select {
	case <-known:
	case <-time.After(4 * time.Second): // the fetch itself ends behind 5 s
		t.Error("a key that is here was waited for")
	}
	answer <- struct{}{}
	<-ended
}

// TestKeysAreNotElsewhere: a redirect is not followed, least of all from https to http.
func TestKeysAreNotElsewhere(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":[]}`) }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer server.Close()
	set, err := newKeySet(Options{JWKSURL: server.URL}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.key(t.Context(), "a"); err == nil {
		t.Error("keys were taken from elsewhere")
	}
}

// TestTheIDThatIsTaken is webhook-id where Standard Webhooks decided, and else jti, and else one that nobody has signed.
func TestTheIDThatIsTaken(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	part := base64.RawURLEncoding.EncodeToString
	now := time.Unix(1_700_000_000, 0)
	secret := []byte("0123456789abcdef0123456789abcdef")
	key := "whsec_" + base64.StdEncoding.EncodeToString(secret)
	set := fmt.Appendf(nil, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":%q}]}`, part(public))
	for _, c := range []struct {
		jti, want string
		keys      []string
	}{{`"jti":"inner",`, "outer", []string{key}}, {`"jti":"inner",`, "inner", nil}, {"", "unsigned", nil}} {
		jwt := part([]byte(`{"alg":"EdDSA","kid":"k","typ":"JWT"}`)) + "." + part(fmt.Appendf(nil, `{%s"iat":1700000000,"exp":1700000300}`, c.jti))
		jwt += "." + part(ed25519.Sign(private, []byte(jwt)))
		v, err := NewVerifier(Options{Keys: c.keys, Payload: JWT, JWKS: set, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		signed := hmac.New(sha256.New, secret)
		fmt.Fprint(signed, "outer.1700000000."+jwt)
		h := http.Header{}
		h.Set("webhook-id", "outer")
		h.Set("webhook-timestamp", "1700000000")
		h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(signed.Sum(nil)))
		h.Set("callout-delivery-id", "unsigned")
		got, err := v.Verify(t.Context(), h, []byte(jwt))
		if err != nil || got.ID != c.want {
			t.Errorf("%q, %v, want %s", got.ID, err, c.want)
		}
	}
}
