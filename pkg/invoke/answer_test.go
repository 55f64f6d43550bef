package invoke

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

func TestSettle(t *testing.T) {
	const malformed, rejected = action.CodeAnswerMalformed, action.CodeRejected
	no := func(status, message string) string {
		return `{"x":1,"forwardedStatusCode":` + status + `,"forwardedErrorMessage":` + message + `}`
	}
	cases := []struct {
		name, contentType, body string
		call, hook              action.Code // "" = success
		status                  int
		message                 string
	}{
		{name: "object", contentType: "application/json", body: `{"a":1}`},
		{name: "object between spaces", body: "\r\n {\"a\":1}\t"},
		{name: "no type", body: `{"a":1}`},
		{name: "other JSON type", contentType: "application/merge-patch+json", body: `{"a":1}`},
		{name: "type of Go's server", contentType: "text/plain", body: `{"a":1}`},
		{name: "empty", contentType: "text/html", body: ""},
		{name: "white space", body: " \r\n\t"},
		{name: "empty object", body: "{}"},
		{name: "patch", contentType: "application/json-patch+json", body: `[{"op":"remove","path":"/a"}]`},
		{name: "patch that is none", contentType: "application/json-patch+json", body: `{"a":1}`, call: malformed},
		{name: "patch, malformed", contentType: "application/json-patch+json", body: `[`, call: malformed},
		{name: "array", contentType: "application/json", body: `[1]`, call: malformed},
		{name: "null", body: `null`, call: malformed},
		{name: "number", body: `7`, call: malformed},
		{name: "string", body: `"a"`, call: malformed},
		{name: "text", contentType: "text/plain", body: `OK`, call: malformed},
		{name: "HTML type", contentType: "text/html", body: `{"a":1}`},
		{name: "type that is none", contentType: "; charset", body: `{"a":1}`},
		{name: "cut short", body: `{"a":`, call: malformed},
		{name: "two values", body: `{} {}`, call: malformed},
		{name: "key twice", body: `{"a":1,"a":2}`, call: malformed},
		{name: "bad UTF-8", body: "{\"a\":\"\xff\"}", call: malformed},
		{name: "byte order mark", body: "\xef\xbb\xbf{}"},
		{name: "byte order mark and spaces", body: "\xef\xbb\xbf \n{}\n"},
		{name: "byte order mark alone", body: "\xef\xbb\xbf"},
		{name: "byte order mark, patch", contentType: "application/json-patch+json", body: "\xef\xbb\xbf[]"},
		{name: "byte order mark twice", body: "\xef\xbb\xbf\xef\xbb\xbf{}", call: malformed},
		{name: "byte order mark behind a space", body: " \xef\xbb\xbf{}", call: malformed},
		{name: "too deep", body: `{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}", call: malformed},

		{name: "no, with both", body: no("403", `"not you"`), call: rejected, hook: rejected, status: 403, message: "not you"},
		{name: "no, as HTML", contentType: "text/html", body: no("403", `"not you"`), call: rejected, hook: rejected, status: 403, message: "not you"},
		{name: "no, lowest", body: no("400", `""`), call: rejected, hook: rejected, status: 400},
		{name: "no, highest", body: no("499", `null`), call: rejected, hook: rejected, status: 499},
		{name: "no, as 5xx", body: no("500", `"m"`), call: rejected, hook: rejected, status: 400, message: "m"},
		{name: "no, as 200", body: no("200", `"m"`), call: rejected, hook: rejected, status: 400, message: "m"},
		{name: "no, negative", body: no("-403", `""`), call: rejected, hook: rejected, status: 400},
		{name: "no, broken number", body: no("403.5", `""`), call: rejected, hook: rejected, status: 400},
		{name: "no, exponent", body: no("4.04e2", `""`), call: rejected, hook: rejected, status: 404},
		{name: "no, huge", body: no("1e999", `""`), call: rejected, hook: rejected, status: 400},
		{name: "no, message only", body: `{"forwardedErrorMessage":"m"}`, call: rejected, hook: rejected, status: 400, message: "m"},
		{name: "no, escaped name", body: `{"forwarded\u0053tatusCode":401}`, call: rejected, hook: rejected, status: 401},
		{name: "no, control characters", body: `{"forwardedErrorMessage":"a\u0000\u001b[31m\r\nb\u2028c"}`, call: rejected, hook: rejected, status: 400, message: "a[31m b c"},
		{name: "no, longest message", body: no("418", `"`+strings.Repeat("ü", 4096)+`"`), call: rejected, hook: rejected, status: 418, message: strings.Repeat("ü", 4096)},
		{name: "no, message over its bound", body: no("418", `"`+strings.Repeat("ü", 4096)+`m"`), call: rejected, hook: rejected, status: 418,
			message: "the target rejected the call; its message has 8193 bytes, over the 8192 that are handed on (too_large)"},
		{name: "escape that hides nothing", body: `{"a":"\n"}`},
		{name: "zero and nothing", body: no("0", `""`)},
		{name: "zero, written long", body: no("-0.0e5", `""`)},
		{name: "nulls", body: no("null", `null`)},
		{name: "another case", body: `{"forwardedstatuscode":403}`},
		{name: "deeper inside", body: `{"a":{"forwardedStatusCode":403}}`},
		{name: "status of another type", body: no(`"403"`, `""`), call: malformed},
		{name: "message of another type", body: no("403", `{}`), call: malformed},
		{name: "a no that is malformed", body: "{\"forwardedStatusCode\":403,\"a\":\"\xff\"}", call: malformed},
		{name: "a no said twice", body: `{"forwardedStatusCode":403,"forwardedStatusCode":0}`, call: malformed},
		{name: "a no behind a byte order mark", body: "\xef\xbb\xbf{\"forwardedStatusCode\":403}", call: rejected, hook: rejected, status: 403},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, wanted := range []bool{true, false} {
				want := c.hook
				if wanted {
					want = c.call
				}
				body, err := []byte(nil), forwardedIn([]byte(c.body))
				if wanted {
					body, err = settle([]byte(c.body), c.contentType)
				}
				if want == "" {
					require.Nil(t, err)
					if plain := strings.TrimPrefix(c.body, "\xef\xbb\xbf"); wanted && strings.Trim(plain, " \r\n\t") != "" {
						require.Equal(t, plain, string(body))
					} else {
						require.Nil(t, body)
					}
					continue
				}
				require.NotNil(t, err)
				require.Equal(t, want, err.Code)
				require.Nil(t, body)
				if want == rejected {
					require.Equal(t, c.status, err.Status)
					if c.message == "" {
						c.message = rejected.Message()
					}
					require.Equal(t, c.message, err.Message)
				}
			}
		})
	}
}

// Whatever a target sends, settle does not panic, and what it lets through is
// the bytes themselves.
func TestSettleProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := []byte(rapid.StringMatching(`(\x{feff})?[ ]?[\[{]?("forwardedStatusCode"|"a"|"forwardedErrorMessage")?[:,]?([0-9]{1,3}|"m"|null)?[}\]]?`).Draw(t, "body"))
		kind := rapid.SampledFrom([]string{"", typeJSON, typePatch, "text/html", typeProblem}).Draw(t, "type")
		for _, no := range []*action.Error{forwardedIn(body), explainedIn(body, kind, 404)} {
			require.True(t, no == nil || no.Code == action.CodeRejected)
		}
		out, err := settle(body, kind)
		if err != nil || out == nil {
			require.Nil(t, out)
			return
		}
		require.Equal(t, bytes.TrimPrefix(body, byteOrderMark), out)
	})
}

// The bound of an answer: exactly at it is fine, one byte over is not, plain
// or compressed, with a length or without.
func TestAnswerBound(t *testing.T) {
	const limit = 5000
	object := func(n int) []byte { return fmt.Appendf(nil, `{"a":"%s"}`, strings.Repeat("x", n-8)) }
	var body []byte
	var zip, flush bool
	s := httpServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		out := body
		if zip {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write(body)
			_ = z.Close()
			w.Header().Set("Content-Encoding", "gzip")
			out = b.Bytes()
		}
		if flush {
			w.(http.Flusher).Flush()
		}
		_, _ = w.Write(out)
	})
	i := newInvoker(t)
	limited := func(c *Call) { c.Target.MaxAnswer = limit }
	for _, zip = range []bool{false, true} {
		for _, flush = range []bool{false, true} {
			body = object(limit)
			a := i.Do(t.Context(), callTo(s.URL, limited))
			require.Nil(t, a.Err)
			require.Equal(t, body, a.Body)
			require.Equal(t, "application/json", a.ContentType)

			body = object(limit + 1)
			a = i.Do(t.Context(), callTo(s.URL, limited))
			require.NotNil(t, a.Err)
			require.Equal(t, action.CodeAnswerTooLarge, a.Err.Code)
			require.Nil(t, a.Body)
		}
	}
}

// A definition that was never checked, such as that of a trial, is held to the
// bounds all the same: no length is taken from two numbers that others chose.
func TestBoundsHoldForAnyDefinition(t *testing.T) {
	address := rawServer(t, answering(ok+"Content-Length: 9223372036854775807\r\n\r\n{}"))
	i := newInvoker(t)
	for _, limit := range []int{math.MaxInt, math.MaxInt - 1, math.MaxInt - wireSlack, action.CeilingAnswer + 1, -1, math.MinInt} {
		call := callTo("http://"+address, func(c *Call) {
			c.Target.MaxAnswer, c.Target.Concurrency = limit, limit
			c.Target.Timeout = time.Duration(math.MaxInt64)
		})
		require.Equal(t, action.CodeAnswerTooLarge, action.CodeOf(i.Do(t.Context(), call).Err), limit)
		require.Equal(t, action.CodeAnswerTooLarge, action.CodeOf(i.Try(t.Context(), call).Err), limit)
	}
}

type countingReader struct {
	from io.Reader
	n    int
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.n += n
	return n, err
}

// A body of unknown length comes whole, whatever its size and the pieces in
// which it arrives; and one that breaks off is never taken for a whole one.
func TestReadUnknownProperty(t *testing.T) {
	sizes := []int{0, 1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 2 * chunkBytes, 3*chunkBytes + 7}
	rapid.Check(t, func(t *rapid.T) {
		body := make([]byte, rapid.SampledFrom(sizes).Draw(t, "size"))
		for i := range body {
			body[i] = byte(i * 7)
		}
		limit := max(len(body)+rapid.IntRange(-2, 2).Draw(t, "room"), 0)
		var from io.Reader = bytes.NewReader(body)
		if rapid.Bool().Draw(t, "in small pieces") {
			from = iotest.HalfReader(from)
		}
		if rapid.Bool().Draw(t, "end comes with the last piece") {
			from = iotest.DataErrReader(from)
		}
		broken := rapid.Bool().Draw(t, "breaks off")
		if broken {
			from = io.MultiReader(from, iotest.ErrReader(io.ErrUnexpectedEOF))
		}
		counted := &countingReader{from: from}
		got, err := readUnknown(counted, limit)
		switch {
		case len(body) > limit:
			require.Equal(t, action.CodeAnswerTooLarge, action.CodeOf(err))
			require.Equal(t, limit+1, counted.n, "one byte over, no more")
		case broken:
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		default:
			require.NoError(t, err)
			require.True(t, bytes.Equal(body, got))
			require.Equal(t, len(got), cap(got), "no more than it needs")
		}
	})
}

func TestEmptyAnswers(t *testing.T) {
	for _, text := range []string{
		"HTTP/1.1 204 No Content\r\n\r\n",
		ok + "Content-Length: 0\r\n\r\n",
		ok + "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
		ok + "\r\n",
	} {
		a := newInvoker(t).Do(t.Context(), callTo("http://"+rawServer(t, answering(text))))
		require.Nil(t, a.Err, text)
		require.Nil(t, a.Body, text)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"":                                0,
		"0":                               0,
		"120":                             2 * time.Minute,
		" 120 ":                           2 * time.Minute,
		"86400":                           24 * time.Hour,
		"86401":                           24 * time.Hour,
		"9223372037":                      24 * time.Hour,
		"99999999999999999999999999999":   24 * time.Hour,
		"-5":                              0,
		"+5":                              0,
		"1.5":                             0,
		"soon":                            0,
		"Sun, 01 Nov 2026 12:00:30 GMT":   30 * time.Second,
		"Sunday, 01-Nov-26 12:00:30 GMT":  30 * time.Second,
		"Sun Nov  1 12:00:30 2026":        30 * time.Second,
		"Sun, 01 Nov 2026 11:59:59 GMT":   0,
		"Fri, 01 Jan 9999 00:00:00 GMT":   24 * time.Hour,
		"Mon, 01 Jan 0001 00:00:00 GMT":   0,
		"Sun, 01 Nov 2026 12:00:30 +0000": 0,
	} {
		require.Equal(t, want, retryAfter(text, now), text)
	}
	rapid.Check(t, func(t *rapid.T) {
		d := retryAfter(rapid.String().Draw(t, "text"), now)
		require.True(t, d >= 0 && d <= action.MaxWait)
	})
}

func TestRetryAfterOfAnAnswer(t *testing.T) {
	s := httpServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, "private")
	})
	start := time.Now()
	a := newInvoker(t).Do(t.Context(), callTo(s.URL))
	require.Equal(t, time.Hour, a.RetryAfter)
	require.Equal(t, action.CodeStatus, a.Err.Code)
	require.Equal(t, 429, a.Status)
	require.Nil(t, a.Body)
	require.NotContains(t, a.Err.Error(), "private")
	require.Less(t, time.Since(start), time.Second, "it is told, not waited for")
}
