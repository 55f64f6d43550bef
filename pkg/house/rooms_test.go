package house

import (
	"fmt"
	"sort"
	"strings"
)

const module = "github.com/callout-hq/callout"

// floors lists the rooms from the ground up. Imports go downhill only: a room
// imports rooms of lower floors and its own sub-packages, never a neighbour.
var floors = [][]string{
	{"pkg/action", "schemas", "pkg/follow", "pkg/share", "pkg/seal"},
	{"pkg/wire", "pkg/outcome"},
	{"pkg/patch", "pkg/sign", "pkg/catalog", "pkg/access"},
	{"pkg/invoke", "pkg/bus", "pkg/identity", "pkg/contract"},
	{"pkg/work", "pkg/dispatch", "pkg/manage", "pkg/callout", "pkg/conformance", "pkg/scaffold"},
	{"pkg/node"},
	{"pkg/demo"},
	{"pkg/cli"},
	{"cmd", "examples"},
	{"pkg/house", "pkg/generate"},
}

// foreign stands, in a rule, for everything outside the standard library.
const foreign = "(outside the standard library)"

// A rule forbids imports to rooms. Patterns are Go's: "a/b" is that package
// alone, "a/b/..." it and all below it. Rooms are written without the module's
// path.
type rule struct {
	because string
	imports []string // what the rule is about
	only    []string // the rooms that may import it; nil means: see never
	never   []string // the rooms that may not
	deep    bool     // look at everything a room reaches, not at its imports alone
}

var rules = []rule{{
	because: "the domain stands on the standard library alone",
	imports: []string{foreign},
	never:   []string{"pkg/action/...", "pkg/seal/..."},
}, {
	because: "only the bus speaks NATS",
	imports: []string{"github.com/nats-io/..."},
	only:    []string{"pkg/bus/..."},
}, {
	because: "only one room carries the NATS server",
	imports: []string{"github.com/nats-io/nats-server/..."},
	only:    []string{"pkg/bus/embed"},
}, {
	because: "only who runs a whole node starts the embedded server",
	imports: []string{module + "/pkg/bus/embed"},
	only:    []string{"pkg/node/...", "pkg/cli/...", "pkg/demo/...", "cmd/...", "pkg/bus/bustest"},
}, {
	because: "what tests stand on is no part of a program",
	imports: []string{module + "/pkg/bus/bustest", module + "/pkg/contract/contracttest", "github.com/santhosh-tekuri/jsonschema/..."},
	only:    []string{"pkg/bus/bustest", "pkg/contract/contracttest"},
}, {
	because: "a core must not carry the server",
	imports: []string{module + "/pkg/bus/embed", "github.com/nats-io/nats-server/..."},
	never:   []string{"pkg/callout/..."},
	deep:    true,
}, {
	because: "a core and a worker carry no YAML parser",
	imports: []string{"github.com/goccy/go-yaml/...", module + "/pkg/catalog/file"},
	never:   []string{"pkg/callout/...", "pkg/work/...", "pkg/bus/...", "pkg/invoke/...", "pkg/outcome/...", "pkg/wire/...", "pkg/catalog"},
	deep:    true,
}, {
	because: "who writes a target needs no bus and dials nobody",
	imports: []string{"github.com/nats-io/...", module + "/pkg/bus/...", module + "/pkg/invoke/..."},
	never:   []string{"pkg/sdk/..."},
	deep:    true,
}, {
	because: "only one room dials targets",
	imports: []string{"github.com/hashicorp/go-retryablehttp/...", "code.dny.dev/ssrf/..."},
	only:    []string{"pkg/invoke/..."},
}, {
	because: "ZITADEL's calls are a face of the management service: they have no way of their own",
	imports: []string{module + "/pkg/bus/...", module + "/pkg/catalog/...", module + "/pkg/invoke/..."},
	never:   []string{"pkg/manage/zitadel/..."},
}, {
	because: "what ZITADEL's services are called is known to their face alone",
	imports: []string{module + "/schemas/zitadel"},
	only:    []string{"pkg/manage/zitadel"},
}, {
	because: "LDAP belongs to the demo",
	imports: []string{"github.com/go-ldap/...", "github.com/jimlambrt/gldap/..."},
	only:    []string{"pkg/demo/..."},
}, {
	because: "the demo and what tests stand on are no part of a worker and a dispatcher",
	imports: []string{module + "/pkg/demo", module + "/pkg/bus/bustest", "github.com/go-ldap/...", "github.com/jimlambrt/gldap/...",
		"github.com/stretchr/testify/...", "pgregory.net/rapid/...", "go.uber.org/goleak/...", "testing/...", "net/http/httptest"},
	never: []string{"cmd/worker", "cmd/dispatcher", "pkg/cli/...", "pkg/node/...", "pkg/manage/...", "pkg/sdk/..."},
	deep:  true,
}, {
	because: "these rooms are functions of values: they dial nobody",
	imports: []string{"net/http/...", module + "/pkg/bus/...", module + "/pkg/invoke/..."},
	never:   []string{"pkg/action/...", "pkg/wire/...", "pkg/catalog/...", "pkg/outcome/...", "pkg/patch/...", "pkg/seal/..."},
}, {
	because: "signing needs the headers of net/http and no more",
	imports: []string{"net/http/httptest", "net/http/httputil", "net/http/httptrace", module + "/pkg/bus/...", module + "/pkg/invoke/..."},
	never:   []string{"pkg/sign/..."},
}, {
	because: "these rooms are functions of values: they read no file and no environment",
	imports: []string{"os/...", "io/ioutil", "syscall", "net"},
	never:   []string{"pkg/action/...", "pkg/wire/...", "pkg/catalog/...", "pkg/outcome/...", "pkg/patch/...", "pkg/sign/...", "pkg/seal/..."},
}, {
	because: "these rooms return errors and do not log",
	imports: []string{"github.com/rs/zerolog/...", "log/..."},
	never:   []string{"pkg/action/...", "pkg/wire/...", "pkg/catalog/...", "pkg/outcome/...", "pkg/patch/...", "pkg/sign/...", "pkg/seal/..."},
}}

