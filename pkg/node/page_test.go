package node_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/sign"
)

// targetsPage tells who writes a target what arrives, and what an answer does. What
// it shows is held here against what the engine does.
const targetsPage = "../../docs/targets.md"

// The key of the page, and the moment at which all that it shows was signed.
const (
	pageKey    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	pageStamp  = 1767322800
	pageNumber = "7" // of a message in its stream
	pageLeft   = "1987"
)

const pageConfig = `
targets:
  name: {type: call, url: HOOKS/name, timeout: 2s, signing_key: {env: PAGE_KEY}}
  audit: {type: webhook, url: HOOKS/audit, timeout: 2s, signing_key: {env: PAGE_KEY}}
  mail: {type: async, url: HOOKS/mail, timeout: 2s, signing_key: {env: PAGE_KEY}}
requests:
  /acme.user.v1.UserService/CreateUser: {targets: [{target: name}]}
responses:
  /acme.user.v1.UserService/CreateUser: {targets: [{target: name}]}
  /acme.user.v1.UserService/DeleteUser: {targets: [{target: mail}]}
functions:
  create_id_token: {targets: [{target: name}]}
events:
  "user.*": {targets: [{target: audit}]}
`

// pageCases are what a core sends, and the target that it reaches.
var pageCases = []struct{ name, path, body, target string }{
	{"request", "/calls/request", `{"fullMethod":"/acme.user.v1.UserService/CreateUser","instanceID":"default","orgID":"acme","userID":"admin",` +
		`"request":{"givenName":"Ada","familyName":"Lovelace"},"headers":{"user-agent":["console/1.4"]}}`, "name"},
	{"response", "/calls/response", `{"fullMethod":"/acme.user.v1.UserService/CreateUser","orgID":"acme","userID":"admin",` +
		`"request":{"givenName":"Ada","familyName":"Lovelace"},"response":{"userId":"u1"}}`, "name"},
	{"function", "/calls/functions/create_id_token", `{"orgID":"acme","user":{"id":"u1"},"claims":{"sub":"u1"}}`, "name"},
	{"event", "/events", `{"aggregateID":"u1","aggregateType":"user","resourceOwner":"acme","event_type":"user.added",` +
		`"created_at":"2026-01-02T03:00:00Z","userID":"admin","event_payload":{"givenName":"Ada"}}`, "audit"},
	{"async", "/calls/response", `{"fullMethod":"/acme.user.v1.UserService/DeleteUser","orgID":"acme","request":{"userId":"u1"},"response":{}}`, "mail"},
}

var exampleBlock = regexp.MustCompile("(?ms)^```http\n(.*?)^```$")

// TestPageShowsWhatArrives: what docs/targets.md shows is what is sent, but for ids
// and times, and its signatures fit what it shows.
func TestPageShowsWhatArrives(t *testing.T) {
	t.Setenv("PAGE_KEY", pageKey)
	hooks := newTargets(t)
	r := run(t, hooks, pageConfig, nil)
	hooks.answer("name", asJSON("{}"))
	var shown []string
	arrives := map[string]string{}
	for _, c := range pageCases {
		before := len(hooks.got(c.target))
		resp, refusal := bare(t, "POST", r.HTTPURL()+"/v1/instances/default"+c.path, "application/json", strings.NewReader(c.body))
		require.Nil(t, refusal, c.name)
		require.Less(t, resp.StatusCode, 300, c.name)
		a := hooks.await(t, c.target, before+1)[before]
		require.NoError(t, sign.VerifyStandard(a.header, []byte(a.body), time.Now(), pageKey), c.name)
		require.NoError(t, sign.VerifyZitadel(a.header.Get(sign.HeaderZitadel), []byte(a.body), time.Now(), pageKey), c.name)
		for name := range a.header {
			arrives[name] += c.name + " "
		}
		shown = append(shown, pageExample(t, a))
	}
	text, err := os.ReadFile(targetsPage)
	require.NoError(t, err)
	page, n := string(text), 0
	if *update {
		page = exampleBlock.ReplaceAllStringFunc(page, func(string) string { n++; return "```http\n" + shown[n-1] + "```" })
		require.NoError(t, os.WriteFile(targetsPage, []byte(page), 0o600))
	}
	blocks := exampleBlock.FindAllStringSubmatch(page, -1)
	require.Len(t, blocks, len(shown))
	for n, block := range blocks {
		require.Equal(t, shown[n], block[1], "%s; run: task generate", pageCases[n].name)
	}
	pageTellsOfHeaders(t, page, arrives)
}

