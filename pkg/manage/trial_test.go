package manage_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callout-hq/callout/pkg/manage"
	"github.com/callout-hq/callout/pkg/node"
	"github.com/callout-hq/callout/pkg/sign"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// tryServer answers as the path of a request asks it to, and keeps the requests.
type tryServer struct {
	*httptest.Server
	mu   sync.Mutex
	last *http.Request
	body []byte
}

func newTryServer(t *testing.T) *tryServer {
	t.Helper()
	s := &tryServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.last, s.body = r, body
		s.mu.Unlock()
		w.Header().Set("Set-Cookie", "session=secret")
		switch r.URL.Path {
		case "/change":
			_, _ = io.WriteString(w, `{"username":"ada"}`)
		case "/reject":
			_, _ = io.WriteString(w, `{"forwardedStatusCode":418,"forwardedErrorMessage":"a teapot"}`)
		case "/fail":
			w.Header().Set("X-Odd", "\xff")
			http.Error(w, "the \xff database is away", 500)
		case "/hang":
			<-r.Context().Done()
		case "/long":
			_, _ = io.WriteString(w, `"`+strings.Repeat("x", 100<<10)+`"`)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *tryServer) got() (*http.Request, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, string(s.body)
}

const tryKey = "TRY_SIGNING_KEY"

func tryNode(t *testing.T, url string, change func(*node.Options)) (*node.Node, string) {
	t.Helper()
	key := sign.NewKey()
	t.Setenv(tryKey, key)
	return run(t, strings.ReplaceAll(`
defaults: {timeout: 5s}
targets:
  change: {type: call, url: "URL/change", headers: {X-Team: identity, Authorization: Bearer abc}, signing_key: {env: `+tryKey+`}, concurrency: 1, breaker: {failures: 1, open: 1h}}
  reject: {type: call, url: "URL/reject", paused: true}
  fail: {type: webhook, url: "URL/fail", breaker: {failures: 1, open: 1h}}
  hang: {type: webhook, url: "URL/hang", timeout: 100ms}
  long: {type: webhook, url: "URL/long"}
  late: {type: async, url: "URL/ok"}
  narrow: {type: call, url: "URL/change", allow: [/email]}
functions:
  preaccesstoken: {targets: [{target: change}]}
events:
  "user.*": {targets: [{target: long}]}
  org.added: {targets: [{target: long}]}
orgs:
  acme:
    targets: {own: {type: call, url: "URL/change"}}
    responses: {/acme.S/M: {targets: [{target: own}]}}
`, "URL", url), change), key
}

func headerOf(headers []*calloutv1.Header, name string) string {
	for _, h := range headers {
		if strings.EqualFold(h.GetName(), name) {
			return h.GetValue()
		}
	}
	return ""
}

// TestTestTarget shows the exchange as it was, signed with the target's own key,
// and masks what must not be seen.
func TestTestTarget(t *testing.T) {
	s := newTryServer(t)
	n, key := tryNode(t, s.URL, nil)
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			c := client(t, n.HTTPURL(), w)
			x := ask(t, c.TestTarget, &calloutv1.TestTargetRequest{Name: "change", Sample: "request"})
			r, body := s.got()
			require.NoError(t, sign.VerifyZitadel(r.Header.Get(sign.HeaderZitadel), []byte(body), time.Now(), key))
			require.NoError(t, sign.VerifyStandard(r.Header, []byte(body), time.Now(), key))
			require.Equal(t, []string{"true", "identity", "1"}, []string{r.Header.Get("Callout-Test"), r.Header.Get("X-Team"), r.Header.Get("Callout-Attempt")})

			require.Equal(t, body, string(x.GetRequestBody()))
			require.Equal(t, []any{"changed", "", "", uint32(200)}, []any{x.GetOutcome(), x.GetCode(), x.GetMessage(), x.GetStatus()})
			require.Equal(t, `{"username":"ada"}`, string(x.GetResponseBody()))
			require.Contains(t, string(x.GetObject()), `"username":"ada"`)
			require.Contains(t, string(x.GetObject()), `"familyName":"Giraffe"`)
			require.NotZero(t, x.GetDuration().AsDuration())
			for name, want := range map[string]string{
				"ZITADEL-Signature": "***", "webhook-signature": "***", "X-Team": "***", "Authorization": "***",
				"Content-Type": "application/json", "Callout-Test": "true", "Callout-Target": "change",
				"webhook-id": r.Header.Get("webhook-id"),
			} {
				require.Equal(t, want, headerOf(x.GetRequestHeaders(), name), name)
			}
			require.Equal(t, "***", headerOf(x.GetResponseHeaders(), "Set-Cookie"))
			require.NotEmpty(t, headerOf(x.GetResponseHeaders(), "Date"))
			raw, err := json.Marshal(x)
			require.NoError(t, err)
			for _, secret := range []string{key, "identity", "Bearer abc", "session=secret", r.Header.Get(sign.HeaderZitadel), r.Header.Get("webhook-signature")} {
				require.NotContains(t, string(raw), secret)
			}
		})
	}
}

