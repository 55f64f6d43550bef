package dispatch_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// TestStrangersHarmNobody: while strangers try ten thousand tokens, send their heads and
// bodies slowly, hold connections and open streams, who has a token is served. How many
// connections an address may hold is the door's, see TestConnectionsHaveABound.
func TestStrangersHarmNobody(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	only, text := operator()
	d := f.dispatcherWith(f.bus(), dispatch.Options{Entry: dispatch.Entry{Access: only}})
	served := func() time.Duration {
		began := time.Now()
		status, _ := get(t, http.DefaultClient, d.URL()+"/nothing", http.Header{"Authorization": {"Bearer " + text}})
		require.Equal(t, 404, status, "who has a token is served")
		return time.Since(began)
	}
	quiet := median(50, served)

	address := strings.TrimPrefix(d.URL(), "http://")
	ctx, end := context.WithCancel(within(t, time.Minute))
	var all sync.WaitGroup
	dial := func(send string) net.Conn {
		var dialer net.Dialer
		c, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil
		}
		_, _ = fmt.Fprint(c, send)
		return c
	}
	var held []net.Conn
	before := inUse()
	for _, send := range []string{"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "", "GET / HTTP/1.1\r\nHost: ", "POST /v1/instances/default/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"} {
		for range 400 { // those of the first kind are idle once they are answered
			if c := dial(send); c != nil {
				held = append(held, c)
			}
		}
	}
	require.Len(t, held, 2000)
	answered := make([]byte, len("HTTP/1.1 "))
	_, err := io.ReadFull(held[399], answered) // that it asks too fast, but it is kept
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 ", string(answered))
	each := (inUse() - before) / int64(len(held))
	counts := map[int]int{}
	var mu sync.Mutex
	for range 4 {
		all.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for n := 0; n < 2500 && ctx.Err() == nil; n++ {
				_, wrong := access.NewToken("x", access.Scope{}, access.Verbs)
				status, _ := get(t, client, d.URL()+"/nothing", http.Header{"Authorization": {"Bearer " + wrong}})
				mu.Lock()
				counts[status]++
				mu.Unlock()
			}
		})
	}
	busy := median(50, served)
	all.Wait()
	end()
	for _, c := range held {
		_ = c.Close()
	}
	t.Logf("median of who has a token: %s, beside strangers %s; %d connections held, %d bytes each with both ends; wrong tokens by status %v", quiet, busy, len(held), each, counts)
	require.Less(t, each, int64(256<<10), "no connection costs much")
	require.Equal(t, 10_000, counts[401]+counts[429], "each is refused")
	require.NotZero(t, counts[401])
	require.NotZero(t, counts[429], "and soon told to wait")
	served()
}

// inUse is how much memory this process uses, of its heap and its stacks.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

func median(n int, do func() time.Duration) time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = do()
	}
	slices.Sort(all)
	return all[n/2]
}

// TestWhoSendsTooMuchIsTold: each token has its rate, and none uses up that of another.
func TestWhoSendsTooMuchIsTold(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	only, text := operator()
	only.Rate = 5
	d := f.dispatcherWith(f.bus(), dispatch.Options{Entry: dispatch.Entry{Access: only}})
	other, otherText := access.NewToken("other", access.Scope{}, access.Verbs)
	require.NoError(t, d.AddToken(within(t, 5*time.Second), other))
	ask := func(token string) int {
		status, resp := get(t, http.DefaultClient, d.URL()+"/nothing", http.Header{"Authorization": {"Bearer " + token}})
		if status == 429 {
			require.Equal(t, "1", resp.Header.Get("Retry-After"))
		}
		return status
	}
	told := 0
	for range 60 {
		if ask(text) == 429 {
			told++
		}
	}
	require.Greater(t, told, 20)
	require.Equal(t, 404, ask(otherText))
	require.Eventually(t, func() bool { return ask(text) == 404 }, time.Minute, 300*time.Millisecond)
}
