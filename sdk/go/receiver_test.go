package callout_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	callout "github.com/callout-hq/callout/sdk/go"
	"github.com/callout-hq/callout/sdk/go/callouttest"
)

const method = "/acme.user.v1.UserService/CreateUser"

// hooks make a receiver that logs into a buffer.
func hooks(t *testing.T, edit func(*callout.Options)) (*callout.Receiver, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	o := callout.Options{Keys: []string{callouttest.Key}, Log: slog.New(slog.NewTextHandler(log, nil))}
	if edit != nil {
		edit(&o)
	}
	r, err := callout.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r, log
}

func wants(t *testing.T, a callouttest.Answer, status int, body string) {
	t.Helper()
	if a.Status != status || !strings.Contains(string(a.Body), body) || body == "" && len(a.Body) > 0 {
		t.Fatalf("answered %d %s, want %d %s", a.Status, a.Body, status, body)
	}
}

// TestACall: what a handler is told, and what becomes of what it gives.
func TestACall(t *testing.T) {
	r, _ := hooks(t, nil)
	callout.OnRequest(r, method, func(ctx context.Context, c callout.Call[user]) (any, error) {
		d := callout.DeliveryOf(ctx)
		deadline, _ := ctx.Deadline()
		if c.FullMethod != method || c.OrgID != "acme" || c.UserID != "admin" || c.Headers["X-A"][0] != "b" || c.Attempt != 3 || !c.Test || d.ID != c.ID || c.Header.Get("Traceparent") != "tp" || !deadline.Equal(c.Deadline) {
			t.Errorf("told %+v", c)
		}
		if left := time.Until(deadline); left > 1900*time.Millisecond || left < 0 {
			t.Errorf("%s are left of 2 s", left)
		}
		if !strings.Contains(string(c.Raw), `"future":1`) {
			t.Errorf("the body is %s", c.Raw)
		}
		return displayed{c.Request.First + " " + c.Request.Last}, nil
	})
	s := callouttest.Request(method, user{First: "Ada", Last: "Lovelace"}).Member("headers", map[string][]string{"X-A": {"b"}}).Member("future", 1)
	s.Attempt, s.Test, s.Remaining = 3, true, 2*time.Second
	s.Header.Set("traceparent", "tp")
	wants(t, s.To(r), 200, `{"displayName":"Ada Lovelace"}`)
	s.Zitadel = true
	wants(t, s.To(r), 200, `{"displayName":"Ada Lovelace"}`)
}

// TestAnEvent: what a handler is told, once.
func TestAnEvent(t *testing.T) {
	r, _ := hooks(t, nil)
	var got callout.Event[user]
	count := 0
	callout.OnEvent(r, "user.*", func(_ context.Context, e callout.Event[user]) error { got = e; count++; return nil })
	s := callouttest.Event("user.added", user{First: "Ada"})
	wants(t, s.To(r), 204, "")
	if got.EventType != "user.added" || got.Payload.First != "Ada" || got.AggregateID != "a1" || got.Sequence != 1 || got.Delivery.Sequence != 1 || got.CreatedAt.IsZero() || got.EventTime.IsZero() || got.EventID == "" {
		t.Fatalf("told %+v", got)
	}
	again := s.To(r)
	wants(t, again, 204, "")
	if again.Header.Get("Callout-Duplicate") != "true" || count != 1 {
		t.Fatalf("handled %d times", count)
	}
	ce := callouttest.Event("user.added", user{First: "Eve"})
	ce.CloudEvent = true
	wants(t, ce.To(r), 204, "")
	if got.Payload.First != "Eve" {
		t.Fatalf("told %+v", got)
	}
}

