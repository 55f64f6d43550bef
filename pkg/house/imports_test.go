package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestImports looks at what stands in the repository now.
func TestImports(t *testing.T) {
	packages := listPackages(t)
	require.NotEmpty(t, packages)
	if found := Violations(packages); found != nil {
		for _, f := range found {
			t.Error(f)
		}
	}
}

const (
	embed  = module + "/pkg/bus/embed"
	server = "github.com/nats-io/nats-server/v2/server"
	nats   = "github.com/nats-io/nats.go/jetstream"
)

// forgeries holds one forbidden import of each kind, and a room to which the
// same import is allowed.
var forgeries = []struct {
	name, imp      string
	bad, good      string // rooms
	want           string // of bad
	throughAnother bool   // reached, not imported
}{
	{"a library in the domain", "github.com/goccy/go-yaml", "pkg/action", "pkg/catalog/file",
		"pkg/action imports github.com/goccy/go-yaml: the domain stands on the standard library alone", false},
	{"uphill", module + "/pkg/work", "pkg/bus", "pkg/node", "pkg/bus imports pkg/work: imports go downhill only", false},
	{"a neighbour", module + "/pkg/dispatch", "pkg/work", "cmd/worker", "pkg/work imports pkg/dispatch: imports go downhill only", false},
	{"a neighbour's sub-package", module + "/pkg/callout/grpc", "pkg/manage", "pkg/callout", "pkg/manage imports pkg/callout/grpc: imports go downhill only", false},
	{"a generator in a command", module + "/pkg/generate", "pkg/cli", "pkg/generate", "pkg/cli imports pkg/generate: imports go downhill only", false},
	{"an unknown room below", module + "/pkg/action", "pkg/attic", "pkg/wire", "pkg/attic stands on no floor: give it one in pkg/house/rooms_test.go", false},
	{"NATS in a story", nats, "pkg/work", "pkg/bus", "pkg/work imports " + nats + ": only the bus speaks NATS", false},
	{"NATS in the other story", "github.com/nats-io/nats.go", "pkg/dispatch", "pkg/bus/embed", "pkg/dispatch imports github.com/nats-io/nats.go: only the bus speaks NATS", false},
	{"NATS in a command", nats, "cmd/worker", "pkg/bus", "cmd/worker imports " + nats + ": only the bus speaks NATS", false},
	{"the server in the bus", server, "pkg/bus", "pkg/bus/embed", "pkg/bus imports " + server + ": only one room carries the NATS server", false},
	{"the embedded server in a story", embed, "pkg/dispatch", "pkg/node",
		"pkg/dispatch imports pkg/bus/embed: only who runs a whole node starts the embedded server", false},
	{"the embedded server behind a core", embed, "pkg/callout", "pkg/cli", "pkg/callout reaches pkg/bus/embed: a core must not carry the server", true},
	{"the server behind a core", server, "pkg/callout", "cmd/callout", "pkg/callout reaches " + server + ": a core must not carry the server", true},
	{"YAML behind a core", "github.com/goccy/go-yaml/parser", "pkg/callout", "pkg/dispatch",
		"pkg/callout reaches github.com/goccy/go-yaml/parser: a core and a worker carry no YAML parser", true},
	{"files behind a worker", module + "/pkg/catalog/file", "pkg/work", "pkg/manage", "pkg/work reaches pkg/catalog/file: a core and a worker carry no YAML parser", true},
	{"the ground of tests in a program", module + "/pkg/bus/bustest", "pkg/bus/lines", "pkg/bus/bustest",
		"pkg/bus/lines imports pkg/bus/bustest: what tests stand on is no part of a program", false},
	{"NATS behind a target", nats, "pkg/sdk", "pkg/callout", "pkg/sdk reaches " + nats + ": who writes a target needs no bus and dials nobody", true},
	{"dialling elsewhere", "github.com/hashicorp/go-retryablehttp", "pkg/work", "pkg/invoke",
		"pkg/work imports github.com/hashicorp/go-retryablehttp: only one room dials targets", false},
	{"a guard elsewhere", "code.dny.dev/ssrf", "pkg/cli", "pkg/invoke", "pkg/cli imports code.dny.dev/ssrf: only one room dials targets", false},
	{"a second way to an edit", module + "/pkg/catalog", "pkg/manage/zitadel", "pkg/manage",
		"pkg/manage/zitadel imports pkg/catalog: ZITADEL's calls are a face of the management service: they have no way of their own", false},
	{"ZITADEL's messages elsewhere", module + "/schemas/zitadel", "pkg/callout", "pkg/manage/zitadel",
		"pkg/callout imports schemas/zitadel: what ZITADEL's services are called is known to their face alone", false},
	{"an LDAP client elsewhere", "github.com/go-ldap/ldap/v3", "pkg/cli", "pkg/demo", "pkg/cli imports github.com/go-ldap/ldap/v3: LDAP belongs to the demo", false},
	{"an LDAP server elsewhere", "github.com/jimlambrt/gldap", "pkg/node", "pkg/demo", "pkg/node imports github.com/jimlambrt/gldap: LDAP belongs to the demo", false},
	{"the demo behind a worker", module + "/pkg/demo", "cmd/worker", "cmd/callout",
		"cmd/worker reaches pkg/demo: the demo and what tests stand on are no part of a worker and a dispatcher", true},
	{"a test library behind a dispatcher", "github.com/stretchr/testify/require", "cmd/dispatcher", "pkg/demo",
		"cmd/dispatcher reaches github.com/stretchr/testify/require: the demo and what tests stand on are no part of a worker and a dispatcher", true},
	{"an LDAP server behind a worker", "github.com/jimlambrt/gldap", "cmd/worker", "pkg/demo",
		"cmd/worker reaches github.com/jimlambrt/gldap: the demo and what tests stand on are no part of a worker and a dispatcher", true},
	{"HTTP in a pure room", "net/http", "pkg/patch", "pkg/sign", "pkg/patch imports net/http: these rooms are functions of values: they dial nobody", false},
	{"a server in signing", "net/http/httptest", "pkg/sign", "pkg/invoke", "pkg/sign imports net/http/httptest: signing needs the headers of net/http and no more", false},
	{"files in a pure room", "os", "pkg/catalog", "pkg/cli",
		"pkg/catalog imports os: these rooms are functions of values: they read no file and no environment", false},
	{"a log in a pure room", "github.com/rs/zerolog", "pkg/outcome", "pkg/work", "pkg/outcome imports github.com/rs/zerolog: these rooms return errors and do not log", false},
}

