package wire

import (
	"fmt"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// PhaseOf tells which phase a body is of, by the members that only bodies of
// that phase have. The error is that of a body that is no strict JSON object.
func PhaseOf(raw []byte) (action.Phase, error) {
	members, err := Members(raw)
	if err != nil {
		return "", err
	}
	has := make(map[string]bool, len(members))
	for _, m := range members {
		has[m.Name] = true
	}
	switch {
	case has["event_type"]:
		return action.OnEvent, nil
	case has["function"]:
		return action.Function, nil
	case has["response"]:
		return action.Response, nil
	}
	return action.Request, nil
}

// FunctionName reads the function that a body names; empty when it names none.
func FunctionName(raw []byte) (string, error) {
	members, err := Members(raw)
	if err != nil {
		return "", err
	}
	for _, m := range members {
		if m.Name != "function" {
			continue
		}
		member, _ := text(raw[m.ValStart:m.ValEnd])
		name, ours := strings.CutPrefix(member, "function/")
		if !ours {
			return "", fieldError("function", fmt.Errorf("is a text such as function/create_id_token"))
		}
		return name, fieldError("function", action.CheckFunction(name))
	}
	return "", nil
}