// ofThePage are the values of a header that are another's each time.
var ofThePage = map[string]func(http.Header) (is, shown string){
	"Callout-Remaining-Ms": func(http.Header) (string, string) { return `[0-9]{1,4}`, pageLeft },
	"Callout-Sequence":     func(http.Header) (string, string) { return `[0-9]+`, pageNumber },
	"Callout-Delivery-Id":  func(http.Header) (string, string) { return idOfPage, "" },
	"Idempotency-Key":      func(http.Header) (string, string) { return idOfPage, "" },
	"Webhook-Id":           func(http.Header) (string, string) { return idOfPage, "" },
	"Callout-Event-Id":     func(http.Header) (string, string) { return `[0-9A-Z]{26}`, "01KDYTQ8V2GJ6N3H5C7M9P1A4D" },
	"Ce-Id":                func(http.Header) (string, string) { return `[0-9A-Z]{26}`, "01KDYTQ8V2GJ6N3H5C7M9P1A4D" },
	"Ce-Sequence":          func(http.Header) (string, string) { return `[0-9]{20}`, "00000000000000000007" },
	"Callout-Event-Time": func(http.Header) (string, string) {
		return `20[0-9-]{8}T[0-9:]{8}\.[0-9]{3}Z`, "2026-01-02T03:00:00.123Z"
	},
	"Webhook-Timestamp": func(http.Header) (string, string) { return `[0-9]{10}`, fmt.Sprint(pageStamp) },
}

// idOfPage is an id of a delivery: of an event, or of a turn in a call.
const idOfPage = `dlv_[0-9a-f]{32}|[0-9A-Z]{26}`

// pageExample writes a request as the page shows it: ids, times and numbers are
// those of the page, and it is signed anew.
func pageExample(t *testing.T, a arrival) string {
	t.Helper()
	id := "01KDYTQ9M0ZT5V4W6K8XB3E2RC"
	if strings.HasPrefix(a.header.Get("Callout-Delivery-Id"), "dlv_") {
		id = "dlv_5f0c8a1be97d4c2fb1a36e80d7f4925c"
	}
	at := time.Unix(pageStamp, 0)
	zitadel, err := sign.Zitadel([]string{pageKey}, at, []byte(a.body))
	require.NoError(t, err)
	standard, err := sign.Standard([]string{pageKey}, id, at, []byte(a.body))
	require.NoError(t, err)
	var b strings.Builder
	fmt.Fprintf(&b, "POST /%s HTTP/1.1\nHost: 127.0.0.1:9000\nContent-Length: %d\n", a.target, len(a.body))
	for _, name := range headersInOrder(a.header) {
		value := a.header.Get(name)
		if of := ofThePage[name]; of != nil {
			is, shown := of(a.header)
			require.Regexp(t, "^("+is+")$", value, name)
			if value = shown; value == "" {
				value = id
			}
		}
		switch name {
		case "Zitadel-Signature":
			value = zitadel
		case "Webhook-Signature":
			value = standard
		}
		fmt.Fprintf(&b, "%s: %s\n", name, value)
	}
	return b.String() + "\n" + a.body + "\n"
}

// headersInOrder are the names of a header in the order of the page's table.
func headersInOrder(h http.Header) []string {
	text, _ := os.ReadFile(targetsPage) // it was read before
	var names []string
	for _, row := range headerRow.FindAllStringSubmatch(string(text), -1) {
		if name := http.CanonicalHeaderKey(row[1]); h[name] != nil {
			names = append(names, name)
		}
	}
	return names
}

var headerRow = regexp.MustCompile("(?m)^\\| `([A-Za-z-]+)` \\| ([a-z, ]+) \\|")

// sometimes are the headers that none of the cases has.
var sometimes = map[string]bool{"Traceparent": true, "Callout-Replay": true, "Callout-Redrive": true, "Callout-Test": true}

// pageTellsOfHeaders holds the table of headers against those that arrive, by the
// cases with which they do.
func pageTellsOfHeaders(t *testing.T, page string, arrives map[string]string) {
	t.Helper()
	with := map[string]string{"all": "request response function event async ", "event, async": "event async ", "event": "event "}
	delete(arrives, "Content-Length")
	for _, row := range headerRow.FindAllStringSubmatch(page, -1) {
		name := http.CanonicalHeaderKey(row[1])
		if !sometimes[name] {
			require.Equal(t, with[row[2]], arrives[name], "the row of %s", row[1])
		}
		delete(arrives, name)
	}
	require.Empty(t, arrives, "headers that have no row")
}

// TestPageSignsAsWeDo: the small example of the page.
func TestPageSignsAsWeDo(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(targetsPage)
	require.NoError(t, err)
	at := time.Unix(1700000000, 0)
	zitadel, err := sign.Zitadel([]string{pageKey}, at, []byte(`{"a":1}`))
	require.NoError(t, err)
	standard, err := sign.Standard([]string{pageKey}, "msg_1", at, []byte(`{"a":1}`))
	require.NoError(t, err)
	require.Contains(t, string(text), "\nZITADEL-Signature: "+zitadel+"\nwebhook-signature: "+standard+"\n")
}