// TestWhatACallWouldMakeOfIt has every sort of outcome. A paused target is tried
// all the same, and no breaker opens: each is tried twice.
func TestWhatACallWouldMakeOfIt(t *testing.T) {
	s := newTryServer(t)
	n, _ := tryNode(t, s.URL, nil)
	c := plain(t, n)
	for _, tt := range []struct {
		name, outcome, code, message string
		status                       uint32
		shown                        string
	}{
		{"reject", "rejected", "rejected", "a teapot", 200, `{"forwardedStatusCode":418,"forwardedErrorMessage":"a teapot"}`},
		{"fail", "failed", "status", "the target answered with an error", 500, "the \xff database is away\n"},
		{"hang", "failed", "timeout", "the target did not answer in time", 0, ""},
		{"long", "ok", "", "", 200, `"` + strings.Repeat("x", 64<<10-1)},
		{"late", "ok", "", "", 200, ""},
		{"narrow", "failed", "not_allowed", "", 200, `{"username":"ada"}`},
	} {
		for range 2 {
			x := ask(t, c.TestTarget, &calloutv1.TestTargetRequest{Name: tt.name})
			require.Equal(t, []any{tt.outcome, tt.code, tt.status}, []any{x.GetOutcome(), x.GetCode(), x.GetStatus()}, "%s: %s", tt.name, x.GetMessage())
			require.Contains(t, x.GetMessage(), tt.message, tt.name)
			require.Equal(t, tt.shown, string(x.GetResponseBody()), tt.name)
			require.Empty(t, x.GetObject(), tt.name)
			if tt.name == "fail" {
				require.Equal(t, "\uFFFD", headerOf(x.GetResponseHeaders(), "X-Odd"), "a header is text")
			}
		}
	}
	status, answer := post(t, n.HTTPURL()+"/v1/instances/default/calls/functions/preaccesstoken", `{}`, nil)
	require.Equal(t, 200, status)
	require.Contains(t, answer, `"outcome":"changed"`, "no breaker has counted")
}

// TestSamplesFitTheTarget by what it is used for.
func TestSamplesFitTheTarget(t *testing.T) {
	s := newTryServer(t)
	n, _ := tryNode(t, s.URL, nil)
	c := plain(t, n)
	const method = "/acme.user.v2.UserService/AddUser"
	for _, tt := range []struct{ org, name, sample, has string }{
		{"", "change", "", `{"function":"function/preaccesstoken","orgID":"org-1",`},
		{"", "change", "request", `{"fullMethod":"` + method + `","instanceID":"default","orgID":"org-1",`},
		{"", "change", "function", `{"function":"function/preaccesstoken",`},
		{"", "long", "", `"event_type":"org.added"`},
		{"", "long", "response", `"response":{`},
		{"", "narrow", "", `{"fullMethod":"` + method + `",`},
		{"", "late", "", `"event_type":"user.added"`},
		{"acme", "own", "", `{"fullMethod":"/acme.S/M","instanceID":"default","orgID":"acme",`},
	} {
		x := ask(t, c.TestTarget, &calloutv1.TestTargetRequest{Org: tt.org, Name: tt.name, Sample: tt.sample})
		_, body := s.got()
		require.Contains(t, body, tt.has, "%+v", tt)
		require.Equal(t, body, string(x.GetRequestBody()))
	}
}

