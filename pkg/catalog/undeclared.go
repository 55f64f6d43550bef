package catalog

import (
	"fmt"
	"strings"
	"sync"

	"github.com/callout-hq/callout/pkg/action"
)

// Unknown lists the conditions of a catalog that no core has declared, each
// once, as PHASE CONDITION and sorted.
func (d *Declared) Unknown(s *Snapshot) []string {
	unknown := map[string]bool{}
	s.conditions(func(_ string, phase action.Phase, e *action.Execution) {
		if c := (action.Condition{Phase: phase, Match: e.Match}); !d.Knows(c) {
			unknown[c.String()] = true
		}
	})
	return sortedKeys(unknown)
}

// Undeclared lists what an edit brings in that no core has declared, at most
// MaxProblems, with the code unknown_condition. A condition that was not in
// force before is an error. One that was, in an execution that is changed, is a
// warning: a core that withdraws a name must not block the edits of others.
func (d *Declared) Undeclared(current, next *Snapshot) []Problem {
	r, words := Report{}, doubts{declared: d}
	before := sync.OnceValue(current.inForce)
	differences(current, next, func(x difference) {
		e := x.nowEntry
		if e == nil || e.IsList() {
			return
		}
		c := action.Condition{Phase: x.place.Phase, Match: e.Match}
		if d.Knows(c) {
			return
		}
		path := conditionPath(entryPath(x.place.Org, c.Phase, e.Name), e)
		if before()[placedCondition{x.place.Org, c}] {
			r.warnf(path, ProblemUnknownCondition, "%s; it was in force before and stays", words.message(c))
			return
		}
		r.errorf(path, ProblemUnknownCondition, "%s", words.message(c))
	})
	SortProblems(r.problems)
	return r.problems
}

// placedCondition is a condition and the scope it stands in.
type placedCondition struct {
	org string
	action.Condition
}

func (s *Snapshot) inForce() map[placedCondition]bool {
	all := map[placedCondition]bool{}
	s.conditions(func(org string, phase action.Phase, e *action.Execution) {
		all[placedCondition{org, action.Condition{Phase: phase, Match: e.Match}}] = true
	})
	return all
}

// conditions goes through the executions that have one.
func (s *Snapshot) conditions(do func(org string, phase action.Phase, e *action.Execution)) {
	for org, sc := range s.Scopes {
		if sc == nil {
			continue
		}
		for phase, section := range sc.Sections {
			for i := range section {
				if !section[i].IsList() {
					do(org, phase, &section[i])
				}
			}
		}
	}
}

// UnknownConditions is the error of an edit that brings in conditions that no
// core has declared.
type UnknownConditions struct{ Problems []Problem }

func (e *UnknownConditions) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the error as callers see it: it words the first problem, and
// counts the others.
func (e *UnknownConditions) Unwrap() error {
	var errs []Problem
	for _, p := range e.Problems {
		if p.Severity == Error {
			errs = append(errs, p)
		}
	}
	message := ""
	switch n := len(errs); {
	case n > 1:
		message = fmt.Sprintf("%s (and %d more)", errs[0].Message, n-1)
	case n == 1:
		message = errs[0].Message
	}
	return action.NewError(action.CodeUnknownCondition, action.StageCatalog, message).WithField("condition")
}
