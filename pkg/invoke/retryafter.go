package invoke

import (
	"net/http"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// retryAfter reads a Retry-After header (RFC 9110, 10.2.3): seconds, or an
// HTTP date. The result is 0 to action.MaxWait; what lies beyond, or beyond
// what a number can hold, is that; a time gone by and what cannot be read are
// 0.
func retryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	if seconds, ok := digits(text); ok {
		return min(time.Duration(seconds)*time.Second, action.MaxWait)
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), action.MaxWait)
}

// digits reads a whole number of any length, staying at one million, which is
// more seconds than MaxWait has.
func digits(text string) (int, bool) {
	n := 0
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+int(c-'0'), 1_000_000)
	}
	return n, true
}
