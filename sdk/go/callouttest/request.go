// Package callouttest sends a Receiver what Callout would send it: any condition, signed, without
// a port.
//
//	hooks := newHooks(callout.Options{Keys: []string{callouttest.Key}})
//	answer := callouttest.Request("/acme.user.v1.UserService/CreateUser", map[string]any{"first": "Ada"}).To(hooks)
//	if answer.Status != 200 { … }
package callouttest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"
)

// Key is a signing key for tests, which samples are signed with unless they are told another one.
const Key = "whsec_Y2FsbG91dCB0ZXN0cywgYW5kIG5vdGhpbmcgZWxzZQ=="

// Sample is a request that is to be sent. Its fields may be changed before To or HTTP. It is not for
// several goroutines at once.
type Sample struct {
	Body       map[string]any // the members of the body
	Raw        []byte         // in the place of Body, where it is not nil
	Key        string         // a whsec_ key; "" is not signed
	Zitadel    bool           // signed in ZITADEL's scheme, in the place of Standard Webhooks
	ID         string         // the delivery id
	At         time.Time      // when it was signed
	Attempt    int
	Sequence   uint64        // 0 is not sent
	Remaining  time.Duration // how long somebody waits
	Test       bool          // Callout-Test: true
	CloudEvent bool          // of an event: a structured CloudEvent
	Header     http.Header   // more headers
}

func sample(body map[string]any) *Sample {
	return &Sample{Body: body, Key: Key, ID: "test_" + rand.Text(), At: time.Now(), Attempt: 1, Remaining: 10 * time.Second, Header: http.Header{}}
}

// Request is a request of a method, /pkg.Service/Method. Body has more members of the body, such as
// headers, to be set behind it.
func Request(method string, request any) *Sample {
	return sample(map[string]any{"fullMethod": method, "instanceID": "default", "orgID": "acme", "userID": "admin", "request": request})
}

// Response is a response of a method. A Sequence makes it the one of an async target.
func Response(method string, request, response any) *Sample {
	s := Request(method, request)
	s.Body["response"] = response
	return s
}

// Function is a function of the core; more are the members of its body.
func Function(name string, more map[string]any) *Sample {
	body := map[string]any{"function": "function/" + name}
	for member, value := range more {
		body[member] = value
	}
	return sample(body)
}

// Event is an event of a type.
func Event(kind string, payload any) *Sample {
	s := sample(map[string]any{"aggregateID": "a1", "aggregateType": strings.Split(kind, ".")[0], "resourceOwner": "acme", "instanceID": "default",
		"version": "v1", "sequence": 1, "event_type": kind, "created_at": time.Now().UTC().Format(time.RFC3339Nano), "userID": "admin", "event_payload": payload})
	s.Sequence = 1
	return s
}

// Member sets a member of the body.
func (s *Sample) Member(name string, value any) *Sample { s.Body[name] = value; return s }

// Signed has it signed with another key; "" has it not signed.
func (s *Sample) Signed(key string) *Sample { s.Key = key; return s }

// HTTP is the request as Callout sends it, signed. It panics where the body has no JSON or the key is none.
func (s *Sample) HTTP(ctx context.Context) *http.Request {
	body, kind := s.bytes()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(body))
	if err != nil {
		panic(err) // it is always the same
	}
	h := r.Header
	h.Set("Content-Type", kind)
	h.Set("User-Agent", "callout")
	h.Set("Callout-Delivery-Id", s.ID)
	h.Set("Callout-Attempt", strconv.Itoa(s.Attempt))
	h.Set("Callout-Remaining-Ms", strconv.FormatInt(s.Remaining.Milliseconds(), 10))
	h.Set("Callout-Instance", "default")
	if s.Sequence > 0 {
		h.Set("Callout-Sequence", strconv.FormatUint(s.Sequence, 10))
	}
	if name, ok := s.Body["event_type"].(string); ok {
		h.Set("Callout-Event-Type", name)
		h.Set("Callout-Event-Id", s.ID)
		h.Set("Callout-Event-Time", s.At.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	if s.Test {
		h.Set("Callout-Test", "true")
	}
	for name, values := range s.Header {
		h[name] = values
	}
	s.sign(h, body)
	return r
}

func (s *Sample) bytes() (body []byte, kind string) {
	if s.Raw != nil {
		return s.Raw, "application/json"
	}
	value, kind := any(s.Body), "application/json"
	if s.CloudEvent {
		kind = "application/cloudevents+json"
		value = map[string]any{"specversion": "1.0", "id": s.ID, "source": "/callout/test", "type": s.Body["event_type"], "data": s.Body}
	}
	body, err := json.Marshal(value)
	if err != nil {
		panic("callouttest: the body has no JSON: " + err.Error())
	}
	return body, kind
}

func (s *Sample) sign(h http.Header, body []byte) {
	if s.Key == "" {
		return
	}
	stamp := strconv.FormatInt(s.At.Unix(), 10)
	if s.Zitadel {
		h.Set("ZITADEL-Signature", "t="+stamp+",v1="+hex.EncodeToString(mac([]byte(s.Key), stamp, body)))
		return
	}
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.Key, "whsec_"))
	if err != nil {
		panic("callouttest: the key is no whsec_ key")
	}
	h.Set("webhook-id", s.ID)
	h.Set("webhook-timestamp", stamp)
	h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac(secret, s.ID+"."+stamp, body)))
}

func mac(key []byte, prefix string, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(prefix + "."))
	m.Write(body)
	return m.Sum(nil)
}

// Answer is what a target answered.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON reads the body. It panics where it is none.
func (a Answer) JSON() map[string]any {
	var out map[string]any
	if err := json.Unmarshal(a.Body, &out); err != nil {
		panic("callouttest: the answer is no JSON object: " + string(a.Body))
	}
	return out
}

// To sends it to a target, which is called as a function.
func (s *Sample) To(target http.Handler) Answer {
	w := httptest.NewRecorder()
	target.ServeHTTP(w, s.HTTP(context.Background()))
	return Answer{w.Code, w.Header(), w.Body.Bytes()}
}
