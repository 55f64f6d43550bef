package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"unicode"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// brief shows a JSON object as name=value words in its own order, without
// quotes. What is no object is shown as it is.
func brief(raw json.RawMessage) string {
	members, err := wire.Members(raw)
	if err != nil {
		return clean(string(raw))
	}
	var parts []string
	for _, m := range members {
		parts = append(parts, m.Name+"="+briefValue(raw[m.ValStart:m.ValEnd]))
	}
	return clean(strings.Join(parts, " "))
}

func briefValue(raw json.RawMessage) string {
	var text string
	switch {
	case wire.IsObject(raw):
		return "{" + brief(raw) + "}"
	case json.Unmarshal(raw, &text) == nil:
		return text
	}
	return string(raw)
}

// briefStatus is a status and what came with it.
func briefStatus(status int, body json.RawMessage) string {
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	var known struct {
		ID    string `json:"id"`
		Error *struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &known) != nil {
		return text
	}
	switch {
	case known.Error != nil:
		text += "  " + known.Error.Message
	case known.ID != "":
		text += "  id=" + known.ID
	}
	return clean(text)
}

// changes lists the members of after that before does not have, or has with
// another value.
func changes(before, after json.RawMessage) json.RawMessage {
	var old, now map[string]json.RawMessage
	if json.Unmarshal(before, &old) != nil || json.Unmarshal(after, &now) != nil {
		return after
	}
	maps.DeleteFunc(now, func(name string, v json.RawMessage) bool { return bytes.Equal(old[name], v) })
	return encode(now)
}

// lastStatus is the HTTP status of the last target that was asked.
func lastStatus(res action.Result) int {
	if len(res.Steps) == 0 {
		return 0
	}
	return res.Steps[len(res.Steps)-1].Status
}

// failure says in a few words why a call did not go on.
func failure(res action.Result) string {
	var parts []string
	if s := lastStatus(res); s != 0 {
		parts = append(parts, fmt.Sprintf("%d %s", s, http.StatusText(s)))
	}
	return strings.Join(append(parts, "outcome "+string(res.Outcome)), ", ")
}

func codeText(err error) string {
	if code := action.CodeOf(err); code != "" {
		return string(code)
	}
	return "no acknowledgement"
}

// clean takes control characters out of what others sent, so that nobody can
// drive the terminal it is shown on.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) && r != ' ' {
			return '·'
		}
		return r
	}, s)
}