// listed is what `go list -json` says of a package, as far as the rules need
// it. Imports of tests are not in it: a test may reach up.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string // everything it reaches
}

// Violations names each forbidden import, sorted; nil means that all is well.
func Violations(packages []listed) []string {
	var found []string
	for _, p := range packages {
		room, ours := strings.CutPrefix(p.ImportPath, module+"/")
		if !ours {
			continue
		}
		found = append(found, uphill(room, p.Imports)...)
		for _, r := range rules {
			found = append(found, r.broken(room, p)...)
		}
	}
	sort.Strings(found)
	return found
}

// uphill names the imports of room that are not on a lower floor.
func uphill(room string, imports []string) []string {
	name, floor := floorOf(room)
	if floor < 0 {
		return []string{room + " stands on no floor: give it one in pkg/house/rooms_test.go"}
	}
	var found []string
	for _, imp := range imports {
		below, ours := strings.CutPrefix(imp, module+"/")
		if !ours {
			continue
		}
		other, under := floorOf(below)
		if under >= floor && other != name {
			found = append(found, fmt.Sprintf("%s imports %s: imports go downhill only", room, below))
		}
	}
	return found
}

// floorOf gives the room that a package belongs to, and its floor; -1 if it
// has none.
func floorOf(pkg string) (room string, floor int) {
	for i, rooms := range floors {
		for _, r := range rooms {
			if matches(r+"/...", pkg) {
				return r, i
			}
		}
	}
	return pkg, -1
}

func (r rule) broken(room string, p listed) []string {
	forbidden := matchesAny(r.never, room)
	if r.only != nil {
		forbidden = !matchesAny(r.only, room)
	}
	if !forbidden {
		return nil
	}
	reached, verb := p.Imports, "imports"
	if r.deep {
		reached, verb = p.Deps, "reaches"
	}
	var found []string
	for _, imp := range reached {
		if matchesAny(r.imports, imp) {
			found = append(found, fmt.Sprintf("%s %s %s: %s", room, verb, strings.TrimPrefix(imp, module+"/"), r.because))
		}
	}
	return found
}

func matchesAny(patterns []string, pkg string) bool {
	for _, p := range patterns {
		if matches(p, pkg) {
			return true
		}
	}
	return false
}

// matches tells whether an import path fits a pattern. The first element of a
// path outside the standard library is a host name, so it has a dot.
func matches(pattern, pkg string) bool {
	if pattern == foreign {
		host, _, _ := strings.Cut(pkg, "/")
		return strings.Contains(host, ".")
	}
	if prefix, all := strings.CutSuffix(pattern, "/..."); all {
		return pkg == prefix || strings.HasPrefix(pkg, prefix+"/")
	}
	return pkg == pattern
}
