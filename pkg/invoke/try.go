package invoke

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/wire"
)

// ShownBody is how much of an answer's body a Trial keeps, in bytes.
const ShownBody = 64 << 10

// Trial is an exchange as it went, for who looks into it. The headers hold
// signatures and what the target's own headers say: they are masked before
// anybody sees them.
type Trial struct {
	Answer
	RequestHeader  http.Header // nil when nothing could be sent
	ResponseHeader http.Header // nil when there was no answer
	Shown          []byte      // the first ShownBody bytes of the answer, uncompressed; values of the target's own headers are masked
}

// Try posts the body as Do does, with a header that tells the target that it is
// a test, and keeps what was sent and what came back. It takes a connection of
// its own; no limit of the target is waited for, and none of its counters moves.
// Call.Wait is not used. It never goes on beyond ctx's deadline.
func (i *Invoker) Try(ctx context.Context, c Call) Trial {
	start := time.Now()
	t := Trial{Answer: Answer{secrets: c.Headers}}
	i.try(ctx, c, &t)
	t.Duration, t.Shown = time.Since(start), t.Masked(t.Shown, c.Target)
	if t.Err != nil {
		t.hide(c.Target)
		t.Err = t.Err.WithTarget(c.Target.Name)
	}
	return t
}

func (i *Invoker) try(caller context.Context, c Call, t *Trial) {
	cl, refused := i.newClient(i.definition(&c))
	if t.Err = refused; refused != nil {
		return
	}
	defer cl.transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(caller, timeoutOf(c.Target))
	defer cancel()
	ex := &exchange{}
	defer ex.end()
	if t.Err = i.prepare(ctx, ex, cl, c); t.Err != nil {
		return
	}
	ex.header[wire.HeaderTest] = []string{"true"}
	t.RequestHeader = ex.header.Clone()
	resp, err := cl.http.Do(&ex.request)
	if err != nil {
		if resp != nil {
			resp.Body.Close()
		}
		t.Sent, t.Err = ex.reached(), classify(caller, ctx, ex, err)
		return
	}
	defer resp.Body.Close()
	t.Sent, t.Status, t.ResponseHeader, t.hidden = true, resp.StatusCode, resp.Header, c.hidden()
	t.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), i.options.Now())
	t.ContentType = mediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode < 200 { // 101: no answer follows, the connection is another protocol's
		t.Err = refusal(resp.StatusCode)
		return
	}
	kept := &keptBody{ReadCloser: resp.Body}
	resp.Body = kept
	if !isSuccess(resp.StatusCode) || !c.ReadBody {
		t.answered(resp, c, func() {})
		kept.fill()
		t.Shown = kept.shown(resp)
		return
	}
	body, err := readBody(resp, c.Target.AnswerLimit(), false)
	t.Shown = kept.shown(resp)
	if err != nil {
		t.Err = classify(caller, ctx, nil, err)
		return
	}
	t.Body, t.Err = settle(body, t.ContentType)
}

// keptBody keeps the beginning of what is read through it.
type keptBody struct {
	io.ReadCloser
	start []byte
}

func (k *keptBody) Read(p []byte) (int, error) {
	n, err := k.ReadCloser.Read(p)
	k.start = append(k.start, p[:min(n, ShownBody-len(k.start))]...)
	return n, err
}

// fill reads on to what is shown of an answer that no call would read.
func (k *keptBody) fill() {
	_, _ = io.CopyN(io.Discard, k, int64(ShownBody-len(k.start))) // what there is of it
}

// shown undoes gzip as far as it can be read.
func (k *keptBody) shown(resp *http.Response) []byte {
	if !strings.Contains(strings.ToLower(resp.Header.Get("Content-Encoding")), "gzip") {
		return k.start
	}
	z, err := gzip.NewReader(bytes.NewReader(k.start))
	if err != nil {
		return k.start
	}
	plain, _ := io.ReadAll(io.LimitReader(z, ShownBody)) // cut off where it was kept
	return plain
}
