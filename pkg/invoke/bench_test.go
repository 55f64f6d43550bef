package invoke

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// oneKiB is a JSON object of 1 KiB.
var oneKiB = []byte(`{"a":"` + strings.Repeat("x", 1016) + `"}`)

// lean serves a body of 1 KiB for each of that size, over and over, and
// allocates nothing, so that what a benchmark counts is the client's.
func lean(c net.Conn) {
	answer := fmt.Appendf(nil, "%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", ok, len(oneKiB), oneKiB)
	for in := bufio.NewReaderSize(c, 8<<10); ; {
		for blank := false; !blank; {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return
			}
			blank = len(line) == 2
		}
		if _, err := in.Discard(len(oneKiB)); err != nil {
			return
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// poster is a bare client with one pool, and what it sends besides.
type poster struct {
	client *http.Client
	url    string
	header http.Header
}

func newPoster(t testing.TB, url string, transport *http.Transport) poster {
	t.Cleanup(transport.CloseIdleConnections)
	return poster{&http.Client{Transport: transport}, url, http.Header{"Content-Type": {typeJSON}}}
}

func (p poster) post() error {
	req, err := http.NewRequest(http.MethodPost, p.url, bytes.NewReader(oneKiB))
	if err != nil {
		return err
	}
	req.Header = p.header
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	return err
}

// do is a Do of 1 KiB as a func of an error.
func do(t testing.TB, i *Invoker, url string) func() error {
	c := callTo(url, func(c *Call) { c.Body = oneKiB })
	ctx := t.Context()
	return func() error {
		if a := i.Do(ctx, c); a.Err != nil {
			return a.Err
		}
		return nil
	}
}

// sameHeaders are what Do sends, as a bare client may send them unsigned.
func sameHeaders() http.Header {
	h := http.Header{}
	for _, name := range []string{
		"Callout-Attempt", "Callout-Delivery-Id", "Callout-Remaining-Ms", "Callout-Target", "Idempotency-Key",
		"Webhook-Id", "Webhook-Signature", "Webhook-Timestamp", "Zitadel-Signature",
	} {
		h.Set(name, strings.Repeat("x", 20))
	}
	h.Set("Content-Type", typeJSON)
	return h
}

// BenchmarkDo is Do (both signatures, guard, limits, strict JSON) beside a bare
// net/http client with as large a pool, 1 KiB there and back over loopback.
func BenchmarkDo(b *testing.B) {
	url := "http://" + rawServer(b, lean)
	bare := newPoster(b, url, &http.Transport{MaxIdleConnsPerHost: 256})
	alike := bare
	alike.header = sameHeaders()
	for _, e := range []struct {
		name     string
		exchange func() error
	}{{"callout", do(b, newInvoker(b), url)}, {"bare", bare.post}, {"bare, as many headers", alike.post}} {
		b.Run(e.name+"/one", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, e.exchange())
			}
		})
		b.Run(e.name+"/many", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := e.exchange(); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkDoRatio takes turns, Do and the bare client, and gives the ratio of
// their times: 1 is as fast.
func BenchmarkDoRatio(b *testing.B) {
	url := "http://" + rawServer(b, lean)
	bare := newPoster(b, url, &http.Transport{MaxIdleConnsPerHost: 256})
	callout := do(b, newInvoker(b), url)
	for _, flight := range []int{1, 64} {
		b.Run(fmt.Sprint(flight, " in flight"), func(b *testing.B) {
			turns(b, flight, 2000, callout, bare.post)
		})
	}
}

// BenchmarkTLS is 64 in flight over HTTP/1.1 and TLS, beside the two kept
// connections a host that net/http has by default: the ratio of that client's
// time to ours.
func BenchmarkTLS(b *testing.B) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", typeJSON)
		whole, _ := io.ReadAll(r.Body) // Go's server drops what is unread once it answers
		_, _ = w.Write(whole)
	}))
	s.Config.ErrorLog = quiet
	s.StartTLS()
	b.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	tuned := do(b, newInvoker(b, func(o *Options) { o.Installation = believing(roots) }), s.URL)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy, transport.TLSClientConfig = nil, s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	transport.ForceAttemptHTTP2, transport.TLSClientConfig.NextProtos = false, []string{"http/1.1"}
	turns(b, 64, 1000, newPoster(b, s.URL, transport).post, tuned)
}

// turns has n exchanges of the one and of the other, by turns, and reports the
// ratio of their times: smallest, middle and largest.
func turns(b *testing.B, flight, n int, one, other func() error) {
	var ratios []float64
	var took [2]time.Duration
	round := func(exchange func() error) time.Duration {
		start := time.Now()
		var done sync.WaitGroup
		for range flight {
			done.Go(func() {
				for range n / flight {
					if err := exchange(); err != nil {
						b.Error(err)
					}
				}
			})
		}
		done.Wait()
		return time.Since(start)
	}
	round(one) // connections
	round(other)
	for b.Loop() {
		first, second := round(one), round(other)
		took[0] += first
		took[1] += second
		ratios = append(ratios, first.Seconds()/second.Seconds())
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[0], "ratio-min")
	b.ReportMetric(ratios[len(ratios)/2], "ratio-mid")
	b.ReportMetric(ratios[len(ratios)-1], "ratio-max")
	b.ReportMetric(float64(took[0].Microseconds())/float64(len(ratios)*n), "µs-one")
	b.ReportMetric(float64(took[1].Microseconds())/float64(len(ratios)*n), "µs-other")
	b.ReportMetric(0, "ns/op") // of no meaning here
}
