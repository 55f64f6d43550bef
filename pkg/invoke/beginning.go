package invoke

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// leastSecret is how long a value is at least that is masked, in bytes: a shorter
// one would mask what only looks like it.
const leastSecret = 4

// failing notes what an answer begins with that is no success. A target may send
// back what it got: the values of its own headers are masked.
func (a *Answer) failing(resp *http.Response, beginning []byte, t *action.Target) {
	if a.Err == nil {
		return
	}
	a.Header, a.ContentType = resp.Header, mediaType(resp.Header.Get("Content-Type"))
	a.AnswerBeginning, a.Cut = beginning[:min(len(beginning), action.MaxBeginning)], len(beginning) > action.MaxBeginning
	a.AnswerBeginning = a.Masked(a.AnswerBeginning, t)
}

// hide masks the values of the target's own headers in what went wrong: a caller hears
// what a target says, and a log what it broke off with.
func (a *Answer) hide(t *action.Target) {
	if a.Err == nil || len(t.Headers)+len(a.secrets) == 0 {
		return
	}
	masked := *a.Err
	masked.Message = string(a.withoutHeaders([]byte(masked.Message), t))
	if masked.Cause != nil {
		if text := masked.Cause.Error(); string(a.withoutHeaders([]byte(text), t)) != text {
			masked.Cause = errors.New(string(a.withoutHeaders([]byte(text), t)))
		}
	}
	a.Err = &masked
}

// Masked is a text of a target without the values of its own headers, those that its
// definition does not hold among them, and without what its mask names in the body that
// it was sent.
func (a *Answer) Masked(text []byte, t *action.Target) []byte {
	for _, value := range a.hidden {
		if len(value) >= leastSecret {
			text = without(text, value)
		}
	}
	return a.withoutHeaders(text, t)
}

func (a *Answer) withoutHeaders(text []byte, t *action.Target) []byte {
	return withoutValues(withoutValues(text, t.Headers), a.secrets)
}

// withoutValues masks values in a text, as they are and as they stand in JSON.
func withoutValues(text []byte, values map[string]string) []byte {
	for _, value := range values {
		if len(value) < leastSecret {
			continue
		}
		text = without(text, []byte(value))
		if strings.ContainsAny(value, "\"\\\t<>&") {
			quoted, _ := json.Marshal(value) // a text cannot fail
			text = without(text, quoted[1:len(quoted)-1])
			text = without(text, []byte(strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`).Replace(value)))
		}
	}
	return text
}

var mask = []byte("***")

// without masks a secret in a text, also what is left of one where the text was
// cut off.
func without(text, secret []byte) []byte {
	text = bytes.ReplaceAll(text, secret, mask)
	for n := min(len(secret)-1, len(text)); n >= leastSecret; n-- {
		if bytes.HasSuffix(text, secret[:n]) {
			return append(text[:len(text)-n:len(text)-n], mask...)
		}
	}
	return text
}

// beginning reads how a body begins of which nobody wants more, and of which
// something may have been read. It drains the answer.
func beginning(resp *http.Response, cancel context.CancelFunc, read []byte) []byte {
	switch packed := isPacked(resp); {
	case packed && len(read) > 0, len(read) > action.MaxBeginning:
		drain(resp, cancel, 0)
		return read
	case packed:
		return unpacked(drain(resp, cancel, action.MaxBeginning))
	}
	return append(read, drain(resp, cancel, action.MaxBeginning+1-len(read))...)
}

// unpacked undoes gzip as far as it can be read.
func unpacked(packed []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return packed
	}
	plain, _ := io.ReadAll(io.LimitReader(z, action.MaxBeginning+1)) // cut off where it was kept
	return plain
}