// TestABodyOfOnesOwn is sent as it is; that of a function is named if it is not.
func TestABodyOfOnesOwn(t *testing.T) {
	s := newTryServer(t)
	n, _ := tryNode(t, s.URL, nil)
	c := plain(t, n)
	for body, want := range map[string]string{
		` {"fullMethod":"/s.S/M", "request":{"n":1.0}}`:                 ` {"fullMethod":"/s.S/M", "request":{"n":1.0}}`,
		`{"fullMethod":"/s.S/M","request":{},"response":{}}`:            `{"fullMethod":"/s.S/M","request":{},"response":{}}`,
		`{"function":"function/f","user":{}}`:                           `{"function":"function/f","user":{}}`,
		`{"aggregateID":"a","event_type":"x.y","instanceID":"default"}`: `{"aggregateID":"a","event_type":"x.y","instanceID":"default"}`,
	} {
		name := "change"
		if strings.Contains(body, "event_type") {
			name = "late"
		}
		ask(t, c.TestTarget, &calloutv1.TestTargetRequest{Name: name, Body: []byte(body)})
		_, got := s.got()
		require.Equal(t, want, got)
	}
	const head, tail = `{"fullMethod":"/s.S/M","request":{"a":"`, `"}}`
	most := head + strings.Repeat("x", 1<<20-len(head+tail)) + tail
	x := ask(t, c.TestTarget, &calloutv1.TestTargetRequest{Name: "change", Body: []byte(most)})
	require.Equal(t, "changed", x.GetOutcome(), x.GetMessage())
	require.Equal(t, most, string(x.GetRequestBody()))
	ask(t, c.TestTarget, &calloutv1.TestTargetRequest{Name: "change", Sample: "function", Body: []byte(`{"user":{}}`)})
	_, got := s.got()
	require.Equal(t, `{"function":"function/preaccesstoken","user":{}}`, got)

	for _, tt := range []struct{ name, sample, body, code, field string }{
		{"change", "", `{}`, "bad_field", "fullMethod"},
		{"change", "", `{"fullMethod":"/s.S/M"}`, "bad_field", "request"},
		{"change", "", `{"fullMethod":"/s.S/M","request":{},"instanceID":"other"}`, "mismatch", "instanceID"},
		{"change", "", `{"function":"f"}`, "bad_field", "function"},
		{"change", "", `[]`, "malformed", ""},
		{"change", "", `{"a":1,"a":2}`, "malformed", ""},
		{"change", "", `{"aggregateID":"a","event_type":"x.y"}`, "bad_field", "body"},
		{"change", "event", ``, "bad_field", "sample"},
		{"change", "frob", ``, "bad_field", "sample"},
		{"late", "", `{"event_type":"x.y"}`, "bad_field", "aggregateID"},
		{"late", "", `{"aggregateID":"a","event_type":"x.y","instanceID":"other"}`, "mismatch", "instanceID"},
		{"late", "event", `{"fullMethod":"/s.S/M","request":{}}`, "bad_field", "aggregateID"},
		{"nobody", "", ``, "not_found", "name"},
		{"", "", ``, "bad_field", "name"},
	} {
		_, err := c.TestTarget(within(t), connect.NewRequest(&calloutv1.TestTargetRequest{Name: tt.name, Sample: tt.sample, Body: []byte(tt.body)}))
		require.Error(t, err, "%+v", tt)
		detail := manage.Detail(err)
		require.Equal(t, []string{tt.code, tt.field}, []string{detail.GetCode(), detail.GetField()}, "%+v: %s", tt, err)
	}
	refused(t, connect.CodeResourceExhausted, c.TestTarget, &calloutv1.TestTargetRequest{Name: "change", Body: make([]byte, 1<<20+1)})
	refused(t, connect.CodeNotFound, c.TestTarget, &calloutv1.TestTargetRequest{Instance: "other", Name: "change"})
	refused(t, connect.CodeNotFound, c.TestTarget, &calloutv1.TestTargetRequest{Org: "acme", Name: "change"})
}

func TestTestTargetWithoutAWorker(t *testing.T) {
	s := newTryServer(t)
	n, _ := tryNode(t, s.URL, func(o *node.Options) { o.WithoutWorker = true })
	refused(t, connect.CodeUnavailable, plain(t, n).TestTarget, &calloutv1.TestTargetRequest{Name: "change"})
}

