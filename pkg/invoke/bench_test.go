package invoke

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkDo holds Do (both signatures, guard, strict JSON) against a bare
// net/http client with as large a pool, 1 KiB there and back over loopback.
func BenchmarkDo(b *testing.B) {
	body := []byte(`{"a":"` + string(bytes.Repeat([]byte("x"), 1015)) + `"}`)
	s, _ := countingServer(b, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		whole, _ := io.ReadAll(r.Body) // Go's server drops what is unread once it answers
		_, _ = w.Write(whole)
	})
	invoker := newInvoker(b)
	call := callTo(s.URL, func(c *Call) { c.Body = body })
	bare := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	b.Cleanup(bare.CloseIdleConnections)
	exchanges := map[string]func() error{
		"callout": func() error {
			if a := invoker.Do(context.Background(), call); a.Err != nil {
				return a.Err
			}
			return nil
		},
		"bare": func() error {
			resp, err := bare.Post(s.URL, "application/json", bytes.NewReader(body))
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.ReadAll(resp.Body)
			return err
		},
	}
	for name, exchange := range exchanges {
		b.Run(name+"/one", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, exchange())
			}
		})
		b.Run(name+"/many", func(b *testing.B) {
			b.SetParallelism(32)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := exchange(); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
