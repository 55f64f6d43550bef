package node_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
)

// TestLinesOfAnUnknownInstanceWait for it: those of a stranger, who has no stream
// either, and those of an instance whose root was taken away while all was down.
// They are named and asked for nothing, the other instance works, and they go on
// when the root is there again.
func TestLinesOfAnUnknownInstanceWait(t *testing.T) {
	t.Parallel()
	p := newPoisoned(t)
	root := token(0) + ".root"
	was := p.valueOf(bus.BucketCatalog, root)
	require.NotEmpty(t, was)
	p.put("$KV."+bus.BucketLines+".stranger.line.x", []byte(`{"name":"x","instance":"stranger","target":"t","lanes":1,"revision":1}`))
	p.restart(func() {
		require.NoError(t, p.stream(bus.BucketStream(bus.BucketCatalog)).Purge(within(t, 5*time.Second), jetstream.WithPurgeSubject("$KV."+bus.BucketCatalog+"."+root)))
		p.log.take()
	})
	require.True(t, p.says("stranger.line.x of "+bus.BucketLines))
	require.True(t, p.says(token(0)+".line."))
	p.mustWork(1, "beside it")
	require.NotContains(t, p.log.text(), "line interrupted")
	p.put("$KV."+bus.BucketCatalog+"."+root, was)
	p.mustWork(0, "when its instance is there again")
	require.Eventually(t, func() bool {
		_, body := p.ready(0)
		return !strings.Contains(body, token(0)+".line.") && strings.Contains(body, "stranger.line.x")
	}, time.Minute, 20*time.Millisecond)
}
