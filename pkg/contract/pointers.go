package contract

import (
	"fmt"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// maxQuestions bounds how many names in how many scopes are asked what runs for them.
const maxQuestions = 200000

// pointerAt is a JSON Pointer of a target's settings.
type pointerAt struct {
	place catalog.Place
	key   string // redact or allow
	index int
}

// pointersSeen are those of targets that something typed runs.
type pointersSeen struct {
	document *Document
	order    []pointerAt
	text     map[pointerAt]string
	hits     map[pointerAt]bool
	missed   map[pointerAt]string // a name whose body has nothing for it
}

// Doubts warns of each pointer of a target, in redact or allow, that names nothing in any of
// the typed bodies that the target gets. Of a target that gets none, and of a configuration
// with errors, nothing is known.
func (d *Document) Doubts(s *catalog.Snapshot) []catalog.Problem {
	m, err := catalog.Compile(s)
	if err != nil {
		return nil // which is told by who checks it
	}
	seen := &pointersSeen{document: d, text: map[pointerAt]string{}, hits: map[pointerAt]bool{}, missed: map[pointerAt]string{}}
	asked := 0
	for _, phase := range action.Phases {
		for _, name := range d.Typed(phase) {
			for _, org := range s.Orgs() {
				if asked++; asked > maxQuestions {
					return append(seen.problems(), catalog.Problem{Severity: catalog.Warning, Code: catalog.ProblemTooMany,
						Message: fmt.Sprintf("pointers were held against the schema for the first %d names and scopes alone", maxQuestions)})
				}
				for _, turn := range m.Explain(phase, name, org).Turns {
					seen.look(phase, name, turn.Owner, turn.Target)
				}
			}
		}
	}
	return seen.problems()
}

// look asks for each pointer of a target that runs for a name.
func (p *pointersSeen) look(phase action.Phase, name, owner string, target *action.Target) {
	place := catalog.Place{Org: owner, Ref: catalog.Ref{Name: target.Name}}
	for i, pointer := range target.Redact {
		p.note(pointerAt{place, "redact", i}, pointer, name, p.document.Has(phase, name, pointer))
	}
	if phase == action.OnEvent {
		return // nothing is changed
	}
	object := "/response"
	if phase == action.Request {
		object = "/request"
	}
	for i, pointer := range target.Allow {
		p.note(pointerAt{place, "allow", i}, pointer, name, p.document.Has(phase, name, object+pointer))
	}
}

func (p *pointersSeen) note(at pointerAt, pointer, name string, hit bool) {
	if _, twice := p.text[at]; !twice {
		p.text[at] = pointer
		p.order = append(p.order, at)
	}
	if hit {
		p.hits[at] = true
	} else if p.missed[at] == "" {
		p.missed[at] = name
	}
}

func (p *pointersSeen) problems() []catalog.Problem {
	var found []catalog.Problem
	for _, at := range slices.DeleteFunc(p.order, func(at pointerAt) bool { return p.hits[at] }) {
		found = append(found, catalog.Problem{Path: catalog.IndexPath(catalog.JoinPath(at.place.Path(), at.key), at.index), Severity: catalog.Warning, Code: catalog.ProblemNoEffect,
			Message: fmt.Sprintf("%s names nothing in what the target gets, such as for %s, as the core has declared it", catalog.Quote(p.text[at]), catalog.Quote(p.missed[at]))})
	}
	return found
}
