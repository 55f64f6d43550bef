package cli_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
)

// unconfigured starts `callout dev` without a file, and gives a way to run
// commands against it.
func unconfigured(t *testing.T, args ...string) (p *process, callout func(stdin string, args ...string) result) {
	t.Helper()
	p = start(t, "callout", nil, append([]string{"dev", "--data", "", "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0"}, args...)...)
	return p, func(stdin string, args ...string) result {
		t.Helper()
		return runWith(t, "callout", runOptions{dir: examples, stdin: stdin, env: []string{"CALLOUT_SERVER=" + p.ready["http"]}}, args...)
	}
}

const edited = `
targets:
  audit: {type: webhook, url: https://a.example/audit, lanes: 4}
  new: {type: webhook, url: https://a.example/new}
requests:
  "*": {targets: [{target: new}]}
events:
  user_added: {condition: user.added, targets: [{target: audit}]}
`

func TestApply(t *testing.T) {
	t.Parallel()
	_, callout := unconfigured(t)
	const before = `
targets:
  audit: {type: webhook, url: https://a.example/audit}
  old: {type: webhook, url: https://a.example/old}
events:
  user.added: {targets: [{target: audit}]}
  "user.*": {targets: [{target: old}]}
orgs:
  acme: {targets: {crm: {type: webhook, url: https://a.example/crm}}, events: {user.added: {targets: [{target: crm}]}}}
`
	require.Equal(t, result{0, `+ target audit
+ target old
+ execution event user.*
+ execution event user.added
+ target crm of organization acme
+ execution event user.added of organization acme
instance default: 6 objects added, 0 changed, 0 removed; revision 2 is in force
`, ""}, callout(before, "apply", "-f", "-"))
	require.Equal(t, result{0, "instance default: nothing to change, revision 2 is in force\n", ""}, callout(before, "apply", "-f", "-", "--dry-run"))

	const plan = `~ target audit
    lanes: 1 → 4
+ target new
+ execution request *
- execution event user.added
+ execution event user_added (user.added)
`
	require.Equal(t, result{1, plan + "instance default: 3 objects added, 1 changed, 1 removed; nothing was changed yet (--dry-run)\n", ""},
		callout(edited, "apply", "-f", "-", "--dry-run"))
	require.Equal(t, result{0, plan + "instance default: 3 objects added, 1 changed, 1 removed; revision 3 is in force\n", ""},
		callout(edited, "apply", "-f", "-"))
	require.Equal(t, result{0, `- target old
- execution event user.*
- target crm of organization acme
- execution event user.added of organization acme
instance default: 0 objects added, 0 changed, 4 removed; revision 4 is in force
`, ""}, callout(edited, "apply", "-f", "-", "--prune"))

	got := callout(edited, "apply", "-f", "-", "-o", "json")
	require.Equal(t, result{0, `{"instance":"default","revision":4,"changed":false,"changes":[],"problems":[],"objects":4}` + "\n", ""}, got)
	got = callout(edited, "apply", "-f", "-", "-o", "yaml", "--dry-run", "--prune")
	require.Equal(t, "instance: default\nrevision: 4\nchanged: false\nchanges: []\nproblems: []\nobjects: 4\n", got.out)
}

