package invoke

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// leastShown is how long a value is at least that is masked and is no secret, in bytes:
// a shorter one would mask what only looks like it. A secret is masked however short it
// is: none below action.MinSecret is taken, but older ones may be kept.
const leastShown = 4

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
	if a.Err != nil {
		a.Err = a.WithoutSecrets(a.Err, t)
	}
}

// WithoutSecrets is an error that may repeat what a target said, such as one of what
// could not be done with it, without the values of the target's own headers.
func (a *Answer) WithoutSecrets(err *action.Error, t *action.Target) *action.Error {
	values := a.values(nil, t)
	if len(values) == 0 {
		return err
	}
	masked := *err
	masked.Message = string(withoutValues([]byte(masked.Message), values))
	masked.Field = string(withoutValues([]byte(masked.Field), values))
	if masked.Cause != nil {
		text := masked.Cause.Error()
		if shown := string(withoutValues([]byte(text), values)); shown != text {
			masked.Cause = errors.New(shown)
		}
	}
	return &masked
}

// Masked is a text of a target without the values of its own headers, those that its
// definition does not hold among them, and without what its mask names in the body that
// it was sent.
func (a *Answer) Masked(text []byte, t *action.Target) []byte {
	return withoutValues(text, a.values(a.hidden, t))
}

// values are all that is masked, the longest first: what is a part of another one does
// not leave the rest of it.
func (a *Answer) values(hidden [][]byte, t *action.Target) [][]byte {
	all := make([][]byte, 0, len(hidden)+len(t.Headers)+len(a.secrets))
	for _, value := range hidden {
		if len(value) >= leastShown {
			all = append(all, value)
		}
	}
	for _, value := range t.Headers {
		if len(value) >= leastShown {
			all = appendForms(all, value)
		}
	}
	for _, value := range a.secrets {
		if value != "" {
			all = appendForms(all, value)
		}
	}
	slices.SortFunc(all, func(a, b []byte) int { return cmp.Or(len(b)-len(a), bytes.Compare(a, b)) })
	return all
}

// appendForms appends a value as it is, and as it stands in JSON.
func appendForms(all [][]byte, value string) [][]byte {
	all = append(all, []byte(value))
	if strings.ContainsAny(value, "\"\\\t<>&") {
		quoted, _ := json.Marshal(value) // a text cannot fail
		all = append(all, quoted[1:len(quoted)-1], []byte(strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`).Replace(value)))
	}
	return all
}

// withoutValues masks values in a text.
func withoutValues(text []byte, values [][]byte) []byte {
	for _, value := range values {
		text = without(text, value)
	}
	return text
}

var mask = []byte("***")

// without masks a secret in a text, also what is left of one where the text was
// cut off.
func without(text, secret []byte) []byte {
	text = bytes.ReplaceAll(text, secret, mask)
	for n := min(len(secret)-1, len(text)); n >= leastShown; n-- {
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
