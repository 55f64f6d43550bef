package catalog

import (
	"fmt"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
)

// Bounds of a whole catalog, beside those of package action.
const (
	MaxLines = 5000    // lines of an instance: (event execution, target, lane)
	MaxTurns = 1000000 // turns of all executions of an instance together
)

// Validate checks a snapshot, whether it came from a file or from an API, and
// lists all problems, sorted by path. Only problems of severity Error keep it
// from being used. Their Path is where the mistake would stand in a file. It
// never changes s.
func Validate(s *Snapshot) []Problem {
	v := &validator{}
	if s == nil {
		v.errorf("", ProblemMissing, "there is no catalog")
		return v.problems
	}
	if s.Instance == "" {
		v.errorf("instance", ProblemBadName, "an instance has an id")
	} else if err := action.CheckID(s.Instance); err != nil {
		v.errorf("instance", ProblemBadName, "%s", err)
	}
	v.names = newNames(s)
	for _, org := range s.Orgs() {
		v.scope(org)
	}
	v.references()
	SortProblems(v.problems)
	return v.problems
}

// validator carries one run of Validate.
type validator struct {
	Report
	Guesser
	names *names
}

func (v *validator) scope(org string) {
	if err := action.CheckID(org); err != nil {
		v.errorf(scopePath(org), ProblemBadName, "%s", err)
	}
	sc := v.names.snapshot.Scopes[org]
	if sc == nil {
		return
	}
	targets := JoinPath(scopePath(org), "targets")
	for _, name := range sortedKeys(sc.Targets) {
		t := sc.Targets[name]
		path := JoinPath(targets, name)
		if t.Name != name {
			v.errorf(path, ProblemBadName, "the target under %s names itself %s", Quote(name), Quote(t.Name))
		}
		checkTarget(&v.Report, path, &t)
		checkUsableBy(&v.Report, path, org, &t)
	}
	for _, phase := range sortedPhases(sc) {
		if SectionKey(phase) == "" {
			v.errorf(JoinPath(scopePath(org), string(phase)), ProblemUnknownKey, "there is no phase %s", Quote(string(phase)))
			continue
		}
		v.section(org, phase, sc.Sections[phase])
	}
}

func sortedPhases(sc *Scope) []action.Phase {
	var phases []action.Phase
	for p := range sc.Sections {
		phases = append(phases, p)
	}
	slices.Sort(phases)
	return phases
}

// section checks what can be said of each entry of a section by itself, and
// that no name and no condition stands there twice.
func (v *validator) section(org string, phase action.Phase, section []action.Execution) {
	names, conditions := map[string]bool{}, map[string]string{}
	for i := range section {
		e := &section[i]
		path := entryPath(org, phase, e.Name)
		if names[e.Name] {
			v.errorf(path, ProblemDuplicateKey, "%s stands twice in this section", Quote(e.Name))
		}
		names[e.Name] = true
		v.execution(org, phase, path, e)
		if e.IsList() {
			continue
		}
		if first, taken := conditions[e.Match]; taken {
			v.Add(Problem{Path: conditionPath(path, e), Severity: Error, Code: ProblemDuplicateCondition,
				Message: fmt.Sprintf("the condition %s is already that of %s", Quote(e.Match), Quote(first)),
				Also:    entryPath(org, phase, first)})
			continue
		}
		conditions[e.Match] = e.Name
	}
}

func entryPath(org string, phase action.Phase, name string) string {
	return JoinPath(JoinPath(scopePath(org), SectionKey(phase)), name)
}

func conditionPath(path string, e *action.Execution) string {
	if e.Match == e.Name {
		return path
	}
	return JoinPath(path, "condition")
}

func (v *validator) execution(org string, phase action.Phase, path string, e *action.Execution) {
	if e.Name != e.Match {
		if err := action.CheckName(e.Name); err != nil {
			v.errorf(path, ProblemBadName, "%s", err)
		}
	}
	if !e.IsList() {
		if _, err := action.ParseCondition(phase, e.Match); err != nil {
			v.errorf(conditionPath(path, e), ProblemBadCondition, "%s", err)
		}
		if e.Name != e.Match && HasMethods(phase) && KeyIsCondition(phase, e.Name) {
			v.errorf(JoinPath(path, "condition"), ProblemMisplaced,
				"%s is a condition itself, so it cannot have another; a name has no dot and no / in front", Quote(e.Name))
		}
	}
	v.settings(phase, path, e)
	v.applies(org, path, e)
	for i, entry := range e.Entries {
		if (entry.Target == "") == (entry.Include == "") {
			v.errorf(IndexPath(JoinPath(path, "targets"), i), ProblemMissing, "an entry has either target: NAME or include: NAME")
		}
	}
}

// applies checks for whom an execution of the instance runs.
func (v *validator) applies(org, path string, e *action.Execution) {
	at := JoinPath(path, "applies")
	switch e.Applies {
	case "":
	case action.AppliesRequired, action.AppliesDefault, action.AppliesAvailable:
		if org != "" || e.IsList() {
			v.errorf(at, ProblemMisplaced, "applies belongs to an execution of the instance: it says for which organizations that runs")
		}
	default:
		v.errorf(at, ProblemBadValue, "applies is required, default or available")
	}
}

// settings checks what belongs to calls, to events, and to neither.
func (v *validator) settings(phase action.Phase, path string, e *action.Execution) {
	at := JoinPath(path, "on_unavailable")
	switch e.OnUnavailable {
	case "":
	case action.UnavailableFail, action.UnavailableContinue:
		if phase == action.OnEvent || e.IsList() {
			v.errorf(at, ProblemMisplaced, "on_unavailable belongs to a request, response or function with a condition")
		}
	default:
		v.errorf(at, ProblemBadValue, "on_unavailable is fail or continue")
	}
	at = JoinPath(path, "on_exhausted")
	onEvent := phase == action.OnEvent && !e.IsList()
	switch e.OnExhausted {
	case "":
	case action.ExhaustedDeadLetter, action.ExhaustedStop:
		if !onEvent {
			v.errorf(at, ProblemMisplaced, "on_exhausted belongs to an event with a condition")
		}
	default:
		v.errorf(at, ProblemBadValue, "on_exhausted is dead_letter or stop")
	}
	if at = JoinPath(path, "max_stop"); e.MaxStop != 0 {
		if fault := OutOfRange(e.MaxStop, action.MinWait, MaxKeep); fault != "" {
			v.errorf(at, ProblemOutOfRange, "max_stop %s", fault)
		} else if !onEvent {
			v.errorf(at, ProblemMisplaced, "max_stop belongs to an event with a condition")
		}
	}
}