func TestApplyRefused(t *testing.T) {
	t.Parallel()
	_, callout := unconfigured(t)
	got := callout("", "apply", "-f", "epic.yaml")
	require.Equal(t, 1, got.code)
	require.Empty(t, got.out)
	require.Equal(t, 10, strings.Count(got.err, "\nepic.yaml:")+1-strings.Count(got.err, ": warning: "))
	require.True(t, strings.HasSuffix(got.err, "\ncallout: the configuration is refused: 10 errors; what is in force stays\n"), got.err)

	require.Equal(t, result{1, "", "stdin:1:10: error: the file is not UTF-8 text [syntax]\ncallout: the configuration is refused: 1 error; what is in force stays\n"},
		callout("targets: \xff", "apply", "-f", "-"))
	require.Equal(t, result{1, "", "callout: the configuration cannot be read: open lost.yaml: no such file or directory (give another with -f)\n"},
		callout("", "apply", "-f", "lost.yaml"))
	require.Equal(t, result{1, "", "stdin:1:11: error: the file names the instance \"acme\", and it is for \"other\" [other_instance]\n" +
		"callout: the configuration is refused: 1 error; what is in force stays\n"},
		callout("instance: acme\n", "apply", "-f", "-", "--instance", "other"))
	require.Equal(t, result{1, "", "callout: there is no such instance (give another --instance, or make this one with \"callout create instance NAME\") [unknown_instance]\n"},
		callout("", "export", "--instance", "acme"))

	// The file's instance, the flag's, and that of neither.
	require.Contains(t, callout("instance: acme\n", "apply", "-f", "-", "--allow-empty").out, "instance acme: ")
	require.Contains(t, callout("version: 1\n", "apply", "-f", "-", "--allow-empty", "--instance", "beta").out, "instance beta: ")
	require.Contains(t, callout("version: 1\n", "apply", "-f", "-", "--allow-empty").out, "instance default: nothing to change")
	require.Equal(t, result{0, "version: 1\ninstance: beta\n", ""}, callout("", "export", "--instance", "beta"))
}

// TestExport: what comes out goes in again.
func TestExport(t *testing.T) {
	t.Parallel()
	_, callout := unconfigured(t)
	keys := map[string]string{"{env: DISPLAYNAME_KEY}": "", "{file: /run/secrets/audit-key}": ""}
	raw, err := os.ReadFile(filepath.Join(examples, "callout.yaml"))
	require.NoError(t, err)
	text := string(raw)
	for from := range keys { // they are not on this machine
		text = strings.Replace(text, "signing_key: "+from, "", 1)
	}
	require.Zero(t, callout(text, "apply", "-f", "-").code)
	exported := callout("", "export")
	require.Zero(t, exported.code, exported.err)
	want, _ := file.Parse("callout.yaml", []byte(text))
	got, _ := file.Parse("export.yaml", []byte(exported.out))
	require.Empty(t, catalog.Diff(want, got))
	require.Contains(t, callout(exported.out, "apply", "-f", "-", "--dry-run", "--prune").out, "nothing to change, revision 2")
	require.Contains(t, callout("", "export", "-o", "json").out, `{"instance":"default","revision":2,"configuration":"version: 1\n`)
}

func TestTargetPause(t *testing.T) {
	t.Parallel()
	_, callout := unconfigured(t)
	require.Zero(t, callout(`
targets: {audit: {type: webhook, url: https://a.example/a}, off: {type: webhook, url: https://a.example/b, paused: true}}
orgs: {acme: {targets: {crm: {type: webhook, url: https://a.example/crm}}}}
`, "apply", "-f", "-").code)
	for range 2 {
		require.Equal(t, result{0, "target audit is paused; \"callout target resume\" lets it run again\n", ""},
			callout("", "target", "pause", "audit", "--reason", "moving house"))
	}
	for range 2 {
		require.Equal(t, result{0, "target audit runs again\n", ""}, callout("", "target", "resume", "audit"))
	}
	require.Equal(t, result{0, "{}\n", ""}, callout("", "target", "pause", "crm", "--org", "acme", "-o", "json"))
	require.Equal(t, result{0, "target off stays paused: the configuration says \"paused: true\"; take that out\n", ""}, callout("", "target", "resume", "off"))
	require.Equal(t, result{1, "", "callout: no target is named \"adit\"; did you mean \"audit\"? [not_found]\n"}, callout("", "target", "pause", "adit"))
}

// TestApplyToAFollowedFile is refused, and says what to do.
func TestApplyToAFollowedFile(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"callout", "dispatcher"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			args := []string{"-f", configuration(t, edited), "--data", "", "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0"}
			if program == "callout" {
				args = append([]string{"dev"}, args...)
			} else {
				args = append(args, "--embedded-nats")
			}
			p := start(t, program, nil, args...)
			apply := func(text string, args ...string) result {
				return runWith(t, "callout", runOptions{stdin: text}, append([]string{"apply", "-f", "-", "--server", p.ready["http"] + "/"}, args...)...)
			}
			require.Equal(t, result{1, "", "callout: target audit cannot be changed: it belongs to the file callout.yaml, which is followed; change the file, or start without it [file_owned]\n"},
				apply("targets: {audit: {type: webhook, url: https://b.example}}"))
			require.Equal(t, result{1, "", "callout: target audit cannot be removed: it belongs to the file callout.yaml, which is followed; change the file, or start without it [file_owned]\n"},
				apply("version: 1\n", "--prune", "--allow-empty"))
			require.Zero(t, apply("targets: {beside: {type: webhook, url: https://b.example}}").code)
			code, _ := p.stop(t, interrupt)
			require.Zero(t, code)
		})
	}
}

