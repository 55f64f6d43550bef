package invoke

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// The two members by which a 2xx answer says no, from ZITADEL.
const (
	memberStatus  = "forwardedStatusCode"
	memberMessage = "forwardedErrorMessage"
)

// memberDetail is what a problem says to people.
const memberDetail = "detail"

// maxMessage bounds a forwarded message, in bytes of UTF-8. A longer one is not
// cut: a message that says so takes its place, with the code too_large in it. The
// rejection and its status always stand.
const maxMessage = 8 << 10

// forwarded reads the two members. A status other than 0 or a message other
// than "" is a rejection: with that status if it is 400–499, else 400; with
// that message, control characters taken out, or the standard one. A member
// of the wrong type is answer_malformed; null is as good as absent.
func forwarded(body []byte, members []wire.Member) *action.Error {
	var status float64
	var message string
	for _, m := range members {
		raw := body[m.ValStart:m.ValEnd]
		var err error
		switch m.Name {
		case memberStatus:
			status, err = number(raw)
		case memberMessage:
			err = json.Unmarshal(raw, &message)
		}
		if err != nil {
			return malformed(err).WithField(m.Name)
		}
	}
	if status == 0 && message == "" {
		return nil
	}
	return rejection(status, message)
}

// number reads a JSON number or null; one too large for a float is infinite,
// which is no status but not zero either.
func number(raw []byte) (float64, error) {
	if string(raw) == "null" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	if errors.Is(err, strconv.ErrRange) {
		err = nil
	}
	return n, err
}

func rejection(status float64, message string) *action.Error {
	e := action.NewError(action.CodeRejected, action.StageAnswer, plain(message))
	if len(message) > maxMessage {
		e.Message = fmt.Sprintf("%s; its message has %d bytes, over the %d that are handed on (%s)",
			action.CodeRejected.Message(), len(message), maxMessage, action.CodeTooLarge)
		e.Field = memberMessage
	}
	e.Status = http.StatusBadRequest
	if code := int(status); status >= 400 && status <= 499 && float64(code) == status {
		e.Status = code
	}
	return e
}

// plain turns line breaks into spaces and takes out the other control
// characters.
func plain(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, s))
}

// forwardedIn looks for a rejection in the body of a 2xx answer that nobody
// needs. What is no JSON, and what forwards nothing that can be understood, is
// none: the status was the answer.
func forwardedIn(body []byte) *action.Error {
	text := bare(body)
	if !wire.IsObject(text) || !mayReject(text) {
		return nil
	}
	members, err := wire.Members(text)
	if err != nil {
		return nil
	}
	if no := forwarded(text, members); no != nil && no.Code == action.CodeRejected {
		return no
	}
	return nil
}

// explainedIn looks for what a 4xx answer says to the caller: a forwarded
// message, or the detail of a problem (RFC 9457). With one it is a rejection,
// with the answer's status; nil is none.
func explainedIn(body []byte, contentType string, status int) *action.Error {
	text := bare(body)
	if !wire.IsObject(text) {
		return nil
	}
	members, err := wire.Members(text)
	if err != nil {
		return nil
	}
	said := map[string]string{}
	for _, m := range members {
		var message string
		if json.Unmarshal(text[m.ValStart:m.ValEnd], &message) == nil {
			said[m.Name] = message
		}
	}
	message := said[memberMessage]
	if plain(message) == "" && contentType == typeProblem {
		message = said[memberDetail]
	}
	if plain(message) == "" {
		return nil
	}
	return rejection(float64(status), message)
}

// mayReject tells whether a body can hold one of the two members: it names one,
// or has an escape, in which a name can hide. What cannot is not taken apart.
func mayReject(body []byte) bool {
	first := bytes.Index(body, []byte(`"forwarded`)) // one pass over what names neither
	return first >= 0 && (bytes.Contains(body[first:], []byte(`"`+memberStatus+`"`)) ||
		bytes.Contains(body[first:], []byte(`"`+memberMessage+`"`))) || bytes.IndexByte(body, '\\') >= 0
}
