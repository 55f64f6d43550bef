package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// Declared is what the cores of an instance have declared, all together. It is
// immutable and safe for concurrent use.
type Declared struct {
	// Sorted, each name once.
	Methods, Services, Functions, EventTypes []string
	// Cores are sorted by name.
	Cores []Declaration
	// Revision names what was read, where it was read from NATS: that of other
	// declarations is another one. What it is made of is nobody else's.
	Revision string

	groups []string // the event groups that a declared type lies under
	known  map[declaredKind]map[string]bool
}

// declaredKind is what a condition can be.
type declaredKind string

const (
	aMethod    declaredKind = "the method"
	aService   declaredKind = "a method of the service"
	aFunction  declaredKind = "the function"
	anEvent    declaredKind = "the event type"
	anyOfGroup declaredKind = "an event type under"
)

// Gather puts together what cores have declared.
func Gather(cores []Declaration) *Declared {
	d := &Declared{Cores: slices.Clone(cores), known: map[declaredKind]map[string]bool{}}
	slices.SortFunc(d.Cores, func(a, b Declaration) int { return strings.Compare(a.Core, b.Core) })
	for i := range d.Cores {
		c := &d.Cores[i]
		for _, m := range c.Methods {
			service, _, _ := action.SplitMethod(m)
			d.note(aMethod, m)
			d.note(aService, service)
		}
		for _, f := range c.Functions {
			d.note(aFunction, f)
		}
		for _, t := range c.EventTypes {
			d.note(anEvent, t)
			for at, c := range []byte(t) {
				if c == '.' {
					d.note(anyOfGroup, t[:at]+".*")
				}
			}
		}
	}
	d.Methods, d.Services = sortedKeys(d.known[aMethod]), sortedKeys(d.known[aService])
	d.Functions = sortedKeys(d.known[aFunction])
	d.EventTypes, d.groups = sortedKeys(d.known[anEvent]), sortedKeys(d.known[anyOfGroup])
	return d
}

func (d *Declared) note(kind declaredKind, name string) {
	if d.known[kind] == nil {
		d.known[kind] = map[string]bool{}
	}
	d.known[kind][name] = true
}

// kindOf tells what a condition must be found among; all is true for one that
// covers everything.
func kindOf(c action.Condition) (kind declaredKind, all bool) {
	calls := HasMethods(c.Phase)
	switch level := c.Level(); {
	case level == action.LevelAll:
		return "", true
	case calls && level == action.LevelGroup:
		return aService, false
	case calls:
		return aMethod, false
	case c.Phase == action.Function:
		return aFunction, false
	case level == action.LevelGroup:
		return anyOfGroup, false
	}
	return anEvent, false
}

// Of lists what is declared for a phase: methods, functions or event types.
func (d *Declared) Of(phase action.Phase) []string {
	switch phase {
	case action.Function:
		return d.Functions
	case action.OnEvent:
		return d.EventTypes
	}
	return d.Methods
}

// Knows tells whether a condition is one that some core has declared: a service
// when one of its methods is, a group when a type under it is, and * always.
// Where no core has declared anything of the kind nothing is known, and
// everything is taken for granted.
func (d *Declared) Knows(c action.Condition) bool {
	kind, all := kindOf(c)
	return all || len(d.Of(c.Phase)) == 0 || d.known[kind][c.Match]
}

// maxLooks bounds the names that are compared in one run for a near one. A look
// takes about 1 µs.
const maxLooks = 200000

// doubts words what is not declared. It offers near names up to maxLooks.
type doubts struct {
	declared *Declared
	looks    int
}

func (w *doubts) message(c action.Condition) string {
	kind, _ := kindOf(c)
	text := fmt.Sprintf("no core has declared %s %s", kind, Quote(c.Match))
	among := map[declaredKind][]string{
		aMethod: w.declared.Methods, aService: w.declared.Services, aFunction: w.declared.Functions,
		anEvent: w.declared.EventTypes, anyOfGroup: w.declared.groups,
	}[kind]
	if w.looks += len(among); w.looks > maxLooks {
		return text
	}
	if best := Nearest(c.Match, among); best != "" {
		text += "; did you mean " + Quote(best) + "?"
	}
	return text
}

// Hint tells that a name is not declared, with the nearest one that is; empty
// when it is declared, or nothing is known.
func (d *Declared) Hint(phase action.Phase, name string) string {
	c := action.Condition{Phase: phase, Match: name}
	if d.Knows(c) {
		return ""
	}
	return (&doubts{declared: d}).message(c)
}
