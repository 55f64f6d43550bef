package catalog

import (
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// vertex is an entry of a section in the graph of includes.
type vertex struct {
	org      string
	phase    action.Phase
	exec     *action.Execution
	path     string
	edges    []edge
	included bool
	reached  *vertex // the event execution that leads here
	state    visitState
	depth    int // levels of includes below
	count    int // targets after expansion; action.MaxTargets+1 = more
	steps    int // includes on the way there; maxSteps+1 = more
}

// edge is an include, by its place among the entries.
type edge struct {
	to    *vertex
	entry int
}

type visitState int

const (
	unseen visitState = iota
	onPath
	done
)

// graph is one run over everything that names something else.
type graph struct {
	*validator
	vertices []*vertex // in the order of scopes, phases and entries
	byEntry  map[*action.Execution]*vertex
	used     map[targetRef]bool
	known    map[string][]string // names of targets, by organization
	flawed   bool                // cycles or bounds passed: nothing can be expanded
}

// references checks what the entries name: targets, includes, cycles, bounds,
// what events may reach, and what nothing uses.
func (v *validator) references() {
	g := &graph{validator: v, byEntry: map[*action.Execution]*vertex{}, used: map[targetRef]bool{}, known: map[string][]string{}}
	for _, org := range v.names.snapshot.Orgs() {
		g.addScope(org)
	}
	for _, x := range g.vertices {
		g.resolve(x)
		g.payloads(x)
	}
	var trail []*vertex
	for _, x := range g.vertices {
		g.visit(x, &trail)
	}
	g.events()
	g.totals()
	g.unused()
}

func (g *graph) addScope(org string) {
	sc := g.names.snapshot.Scopes[org]
	if sc == nil {
		return
	}
	for _, phase := range action.Phases {
		section := sc.Sections[phase]
		for i := range section {
			x := &vertex{org: org, phase: phase, exec: &section[i], path: entryPath(org, phase, section[i].Name)}
			g.vertices = append(g.vertices, x)
			g.byEntry[x.exec] = x
		}
	}
}

func (x *vertex) entryPath(i int) string { return IndexPath(JoinPath(x.path, "targets"), i) }

// resolve looks up what the entries of x name.
func (g *graph) resolve(x *vertex) {
	for i, e := range x.exec.Entries {
		switch {
		case e.Target != "" && e.Include == "":
			owner, t := g.names.target(x.org, e.Target)
			if t == nil {
				g.unknownTarget(x, i)
				continue
			}
			g.used[targetRef{owner, e.Target}] = true
			if owner == "" && x.org != "" && !t.IsUsableBy(x.org) {
				g.errorf(JoinPath(x.entryPath(i), "target"), ProblemNotUsable, "organization %s may not use the target %s of the instance: its usable_by does not name it",
					Quote(x.org), Quote(e.Target))
			}
		case e.Include != "" && e.Target == "":
			_, to := g.names.entry(x.org, x.phase, e.Include)
			if to == nil {
				g.unknownInclude(x, i)
				continue
			}
			g.byEntry[to].included = true
			x.edges = append(x.edges, edge{to: g.byEntry[to], entry: i})
		}
	}
}

func (g *graph) unknownTarget(x *vertex, i int) {
	name, path := x.exec.Entries[i].Target, JoinPath(x.entryPath(i), "target")
	if _, e := g.names.entry(x.org, x.phase, name); e != nil {
		what := "an execution"
		if e.IsList() {
			what = "a list"
		}
		g.byEntry[e].included = true // it is to be
		g.errorf(path, ProblemNotATarget, "%s is %s, not a target; write `include: %s`", Quote(name), what, yamlName(name))
		return
	}
	if g.known[x.org] == nil {
		g.known[x.org] = g.names.targetNames(x.org)
	}
	meant := g.guess(name, g.known[x.org])
	if owner, t := g.names.target(x.org, meant); t != nil {
		g.used[targetRef{owner, meant}] = true // it is to be: that it is not yet is no news
	}
	g.errorf(path, ProblemUnknownTarget, "no target is named %s%s", Quote(name), hint(meant))
}

func (g *graph) unknownInclude(x *vertex, i int) {
	name, path := x.exec.Entries[i].Include, JoinPath(x.entryPath(i), "include")
	if owner, t := g.names.target(x.org, name); t != nil && (owner != "" || x.org == "" || t.IsUsableBy(x.org)) {
		g.used[targetRef{owner, name}] = true // it is to be
		g.errorf(path, ProblemNotAnInclude, "%s is a target; write `target: %s`", Quote(name), yamlName(name))
		return
	}
	for _, phase := range action.Phases {
		if _, e := g.names.entry(x.org, phase, name); e != nil {
			g.errorf(path, ProblemUnknownInclude, "%s stands under %s; an include stays within its own section, %s",
				Quote(name), SectionKey(phase), SectionKey(x.phase))
			return
		}
	}
	meant := g.guess(name, g.names.entryNames(x.org, x.phase))
	if _, e := g.names.entry(x.org, x.phase, meant); e != nil {
		g.byEntry[e].included = true // it is to be
	}
	g.errorf(path, ProblemUnknownInclude, "no entry of %s is named %s%s", SectionKey(x.phase), Quote(name), hint(meant))
}

// yamlName writes a name as it has to stand in a file.
func yamlName(name string) string {
	if strings.HasPrefix(name, "*") || strings.TrimSpace(name) != name {
		return Quote(name)
	}
	return name
}

// visit goes through the includes depth first. trail is the way to x.
func (g *graph) visit(x *vertex, trail *[]*vertex) {
	if x.state == done {
		return
	}
	x.state = onPath
	*trail = append(*trail, x)
	x.count = len(x.exec.Entries) - len(x.edges)
	large, tangled := false, false
	for _, e := range x.edges {
		if e.to.state == onPath {
			g.cycle(x, e, *trail)
			continue
		}
		g.visit(e.to, trail)
		large = large || e.to.count > action.MaxTargets
		x.count = min(x.count+e.to.count, action.MaxTargets+1)
		tangled = tangled || e.to.steps > maxSteps
		x.steps = min(x.steps+1+e.to.steps, maxSteps+1)
		if e.to.depth == action.MaxIncludes && x.depth <= action.MaxIncludes {
			g.flawed = true
			g.errorf(JoinPath(x.entryPath(e.entry), "include"), ProblemTooDeep, "includes are nested at most %d levels", action.MaxIncludes)
		}
		x.depth = max(x.depth, e.to.depth+1)
	}
	if x.count > action.MaxTargets {
		g.flawed = true
		if !large {
			g.errorf(JoinPath(x.path, "targets"), ProblemTooMany, "%s has more than %d targets once its includes are put in", Quote(x.exec.Name), action.MaxTargets)
		}
	}
	if x.steps > maxSteps {
		g.flawed = true
		if !tangled {
			g.errorf(JoinPath(x.path, "targets"), ProblemTooMany, "%s has more than %d includes once those within them are put in", Quote(x.exec.Name), maxSteps)
		}
	}
	*trail = (*trail)[:len(*trail)-1]
	x.state = done
}

// cycle shows the ring that the include e of x closes.
func (g *graph) cycle(x *vertex, e edge, trail []*vertex) {
	g.flawed = true
	start := len(trail) - 1
	for trail[start] != e.to {
		start--
	}
	var ring []string
	for _, y := range trail[start:] {
		ring = append(ring, y.exec.Name)
	}
	shown := ring
	if len(ring) > action.MaxIncludes {
		shown = append(append(append([]string{}, ring[:8]...), "…"), ring[len(ring)-8:]...)
	}
	g.errorf(JoinPath(x.entryPath(e.entry), "include"), ProblemCycle, "includes go round in a ring: %s -> %s",
		strings.Join(shown, " -> "), e.to.exec.Name)
}

// unused warns of what has no part in anything.
func (g *graph) unused() {
	for _, x := range g.vertices {
		switch {
		case x.exec.Applies == action.AppliesAvailable && !x.included:
			g.warnf(x.path, ProblemUnusedList, "%s is only there to be included, and nothing includes it yet", Quote(x.exec.Name))
		case x.exec.IsList() && !x.included:
			what := "; a condition: would make it an execution"
			if meant := action.Meant(x.phase, x.exec.Name); strings.Contains(x.exec.Name, "/") && meant != "" {
				what = hint(meant)
			}
			g.warnf(x.path, ProblemUnusedList, "nothing includes the list %s, so it never fires%s", Quote(x.exec.Name), what)
		case !x.exec.IsList() && x.count == 0 && !g.flawed:
			g.warnf(x.path, ProblemEmpty, "%s reaches no target: it only keeps less exact executions from running", Quote(x.exec.Name))
		}
	}
	for _, org := range g.names.snapshot.Orgs() {
		sc := g.names.snapshot.Scopes[org]
		if sc == nil {
			continue
		}
		for _, name := range sortedKeys(sc.Targets) {
			if !g.used[targetRef{org, name}] {
				g.warnf(JoinPath(JoinPath(scopePath(org), "targets"), name), ProblemUnusedTarget, "nothing uses the target %s", Quote(name))
			}
		}
	}
}