// TestTestOfSettingsThatAreNotStored: they are held to the rules of a stored
// target, signed with a key of their own, and leave nothing behind.
func TestTestOfSettingsThatAreNotStored(t *testing.T) {
	s := newTryServer(t)
	n, key := tryNode(t, s.URL, nil)
	c := plain(t, n)
	settings := func(change func(*calloutv1.Target)) *calloutv1.TestTargetRequest {
		target := &calloutv1.Target{Name: "draft", Type: "call", Url: s.URL + "/change", Headers: map[string]string{"X-Mine": "hidden"}, Timeout: durationpb.New(2 * time.Second)}
		change(target)
		return &calloutv1.TestTargetRequest{Target: target}
	}
	x := ask(t, c.TestTarget, settings(func(*calloutv1.Target) {}))
	r, body := s.got()
	require.Equal(t, "changed", x.GetOutcome())
	require.Error(t, sign.VerifyZitadel(r.Header.Get(sign.HeaderZitadel), []byte(body), time.Now(), key), "no other target's key")
	require.Equal(t, []string{"hidden", "***"}, []string{r.Header.Get("X-Mine"), headerOf(x.GetRequestHeaders(), "X-Mine")})
	ask(t, c.TestTarget, settings(func(t *calloutv1.Target) { t.Name = "change" }))
	r, body = s.got()
	require.Error(t, sign.VerifyZitadel(r.Header.Get(sign.HeaderZitadel), []byte(body), time.Now(), key), "nor that of one of its name")
	refused(t, connect.CodeNotFound, c.TestTarget, &calloutv1.TestTargetRequest{Name: "draft"})

	full := settings(func(t *calloutv1.Target) {
		t.Name, t.Lanes, t.Concurrency, t.Rate, t.MaxAnswer, t.Mapping, t.Allow = "", 4, 2, "5/m", 1000, "replace", []string{"/username"}
		t.Signature, t.Labels, t.SigningKey = []string{"zitadel"}, map[string]string{"a": "b"}, &calloutv1.KeySource{Env: "NO_SUCH_VARIABLE"}
		t.Retry = &calloutv1.Retry{Initial: durationpb.New(time.Second), MaxAge: durationpb.New(48 * time.Hour), Attempts: 3}
		t.Breaker = &calloutv1.Breaker{Failures: 2, Open: durationpb.New(time.Minute)}
	})
	x = ask(t, c.TestTarget, full)
	require.Equal(t, "not_allowed", x.GetCode(), "replace took away what allow does not name")
	require.Equal(t, "draft", headerOf(x.GetRequestHeaders(), "Callout-Target"))
	require.Empty(t, headerOf(x.GetRequestHeaders(), "webhook-signature"))
	x = ask(t, c.TestTarget, settings(func(t *calloutv1.Target) { t.Org = "acme" }))
	require.Contains(t, string(x.GetRequestBody()), `"orgID":"acme"`)

	err := refused(t, connect.CodeInvalidArgument, c.TestTarget, settings(func(t *calloutv1.Target) {
		t.Url, t.Timeout, t.Type, t.Headers = "ftp://a.example", durationpb.New(time.Hour), "frob", map[string]string{"Callout-Test": "no"}
		t.Rate, t.Breaker, t.Retry = "many", &calloutv1.Breaker{Failures: 1}, &calloutv1.Retry{Attempts: 2000}
		t.SigningKey, t.Labels = &calloutv1.KeySource{Env: "A", File: "b"}, map[string]string{"": "x"}
	}))
	detail := manage.Detail(err)
	require.Equal(t, "bad_field", detail.GetCode())
	var paths []string
	for _, p := range detail.GetProblems() {
		paths = append(paths, p.GetPath())
	}
	require.ElementsMatch(t, []string{"target.url", "target.timeout", "target.type", "target.headers.Callout-Test", "target.rate",
		"target.breaker", "target.retry.attempts", "target.signing_key", `target.labels.""`}, paths)
	for field, change := range map[string]func(*calloutv1.Target){
		"target.name":   func(t *calloutv1.Target) { t.Name = "a\nb" },
		"target.egress": func(t *calloutv1.Target) { t.Egress = &calloutv1.Egress{Allow: []string{"10.0.0.0/8"}} },
		"target.url":    func(t *calloutv1.Target) { t.Url = "" },
	} {
		err := refused(t, connect.CodeInvalidArgument, c.TestTarget, settings(change))
		require.Equal(t, field, manage.Detail(err).GetField())
	}
	both := settings(func(*calloutv1.Target) {})
	both.Name = "change"
	refused(t, connect.CodeInvalidArgument, c.TestTarget, both)
}

// TestAFailedConnectionIsToldToTheOperator, with what the system says of it and
// without the path and query of the URL, where keys may stand.
func TestAFailedConnectionIsToldToTheOperator(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	c := plain(t, run(t, `targets: {gone: {type: webhook, url: "http://`+l.Addr().String()+`/?key=hidden"}}`, nil))
	x := ask(t, c.TestTarget, &calloutv1.TestTargetRequest{Name: "gone"})
	require.Equal(t, []string{"failed", "connect"}, []string{x.GetOutcome(), x.GetCode()})
	require.Contains(t, x.GetMessage(), "connection refused")
	require.Contains(t, x.GetMessage(), l.Addr().String())
	require.NotContains(t, x.GetMessage(), "hidden")
	require.Zero(t, x.GetStatus())
	require.NotEmpty(t, x.GetRequestBody())
}
