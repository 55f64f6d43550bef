package action

import (
	"fmt"
	"strings"
)

// Meant gives the condition that somebody most likely meant who wrote one that
// is none: user* for user.*, a method without its slash, a service with one. It
// is "" when nothing comes near.
func Meant(phase Phase, text string) string {
	var near []string
	bare := strings.Trim(strings.TrimSpace(text), "/")
	switch phase {
	case OnEvent:
		begin, _, _ := strings.Cut(bare, "*")
		near = []string{bare, strings.Trim(begin, ".") + ".*"}
	case Request, Response:
		near = []string{"/" + bare, bare, strings.TrimSuffix(bare, "/*")}
	case Function:
		near = []string{bare, strings.Join(strings.Fields(bare), "_")}
	}
	for _, c := range near {
		if c != text && parsed(phase, c) == nil {
			return c
		}
	}
	return ""
}

// parsed is why a text is no condition of a phase, or nil.
func parsed(phase Phase, text string) error {
	switch phase {
	case Request, Response:
		switch {
		case text == "*":
			return nil
		case strings.HasPrefix(text, "/"):
			return CheckMethod(text)
		}
		return CheckService(text)
	case Function:
		return CheckFunction(text)
	case OnEvent:
		if text == "*" {
			return nil
		}
		return CheckEventType(strings.TrimSuffix(text, ".*"))
	}
	return fmt.Errorf("unknown phase %q", phase)
}