// TestServerAway: exit code 3 when nobody answers, 1 when somebody else does.
func TestServerAway(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	for _, args := range [][]string{{"export"}, {"apply", "-f", "epic-mended.yaml"}, {"explain", "event", "user.added"}, {"target", "pause", "x"}, {"target", "resume", "x"}} {
		got := runWith(t, "callout", runOptions{dir: examples}, append(args, "--server", nobody)...)
		require.Equal(t, 3, got.code)
		require.Empty(t, got.out)
		require.Regexp(t, `^callout: no dispatcher answers at `+nobody+`: dial tcp \S+: connect: connection refused \(start one with "callout dev", or give another --server URL\)\n$`, got.err)

		got = runWith(t, "callout", runOptions{dir: examples}, append(args, "--server", other.URL)...)
		require.Equal(t, 1, got.code)
		require.Equal(t, "callout: "+other.URL+" does not answer as a dispatcher of this version: 404 Not Found (is --server right?)\n", got.err)
	}
}

// TestManageUsage: command lines that cannot be meant are refused before
// anybody is asked.
func TestManageUsage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		err  string
	}{
		{[]string{"apply"}, "no FILE is given: which is to be applied? - reads standard input\nSee \"callout apply --help\"."},
		{[]string{"apply", "-f", "x", "-o", "xml"}, "--output \"xml\": table, json, yaml are known\nSee \"callout apply --help\"."},
		{[]string{"export", "-o", "table"}, "--output \"table\": yaml, json are known\nSee \"callout export --help\"."},
		{[]string{"export", "--server", "127.0.0.1:8080"}, "--server \"127.0.0.1:8080\" is no URL, such as http://127.0.0.1:8080\nSee \"callout export --help\"."},
		{[]string{"export", "--server", "nats://127.0.0.1:4222"}, "--server \"nats://127.0.0.1:4222\" is no URL, such as http://127.0.0.1:8080\nSee \"callout export --help\"."},
		{[]string{"explain", "request"}, "callout explain takes what happens and its name, such as: event user.added\nSee \"callout explain --help\"."},
		{[]string{"explain", "query", "x"}, "\"query\": request, response, function or event are known\nSee \"callout explain --help\"."},
		{[]string{"match", "request", "s.S/M"}, "\"s.S/M\": a method is written /package.Service/Method, such as /zitadel.user.v2.UserService/AddHumanUser\nSee \"callout explain --help\"."},
		{[]string{"target", "frob"}, "unknown command \"frob\" for \"callout target\"\nSee \"callout target --help\"."},
		{[]string{"target", "pause"}, "callout target pause takes the NAME of one target, not 0\nSee \"callout target pause --help\"."},
	} {
		got := run(t, "callout", tt.args...)
		require.Equal(t, result{2, "", "callout: " + tt.err + "\n"}, got, "%v", tt.args)
	}
}

// TestAFileThatCannotBeApplied ends the process, although the file is followed
// by then.
func TestAFileThatCannotBeApplied(t *testing.T) {
	t.Parallel()
	file := configuration(t, "targets: {a: {type: webhook, url: https://a.example, signing_key: {env: THERE_IS_NONE}}}\n")
	flags := []string{"-f", file, "--data", "", "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0", "--log-level", "error"}
	for _, got := range []result{
		run(t, "dispatcher", append(flags, "--embedded-nats")...),
		run(t, "callout", append([]string{"dev"}, flags...)...),
	} {
		require.Equal(t, result{1, "", "callout: catalog: the signing key cannot be used (bad_field), field targets.a.signing_key, target a: " +
			"the environment variable THERE_IS_NONE is not set\n"}, got)
	}
}
