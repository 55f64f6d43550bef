package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// moment reads a time of a command line: RFC 3339, or how long ago it was, such
// as 90s, 15m, 2h or 7d. Without a text it is zero.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if ago, ok := ago(text); ok {
		return now.Add(-ago), nil
	}
	return time.Time{}, &usageError{fmt.Errorf("--%s %q is no time: write 2026-11-30T09:00:00Z, or how long ago, such as 15m, 2h or 7d", flag, text)}
}

// maxDays is how far back days can be counted.
const maxDays = 100_000

func ago(text string) (time.Duration, bool) {
	if days, found := strings.CutSuffix(text, "d"); found {
		n, err := strconv.ParseUint(days, 10, 32)
		return time.Duration(n) * 24 * time.Hour, err == nil && n <= maxDays
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d >= 0
}
