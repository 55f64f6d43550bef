package node_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
)

// TestALineOfANewerVersionHoldsItselfAlone: its entry is in a form that only a newer
// version reads, and dispatcher and worker are started anew. It is named, nothing of
// it is written over, and nothing else of its instance waits: other lines, edits,
// jobs. When it can be read again, what waited in it is delivered once.
func TestALineOfANewerVersionHoldsItselfAlone(t *testing.T) {
	t.Parallel()
	p := newPoisoned(t)
	key := lineKey("line", "hook")(p)
	was := p.valueOf(bus.BucketLines, key)
	newer := with(map[string]any{"format": 99})(was, nil)
	job := token(0) + ".01ARZ3NDEKTSV4RRFFQ69G5FAV"
	p.restart(func() {
		p.put("$KV."+bus.BucketLines+"."+key, newer)
		p.put("$KV."+bus.BucketJobs+"."+job, []byte(`{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","format":99}`))
	})
	p.mustWork(1, "beside it")
	require.True(t, p.calls(0) && p.async(0), "calls and other lines: %s", lastLines(p.log.text(), 12))
	waits := p.next()
	status, body := p.post(0, twoInstances[0], waits)
	require.Equal(t, http.StatusAccepted, status, string(body))
	status, said := p.ready(0)
	require.Equal(t, http.StatusOK, status, said)
	require.Contains(t, said, key+" of "+bus.BucketLines)
	require.Contains(t, said, "newer version")
	_, err := p.dispatchers[0].Instance(twoInstances[0]).Jobs(within(t, 10*time.Second))
	require.NoError(t, err)

	p.configure(twoInstances[0], "  more: {type: webhook, url: HOOKS/more}\n") // an edit of another target
	p.configure(twoInstances[0], "  more: {type: async, url: HOOKS/more}\n")
	require.True(t, p.calls(0) && p.async(0), "behind an edit")
	require.Equal(t, newer, p.valueOf(bus.BucketLines, key), "nothing of it is written over")
	require.False(t, p.has("/hook "+waits), "and nothing is taken from it")

	p.put("$KV."+bus.BucketLines+"."+key, was)
	p.mustWork(0, "when it can be read")
	require.True(t, p.arrives("/hook "+waits))
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Equal(t, 1, p.delivered["/hook "+waits])
}
