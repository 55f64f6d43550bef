package action

import (
	"fmt"
	"strings"
)

// Phase says at which point of the core's work an execution runs.
type Phase string

// The four phases. The first three are calls, the last is a delivery.
const (
	Request  Phase = "request"
	Response Phase = "response"
	Function Phase = "function"
	OnEvent  Phase = "event"
)

// Phases lists all phases in the order in which they are shown.
var Phases = []Phase{Request, Response, Function, OnEvent}

// Level is how exact a condition is. A higher level wins.
type Level int

// The levels, lowest first.
const (
	LevelAll   Level = iota + 1 // *
	LevelGroup                  // a service, or an event group such as user.*
	LevelExact                  // a method, a function, an event type
)

// Condition says what triggers an execution. Match is written as in the
// configuration file:
//
//	request, response   *   pkg.Service   /pkg.Service/Method
//	event               *   user.*        user.added
//	function                              create_id_token
//
// The condition is the execution's identity within its scope.
type Condition struct {
	Phase Phase  `json:"phase"`
	Match string `json:"match"`
}

// ParseCondition checks text against the grammar of the phase. The error says
// what was meant, when that is near.
func ParseCondition(phase Phase, text string) (Condition, error) {
	c := Condition{Phase: phase, Match: text}
	err := parsed(phase, text)
	if err != nil {
		if meant := Meant(phase, text); meant != "" {
			err = fmt.Errorf("this is no condition; did you mean %q? (%w)", meant, err)
		}
	}
	return c, err
}

// Level tells how exact c is.
func (c Condition) Level() Level {
	switch {
	case c.Match == "*" && c.Phase != Function:
		return LevelAll
	case c.Phase == OnEvent && strings.HasSuffix(c.Match, ".*"):
		return LevelGroup
	case (c.Phase == Request || c.Phase == Response) && !strings.HasPrefix(c.Match, "/"):
		return LevelGroup
	}
	return LevelExact
}

// String is the condition as a person writes it, with its phase.
func (c Condition) String() string { return string(c.Phase) + " " + c.Match }
