package dispatch_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// asked is what a dispatcher answered who asked for a typed contract.
type asked struct {
	status     int
	tag, again string // ETag and Retry-After
	refusal    action.Error
}

func (r *running) typesOf(t *testing.T, id string) (is asked) {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t, time.Minute), http.MethodGet, r.URL()+"/v1/instances/"+url.PathEscape(id)+"/contract/openapi.json", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	is = asked{status: resp.StatusCode, tag: resp.Header.Get("ETag"), again: resp.Header.Get("Retry-After")}
	if is.status != http.StatusOK {
		var body struct{ Error action.Error }
		require.NoError(t, json.Unmarshal(raw, &body), "%s", raw)
		is.refusal = body.Error
	}
	return is
}

// typed makes both instances, each with a core that says what is in its bodies.
func (r *running) typed(t *testing.T) {
	t.Helper()
	for _, id := range instances {
		_, _, err := r.tryEdit(t, id, "test", add("hook", "http://127.0.0.1:1"))
		require.NoError(t, err)
		r.declareTyped(t, id, "string")
	}
}

func (r *running) declareTyped(t *testing.T, id, kind string) {
	t.Helper()
	require.NoError(t, r.Instance(id).Declare(within(t, 20*time.Second), catalog.Declaration{Core: "users", EventTypes: []string{"user.added"},
		Schemas: map[string]json.RawMessage{"event/user.added": json.RawMessage(`{"type":"object","properties":{"name":{"type":"` + kind + `"}}}`)}}))
}

// TestTypesOfAnInstanceThatHammers: while the contracts of one instance are being made and
// asked for by more than may wait, the other one's is served, and who waits too long is told
// whose it is and to come again.
func TestTypesOfAnInstanceThatHammers(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	d.typed(t)
	for n, hammered := range instances {
		begun, release := make(chan struct{}, 1), make(chan struct{})
		d.HurryTypes(time.Second, func(id string) {
			if id == hammered {
				begun <- struct{}{}
				<-release
			}
		})
		answers := make(chan asked, dispatch.TypesWaiting+10)
		var all sync.WaitGroup
		for range cap(answers) {
			all.Go(func() { answers <- d.typesOf(t, hammered) })
		}
		<-begun
		require.Equal(t, http.StatusOK, d.typesOf(t, instances[1-n]).status, "while %q is made", hammered)
		for range cap(answers) - 1 {
			is := <-answers
			require.Equal(t, http.StatusServiceUnavailable, is.status)
			require.Equal(t, "1", is.again)
			require.Equal(t, action.CodeBusy, is.refusal.Code)
			require.Equal(t, "instance", is.refusal.Field)
			require.Contains(t, is.refusal.Message, catalog.Quote(hammered))
		}
		close(release)
		require.Equal(t, http.StatusOK, (<-answers).status, "the one that was being made")
		all.Wait()
		require.Equal(t, http.StatusOK, d.typesOf(t, hammered).status)
		for _, id := range instances { // what was kept is of no use any more
			d.declareTyped(t, id, "number")
		}
	}
}

// TestTypesAreKept: what was made is given again, to all who asked meanwhile too, until a
// core declares something else or its bucket is made again.
func TestTypesAreKept(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	d.typed(t)
	var made sync.Map
	count := func(id string) int64 {
		n, _ := made.LoadOrStore(id, new(atomic.Int64))
		return n.(*atomic.Int64).Load()
	}
	for _, id := range instances {
		count(id)
	}
	d.HurryTypes(time.Minute, func(id string) {
		n, _ := made.Load(id)
		n.(*atomic.Int64).Add(1)
	})
	tags := map[string]string{}
	for _, id := range instances {
		var all sync.WaitGroup
		answers := make(chan asked, 20)
		for range cap(answers) {
			all.Go(func() { answers <- d.typesOf(t, id) })
		}
		all.Wait()
		for range cap(answers) {
			is := <-answers
			require.Equal(t, http.StatusOK, is.status)
			tags[id] = is.tag
		}
		require.EqualValues(t, 1, count(id), "it is made once for all")
	}
	first, second := instances[0], instances[1]
	d.declareTyped(t, first, "integer")
	changed := d.typesOf(t, first)
	require.NotEqual(t, tags[first], changed.tag)
	require.Equal(t, tags[second], d.typesOf(t, second).tag)
	require.EqualValues(t, 2, count(first))
	require.EqualValues(t, 1, count(second), "nobody has declared anything else there")

	require.NoError(t, f.js.DeleteKeyValue(within(t, 20*time.Second), bus.BucketDeclared))
	require.Eventually(t, func() bool { is := d.typesOf(t, first); return is.status == http.StatusOK && is.tag == changed.tag }, time.Minute, 50*time.Millisecond, "it is put back")
	_, err := d.Instance(first).Delete(within(t, time.Minute))
	require.NoError(t, err)
	require.Equal(t, action.CodeUnknownInstance, d.typesOf(t, first).refusal.Code, "what was kept of it is not told")
}