// forge makes the one package that a forgery is about.
func forge(room, imp string, throughAnother bool) []listed {
	p := listed{ImportPath: module + "/" + room, Imports: []string{"fmt"}, Deps: []string{"fmt", imp}}
	if !throughAnother {
		p.Imports = p.Deps
	}
	return []listed{p}
}

func TestViolations(t *testing.T) {
	for _, f := range forgeries {
		t.Run(f.name, func(t *testing.T) {
			require.Contains(t, Violations(forge(f.bad, f.imp, f.throughAnother)), f.want)
			require.Empty(t, Violations(forge(f.good, f.imp, f.throughAnother)))
		})
	}
}

// TestEveryRuleIsTried keeps the forgeries complete: a new rule needs one.
func TestEveryRuleIsTried(t *testing.T) {
	var caught strings.Builder
	for _, f := range forgeries {
		caught.WriteString(strings.Join(Violations(forge(f.bad, f.imp, f.throughAnother)), "\n"))
	}
	for _, r := range rules {
		require.Contains(t, caught.String(), r.because)
	}
}

// TestPureRooms tries every pure room with every import that it must not have.
func TestPureRooms(t *testing.T) {
	for _, room := range []string{"pkg/action", "pkg/wire", "pkg/catalog", "pkg/catalog/file", "pkg/outcome", "pkg/patch", "pkg/sign"} {
		for _, imp := range []string{module + "/pkg/bus", module + "/pkg/invoke", nats, "os", "os/exec", "net", "net/http", "github.com/rs/zerolog", "log/slog"} {
			if room == "pkg/sign" && imp == "net/http" {
				continue // http.Header
			}
			require.NotEmpty(t, Violations(forge(room, imp, false)), "%s imports %s", room, imp)
		}
	}
}

// listPackages asks the go command for the packages of this module. A package
// that does not compile is listed too: -e.
func listPackages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var packages []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}
