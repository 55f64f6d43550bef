package zitadel

import (
	"fmt"
	"strings"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// condition is one of the four.
type condition struct {
	Request  *apiCondition      `json:"request,omitzero"`
	Response *apiCondition      `json:"response,omitzero"`
	Function *functionCondition `json:"function,omitzero"`
	Event    *eventCondition    `json:"event,omitzero"`
}

// apiCondition is one of a method, a service and all.
type apiCondition struct {
	Method  string `json:"method,omitempty"`
	Service string `json:"service,omitempty"`
	All     bool   `json:"all,omitzero"`
}

type functionCondition struct {
	Name string `json:"name"`
}

// eventCondition is one of a type, a group and all. A group is written
// user.human, or user.human.* as here.
type eventCondition struct {
	Event string `json:"event,omitempty"`
	Group string `json:"group,omitempty"`
	All   bool   `json:"all,omitzero"`
}

// place is a condition as the service has it.
type place struct {
	phase calloutv1.Phase
	match string
}

const (
	everything  = "*"
	groupSuffix = ".*"
)

// read gives the condition; at is where it stands.
func (c *condition) read(at string) (place, error) {
	if c == nil {
		return place{}, badField(at, "a condition is needed: request, response, function or event")
	}
	var given []place
	var err error
	take := func(phase calloutv1.Phase, member string, read func(at string) (string, error)) {
		match, wrong := read(at + "." + member)
		given = append(given, place{phase, match})
		if err == nil {
			err = wrong
		}
	}
	if c.Request != nil {
		take(calloutv1.Phase_PHASE_REQUEST, "request", c.Request.read)
	}
	if c.Response != nil {
		take(calloutv1.Phase_PHASE_RESPONSE, "response", c.Response.read)
	}
	if c.Function != nil {
		take(calloutv1.Phase_PHASE_FUNCTION, "function", c.Function.read)
	}
	if c.Event != nil {
		take(calloutv1.Phase_PHASE_EVENT, "event", c.Event.read)
	}
	if len(given) != 1 {
		return place{}, badField(at, "one of request, response, function and event is needed")
	}
	return given[0], err
}

func (c *apiCondition) read(at string) (string, error) {
	if err := onlyOne(at, "method, service and all", c.Method != "", c.Service != "", c.All); err != nil {
		return "", err
	}
	switch {
	case c.All:
		return everything, nil
	case c.Service != "":
		if c.Service == everything || strings.HasPrefix(c.Service, "/") {
			return "", badField(at+".service", "a service is written package.Service")
		}
		return c.Service, nil
	case !strings.HasPrefix(c.Method, "/"):
		return "", badField(at+".method", "a method is written /package.Service/Method")
	}
	return c.Method, nil
}

func (c *functionCondition) read(at string) (string, error) {
	if c.Name == "" {
		return "", badField(at+".name", "the name of a function is needed")
	}
	return c.Name, nil
}

func (c *eventCondition) read(at string) (string, error) {
	if err := onlyOne(at, "event, group and all", c.Event != "", c.Group != "", c.All); err != nil {
		return "", err
	}
	group := strings.TrimSuffix(c.Group, groupSuffix)
	switch {
	case c.All:
		return everything, nil
	case c.Event == everything || strings.HasSuffix(c.Event, groupSuffix):
		return "", badField(at+".event", "one type of event is meant; group stands for several and all for every one")
	case c.Event != "":
		return c.Event, nil
	case group == everything || group == "":
		return "", badField(at+".group", "a group is written like user.human; all stands for every event")
	}
	return group + groupSuffix, nil
}

func onlyOne(at, names string, given ...bool) error {
	n := 0
	for _, is := range given {
		n += rank(is)
	}
	if n != 1 {
		return badField(at, fmt.Sprintf("one of %s is needed", names))
	}
	return nil
}

// conditionOf writes the condition of an execution.
func conditionOf(e *calloutv1.Execution) condition {
	match := e.GetCondition()
	switch e.GetPhase() {
	case calloutv1.Phase_PHASE_REQUEST:
		return condition{Request: apiConditionOf(match)}
	case calloutv1.Phase_PHASE_RESPONSE:
		return condition{Response: apiConditionOf(match)}
	case calloutv1.Phase_PHASE_FUNCTION:
		return condition{Function: &functionCondition{match}}
	}
	group, isGroup := strings.CutSuffix(match, groupSuffix)
	switch {
	case match == everything:
		return condition{Event: &eventCondition{All: true}}
	case isGroup:
		return condition{Event: &eventCondition{Group: group}}
	}
	return condition{Event: &eventCondition{Event: match}}
}

func apiConditionOf(match string) *apiCondition {
	switch {
	case match == everything:
		return &apiCondition{All: true}
	case strings.HasPrefix(match, "/"):
		return &apiCondition{Method: match}
	}
	return &apiCondition{Service: match}
}