// TestWhatIsWritten: verbs of claims, and the ways to fail.
func TestWhatIsWritten(t *testing.T) {
	r, log := hooks(t, nil)
	callout.OnFunction(r, "function/create_id_token", func(_ context.Context, c callout.TokenContext) (any, error) {
		return callout.Claim("uid", c.User.ID).Metadata("seen", []byte("yes")).LogClaim("by hook"), nil
	})
	wants(t, callouttest.Function("create_id_token", map[string]any{"user": map[string]any{"id": "u1"}}).To(r), 200,
		`{"set_user_metadata":[{"key":"seen","value":"eWVz"}],"append_claims":[{"key":"uid","value":"u1"}],"append_log_claims":["by hook"]}`)
	for name, c := range map[string]struct {
		value any
		err   error
		want  string
	}{
		"panics": {nil, nil, `500 "handler_failed"`}, "a channel": {make(chan int), nil, `500 "handler_failed"`}, "a text": {"hello", nil, `500 "handler_failed"`},
		"an answer of 2 MiB": {map[string]string{"a": strings.Repeat("x", 2<<20)}, nil, `500 "handler_failed"`}, "a nil map": {map[string]any(nil), nil, "204"},
		"a status of 500": {nil, callout.Reject(500, "no"), `500 "handler_failed"`}, "no message": {nil, callout.Reject(422, ""), `500 "handler_failed"`},
		"a long message": {nil, callout.Reject(422, strings.Repeat("m", 8193)), `500 "handler_failed"`}, "wrapped": {nil, errors.Join(errors.New("while"), callout.Reject(422, "no")), `200 "forwardedStatusCode":422`},
		"later": {nil, callout.Later("no", time.Second), `500 "handler_failed"`},
	} {
		callout.OnRequest(r, "/a.B/"+strings.ReplaceAll(name, " ", ""), func(context.Context, callout.Call[json.RawMessage]) (any, error) {
			if name == "panics" {
				panic("secret inside")
			}
			return c.value, c.err
		})
		a := callouttest.Request("/a.B/"+strings.ReplaceAll(name, " ", ""), nil).To(r)
		status, code, _ := strings.Cut(c.want, " ")
		if status != strconv.Itoa(a.Status) || !strings.Contains(string(a.Body), code) {
			t.Errorf("%s: answered %d %.100s", name, a.Status, a.Body)
		}
	}
	if !strings.Contains(log.String(), "secret inside") || strings.Contains(log.String(), callouttest.Key[6:20]) {
		t.Errorf("the log tells %s", log)
	}
}

// TestSignaturesAtOnce: what is kept of a key from one request to the next is of that key and that request alone, in two
// receivers that each have two.
func TestSignaturesAtOnce(t *testing.T) {
	const other, third = "whsec_dGhlIG90aGVyIG9mIHR3bywgYW5kIG5vbmUgZWxzZQ==", "whsec_YSB0aGlyZCBvbmUsIHdoaWNoIGlzIG9mIG9uZSBvbmx5"
	var all sync.WaitGroup
	for _, keys := range [][]string{{callouttest.Key, other}, {other, third}} {
		r, err := callout.New(callout.Options{Keys: keys, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		callout.OnRequest(r, method, func(_ context.Context, c callout.Call[user]) (any, error) { return displayed{c.Request.First}, nil })
		for n := range 16 {
			all.Go(func() {
				for _, key := range []string{callouttest.Key, other, third} {
					name := strings.Repeat("n", 50*n) + key
					s := callouttest.Request(method, user{First: name}).Signed(key)
					s.Zitadel = n%2 == 0
					a := s.To(r)
					if status, want := a.Status, map[bool]int{true: 200, false: 401}[slices.Contains(keys, key)]; status != want || want == 200 && !strings.Contains(string(a.Body), name) {
						t.Errorf("%s to a receiver of %s is answered %d", key, keys, status)
					}
				}
			})
		}
	}
	all.Wait()
}

// TestNotInTime: the answer comes in time though the handler does not; a delivery that is late is under
// way till its handler ends, and done then.
func TestNotInTime(t *testing.T) {
	r, _ := hooks(t, nil)
	end, ended := make(chan struct{}), make(chan struct{})
	callout.OnEvent(r, "*", func(context.Context, callout.Event[json.RawMessage]) error { <-end; close(ended); return nil })
	s := callouttest.Event("user.added", nil)
	s.Remaining = 50 * time.Millisecond
	wants(t, s.To(r), 504, `"handler_timeout"`)
	wants(t, s.To(r), 409, `"in_progress"`)
	close(end)
	<-ended
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if s.To(r).Header.Get("Callout-Duplicate") == "true" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it is not done")
		}
	}
}

// lost is a store that fails as told.
type lost struct{ seen, done error }

func (l lost) Seen(context.Context, string) (bool, error) { return false, l.seen }
func (l lost) Done(context.Context, string) error         { return l.done }

// TestStoresFail: better late than twice.
func TestStoresFail(t *testing.T) {
	for _, store := range []lost{{seen: errors.New("down")}, {done: errors.New("down")}} {
		r, _ := hooks(t, func(o *callout.Options) { o.Store = store })
		count := atomic.Int32{}
		callout.OnEvent(r, "*", func(context.Context, callout.Event[json.RawMessage]) error { count.Add(1); return nil })
		s := callouttest.Event("user.added", nil)
		wants(t, s.To(r), 503, `"unavailable"`)
		wants(t, s.To(r), 503, `"unavailable"`)
		if ran := count.Load() > 0; ran != (store.done != nil) {
			t.Errorf("the handler ran %d times", count.Load())
		}
		s.Test = true
		wants(t, s.To(r), 204, "")
	}
}

