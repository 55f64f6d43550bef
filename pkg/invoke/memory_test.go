package invoke

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// heapOf tells by how many bytes the heap grew at most while work ran, garbage
// included, and how many were allocated.
func heapOf(work func()) (peak, allocated uint64) {
	read := func() (uint64, uint64) {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64(), s[1].Value.Uint64()
	}
	runtime.GC()
	runtime.GC() // what lies in pools lives through one
	before, from := read()
	stop, done := make(chan struct{}), make(chan struct{})
	highest := before
	look := func() {
		now, _ := read()
		highest = max(highest, now)
	}
	go func() {
		defer close(done)
		for tick := time.NewTicker(500 * time.Microsecond); ; {
			select {
			case <-tick.C:
				look()
			case <-stop:
				tick.Stop()
				return
			}
		}
	}()
	work()
	close(stop)
	<-done
	look()
	_, to := read()
	return highest - before, to - from
}

// together runs n exchanges at once and gives their answers.
func together(t *testing.T, n int, i *Invoker, c Call) []Answer {
	answers := make([]Answer, n)
	var done sync.WaitGroup
	for k := range n {
		done.Go(func() { answers[k] = i.Do(t.Context(), c) })
	}
	done.Wait()
	return answers
}

// Sixty-four exchanges at once with targets that send without end hold one
// answer limit each, and 128 KiB. Each target sends nearly the limit and waits
// for the others before it goes on.
func TestManyHostileTargetsAtOnce(t *testing.T) {
	const n, limit = 64, 1 << 20
	bomb := gzipOf(64 << 20)
	var arrived sync.WaitGroup
	flooding := func(head string, first, rest string) func(net.Conn) {
		start, raw := []byte(ok+head+"\r\n"+first), []byte(rest)
		return func(c net.Conn) {
			if !readRequest(c) {
				return
			}
			_, err := c.Write(start)
			arrived.Done()
			arrived.Wait()
			for err == nil {
				_, err = c.Write(raw)
			}
		}
	}
	for name, serve := range map[string]func(net.Conn){
		"gzip bomb":    flooding("Content-Encoding: gzip\r\n", bomb[:900], bomb[900:]),
		"endless body": flooding("", strings.Repeat("x", limit-1), strings.Repeat("x", 64<<10)),
	} {
		t.Run(name, func(t *testing.T) {
			arrived.Add(n)
			i := newInvoker(t)
			c := callTo("http://"+rawServer(t, serve), func(c *Call) { c.Target.MaxAnswer = limit })
			var answers []Answer
			peak, _ := heapOf(func() { answers = together(t, n, i, c) })
			for _, a := range answers {
				require.NotNil(t, a.Err)
				require.Equal(t, action.CodeAnswerTooLarge, a.Err.Code, "%v", a.Err)
			}
			t.Logf("%d at once: %d KiB at most, %d KiB each", n, peak>>10, peak>>10/n)
			require.Less(t, peak, uint64(n*(limit+128<<10)))
		})
	}
}

// What Do says of its memory, held with 1 MiB there and 1 MiB back: once the
// answer when its size is known, twice when it is not, and 128 KiB.
func TestMemoryOfLargeObjects(t *testing.T) {
	const n, size = 32, 1 << 20
	body := []byte(`{"a":"` + strings.Repeat("x", size-8) + `"}`)
	var arrived sync.WaitGroup // so that all are under way at once
	serve := func(head string) func(net.Conn) {
		return func(c net.Conn) {
			if !readRequest(c) {
				return
			}
			arrived.Done()
			arrived.Wait()
			_, _ = io.WriteString(c, ok+head+"\r\n")
			_, _ = c.Write(body)
		}
	}
	for _, tt := range []struct {
		name, head string
		bodies     float64
	}{
		{"size known", fmt.Sprintf("Content-Length: %d\r\n", size), 1},
		{"size unknown", "", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			arrived.Add(n)
			i := newInvoker(t)
			c := callTo("http://"+rawServer(t, serve(tt.head)), func(c *Call) { c.Body = body })
			var answers []Answer
			peak, _ := heapOf(func() { answers = together(t, n, i, c) })
			for _, a := range answers {
				require.Nil(t, a.Err)
				require.True(t, bytes.Equal(body, a.Body))
			}
			each := float64(peak) / n / size
			t.Logf("%d at once: %.2f times the body each", n, each)
			require.Less(t, each, tt.bodies+0.25)
		})
	}
}

// An exchange that is over holds nothing.
func TestNothingIsHeldAfterwards(t *testing.T) {
	const n = 50
	body := []byte(`{"a":"` + strings.Repeat("x", 1<<20-8) + `"}`)
	address := rawServer(t, func(c net.Conn) {
		for readRequest(c) {
			_, _ = fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", ok, len(body), body)
		}
	})
	i := newInvoker(t)
	do := func() { require.Nil(t, i.Do(t.Context(), callTo("http://"+address)).Err) }
	do()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range n {
		do()
	}
	runtime.GC()
	runtime.GC() // the pools of the first are gone after the second
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(4<<20))
}
