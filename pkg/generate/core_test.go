package generate

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// theTwo are the instances that are asked.
var theTwo = []string{"default", "twin"}

const (
	aRequest  = `{"fullMethod":"/acme.S/Do","request":{}}`
	aResponse = `{"fullMethod":"/acme.S/Do","request":{},"response":{}}`
	anEvent   = `{"id":"%s","aggregateID":"u1","event_type":"user.added"}`
	another   = `{"id":"%s","aggregateID":"u1","event_type":"user.added","event_payload":1}`
)

// bodyOf is a body that a route takes, with an id of its own where it has one.
func bodyOf(r coreRoute, id string) string {
	switch r.body {
	case "RequestCall":
		return aRequest
	case "ResponseCall":
		return aResponse
	case "FunctionCallSent":
		return `{}`
	case "EventOrEvents":
		return fmt.Sprintf(anEvent, id)
	}
	return ""
}

// provoke makes a request that is to be answered with a status.
func provoke(t *testing.T, base string, r coreRoute, instance string, status int) int {
	t.Helper()
	id := fmt.Sprint(time.Now().UnixNano())
	body, header := bodyOf(r, id), http.Header{"Content-Type": {"application/json"}}
	host := ""
	switch status {
	case 304:
		header.Set("If-None-Match", "*")
	case 400:
		body = "[1"
	case 403:
		host = "callout.example"
	case 404:
		instance = "nobody"
	case 409:
		require.Equal(t, 202, ask(t, base, r, instance, body, "", header))
		body = fmt.Sprintf(another, id)
	case 413:
		body = `"` + strings.Repeat("x", 9<<20) + `"`
	case 415:
		header.Set("Content-Type", "text/plain")
	case 504:
		header.Set("Callout-Timeout", "0s")
	case 429:
		header.Set("Authorization", "Bearer "+bearer)
		for range 3 { // twice as many as in a second may come at once
			ask(t, base, r, instance, body, host, header)
		}
	}
	return ask(t, base, r, instance, body, host, header)
}

// schemaOf is one that is there, but for an instance that is not.
func schemaOf(instance string) string {
	if instance == "nobody" {
		return "Nothing.json"
	}
	return "RequestCall.json"
}

func ask(t *testing.T, base string, r coreRoute, instance, body, host string, header http.Header) int {
	t.Helper()
	path := strings.NewReplacer("{instance}", instance, "{name}", "create_id_token", "{schema}", schemaOf(instance)).Replace(r.path)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, strings.ToUpper(r.method), base+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header, req.Host = header, host
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	if resp.StatusCode != http.StatusNotModified {
		require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	}
	return resp.StatusCode
}

// TestCoreRoutesAnswer: each route that the description names gives each of the
// answers that it names, in both instances. 503 is that of a dispatcher that is not
// ready yet.
func TestCoreRoutesAnswer(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Connect(t, bus.Options{})
	each := func(base string, is func(status int) bool) {
		for _, r := range coreRoutes {
			for _, a := range r.answers {
				for _, instance := range theTwo {
					if is(a.status) {
						require.Equal(t, a.status, provoke(t, base, r, instance, a.status), "%s %s in %s", r.method, r.path, instance)
					}
				}
			}
		}
	}
	d, err := dispatch.Start(t.Context(), dispatch.Options{Bus: b, Log: zerolog.Nop(), Listen: "127.0.0.1:0",
		Prepare: func(ctx context.Context, d *dispatch.Dispatcher) error {
			each(d.URL(), func(status int) bool { return status == 503 })
			for _, id := range theTwo {
				if err := d.Instance(id).Ensure(ctx); err != nil {
					return err
				}
				if _, err := d.Instance(id).RotateOwnKey(ctx, action.Ed25519, 0); err != nil {
					return err
				}
			}
			return nil
		}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Stop(context.WithoutCancel(t.Context()))) })
	each(d.URL(), func(status int) bool { return status != 503 && status != 401 && status != 429 })

	operator, text := access.NewToken("operator", access.Scope{}, access.Verbs)
	asks, err := dispatch.Start(t.Context(), dispatch.Options{Bus: b, Log: zerolog.Nop(), Listen: "127.0.0.1:0",
		Entry: dispatch.Entry{Access: &dispatch.Access{Operator: operator, Rate: 1}}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, asks.Stop(context.WithoutCancel(t.Context()))) })
	each(asks.URL(), func(status int) bool { return status == 401 })
	bearer = text
	each(asks.URL(), func(status int) bool { return status == 429 })
}

// bearer is the token of the one test that has one.
var bearer string

// TestCoreRoutesAreAll that the dispatcher has.
func TestCoreRoutesAreAll(t *testing.T) {
	t.Parallel()
	var have, said []string
	for _, found := range regexp.MustCompile(`HandleFunc\("([A-Z]+) (/\S+)"`).FindAllStringSubmatch(readFile(t, "pkg/dispatch/http.go"), -1) {
		have = append(have, strings.ToLower(found[1])+" "+found[2])
	}
	for _, r := range coreRoutes {
		said = append(said, r.method+" "+r.path)
	}
	slices.Sort(have)
	slices.Sort(said)
	require.Equal(t, have, said)
}

// TestCorePageHasTheStatuses: docs/core.md has a row for each status of a route, and
// for no other.
func TestCorePageHasTheStatuses(t *testing.T) {
	t.Parallel()
	have, said := map[string]bool{}, map[string]bool{}
	for _, r := range coreRoutes {
		for _, a := range r.answers {
			have[fmt.Sprint(a.status)] = true
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([0-9]{3})` \\|").FindAllStringSubmatch(readFile(t, "docs/core.md"), -1) {
		said[row[1]] = true
	}
	require.Equal(t, have, said)
}