// TestOptions: a path, a bound, a fallback, no signature.
func TestOptions(t *testing.T) {
	r, _ := hooks(t, func(o *callout.Options) {
		o.Path, o.MaxBody, o.Unsigned, o.Keys = "/hooks", 200, true, nil
		o.Fallback = func(_ context.Context, m callout.Message) (any, error) {
			if m.Name == "nobody" {
				return nil, callout.ErrUnknown
			}
			return map[string]string{"name": m.Name}, nil
		}
	})
	send := func(path, body string) callouttest.Answer {
		w := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		r.ServeHTTP(w, req)
		return callouttest.Answer{Status: w.Code, Body: w.Body.Bytes()}
	}
	wants(t, send("/hooks", `{"function":"f"}`), 200, `{"name":"f"}`)
	wants(t, send("/hooks", `{"function":"nobody"}`), 404, `"unknown_condition"`)
	wants(t, send("/other", `{"function":"f"}`), 404, `"not_found"`)
	wants(t, send("/hooks", `{"function":"`+strings.Repeat("f", 200)+`"}`), 413, `"body_too_large"`)
}

// TestABodyThatIsGone is noticed: what stands before the receiver has read it.
func TestABodyThatIsGone(t *testing.T) {
	r, log := hooks(t, nil)
	req := callouttest.Request(method, nil).HTTP(t.Context())
	_, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	wants(t, callouttest.Answer{Status: w.Code, Body: w.Body.Bytes()}, 500, `"body_consumed"`)
	if !strings.Contains(log.String(), "put the receiver before what reads the body") {
		t.Errorf("the log tells %s", log)
	}
}

// TestWrongOptions are told, and never with a key.
func TestWrongOptions(t *testing.T) {
	for name, o := range map[string]callout.Options{
		"no key": {}, "a short key": {Keys: []string{"whsec_c2VjcmV0"}}, "a JWT without keys": {Payload: callout.JWT}, "an unknown payload": {Payload: "xml", JWKSURL: "http://127.0.0.1/"},
		"a JWE without a key": {Payload: callout.JWE, JWKSURL: "http://127.0.0.1/"}, "an unknown scheme": {Keys: []string{callouttest.Key}, Schemes: []callout.Scheme{"md5"}}, "no JWKS": {JWKS: json.RawMessage(`{}`)},
	} {
		_, err := callout.New(o)
		if err == nil || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestConditions that are none, or stand twice, are told when they are written.
func TestConditions(t *testing.T) {
	r, _ := hooks(t, nil)
	on := map[string]func(string){
		"request": func(c string) {
			callout.OnRequest(r, c, func(context.Context, callout.Call[any]) (any, error) { return nil, nil })
		},
		"function": func(c string) { callout.OnFunction(r, c, func(context.Context, any) (any, error) { return nil, nil }) },
		"event":    func(c string) { callout.OnEvent(r, c, func(context.Context, callout.Event[any]) error { return nil }) },
	}
	refused := func(phase, condition string) (refused bool) {
		defer func() { refused = recover() != nil }()
		on[phase](condition)
		return false
	}
	for phase, c := range map[string]struct{ good, bad []string }{
		"request":  {[]string{"/a.B/C", "a.B", "*", "/B/C"}, []string{"", "/a.B", "/a.B/", "/a.B/C/D", "a.*", "/a.B/*", "a..B", "/a .B/C", "a/B", "/a.B/C", "*"}},
		"function": {[]string{"create_id_token", "function/other"}, []string{"", "function/", "a/b", "function/create_id_token", "a b", "other"}},
		"event":    {[]string{"user.added", "user.*", "*", "user"}, []string{"", ".", "user.", "*.added", "user.*.added", "user.**", "us er", "user.*", "a..b"}},
	} {
		for _, condition := range c.good {
			if refused(phase, condition) {
				t.Errorf("%s %q is refused", phase, condition)
			}
		}
		for _, condition := range c.bad {
			if !refused(phase, condition) {
				t.Errorf("%s %q is taken", phase, condition)
			}
		}
	}
}

// TestAWrongKeyIsToldByItsPlace has one of two keys broken: the error says which, and shows nothing of it.
func TestAWrongKeyIsToldByItsPlace(t *testing.T) {
	_, err := callout.New(callout.Options{Keys: []string{callouttest.Key, "whpk_secret"}})
	if want := "callout: key 2: a whpk_ key is 32 bytes in padded standard base64"; err == nil || err.Error() != want {
		t.Errorf("the error is %v, not %s", err, want)
	}
}

// TestTheLevelOfALine holds that a log's errors are what the target's own people have to mend.
func TestTheLevelOfALine(t *testing.T) {
	r, log := hooks(t, nil)
	callout.OnEvent(r, "thing.broken", func(context.Context, callout.Event[any]) error { return errors.New("broken") })
	callout.OnEvent(r, "thing.later", func(context.Context, callout.Event[any]) error { return callout.Later("not now", time.Second) })
	for name, want := range map[string]string{
		"thing.broken": "level=ERROR msg=handler_failed", "thing.later": "level=WARN msg=retry_later", "thing.other": "level=WARN msg=unknown_condition",
	} {
		log.Reset()
		callouttest.Event(name, map[string]any{}).To(r)
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s: the log has no %s: %s", name, want, log.String())
		}
	}
}
