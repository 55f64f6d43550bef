package callout

import (
	"errors"
	"strings"
)

// Phase is what a handler is about.
type Phase int

// The phases.
const (
	OfRequest Phase = iota
	OfResponse
	OfFunction
	OfEvent
)

func (p Phase) String() string {
	return [...]string{"request", "response", "function", "event"}[p]
}

// checkCondition tells what is wrong with a condition, and gives it as it is looked up.
func checkCondition(p Phase, text string) (string, error) {
	switch p {
	case OfRequest, OfResponse:
		return text, checkMethod(text)
	case OfFunction:
		text = strings.TrimPrefix(text, "function/")
		if !isWord(text) || strings.Contains(text, "/") {
			return "", errors.New("a function has a name, such as create_id_token")
		}
		return text, nil
	}
	segments := strings.TrimSuffix(text, ".*")
	if text != "*" && (!isWord(segments) || strings.Contains(segments, "*") || hasEmpty(segments, ".")) {
		return "", errors.New("an event has a type, a group such as user.*, or *")
	}
	return text, nil
}

func checkMethod(text string) error {
	service, isMethod := strings.CutPrefix(text, "/")
	if isMethod {
		var method string
		service, method, _ = strings.Cut(service, "/")
		if method == "" || strings.ContainsAny(method, "/.*") {
			return errors.New("a method is written /pkg.Service/Method")
		}
	}
	if text != "*" && (!isWord(service) || strings.ContainsAny(service, "/*") || hasEmpty(service, ".")) {
		return errors.New("a call has a method /pkg.Service/Method, a service pkg.Service, or *")
	}
	return nil
}

func isWord(text string) bool {
	return text != "" && len(text) <= 512 && !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f })
}

func hasEmpty(text, separator string) bool {
	for part := range strings.SplitSeq(text, separator) {
		if part == "" {
			return true
		}
	}
	return false
}

// find gives the handler of the most exact match, or nil.
func (r *Receiver) find(p Phase, name string) handler {
	all := r.handlers[p]
	isCall := p == OfRequest || p == OfResponse
	if isCall && !strings.HasPrefix(name, "/") { // it is no method, and may not pass for a service
		return all["*"]
	}
	if h := all[name]; h != nil {
		return h
	}
	switch p {
	case OfRequest, OfResponse:
		if end := strings.LastIndexByte(name, '/'); end > 0 {
			if h := all[name[1:end]]; h != nil {
				return h
			}
		}
	case OfFunction:
		return all[strings.TrimPrefix(name, "function/")]
	case OfEvent:
		for end := strings.LastIndexByte(name, '.'); end > 0; end = strings.LastIndexByte(name[:end], '.') {
			if h := all[name[:end]+".*"]; h != nil {
				return h
			}
		}
	}
	return all["*"]
}
