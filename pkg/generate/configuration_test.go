package generate

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/contract/contracttest"
)

func TestConfigurationDocument(t *testing.T) { written(t, configurationFile, Configuration()) }

func TestConfigurationSchema(t *testing.T) {
	text, err := Schema()
	require.NoError(t, err)
	written(t, schemaFile, text)
}

// verdict is what the check and the schema say of a configuration.
type verdict struct {
	from, text, check, schema string
	document                  any
}

// judge holds configurations against the schema, and the check. What is no YAML is
// left out: it has no form.
func judge(t *testing.T, configurations map[string]string) (all []verdict) {
	t.Helper()
	text, err := Schema()
	require.NoError(t, err)
	var documents []any
	for from, config := range configurations {
		var document any
		if yaml.UnmarshalWithOptions([]byte(config), &document, yaml.AllowDuplicateMapKey()) != nil {
			continue
		}
		v := verdict{from: from, text: config, document: document}
		_, problems := file.Parse("f.yaml", []byte(config))
		for _, p := range problems {
			if p.Severity == catalog.Error {
				v.check += p.String() + "\n"
			}
		}
		documents, all = append(documents, document), append(all, v)
	}
	check, err := contracttest.CheckBy([]byte(text), "")
	require.NoError(t, err)
	for i, document := range documents {
		raw, err := json.Marshal(document)
		require.NoError(t, err)
		if err := check(raw); err != nil {
			all[i].schema = err.Error()
		}
	}
	return all
}

// configurationsOfTheRepository are those of files, of documents, and of the texts
// in Go files; places of targets in them are filled in.
func configurationsOfTheRepository(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	fill := strings.NewReplacer("HOOKS", "http://127.0.0.1:9000", "HTTPS", "https://127.0.0.1:9000", "URL", "http://127.0.0.1:9000", "KEY", "signing_key: {env: A_KEY}")
	inDocuments := regexp.MustCompile("(?ms)^```ya?ml[^\n]*\n(.*?)^```")
	require.NoError(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && (d.Name() == ".git" || d.Name() == ".tools") {
				return filepath.SkipDir
			}
			return err
		}
		ending := filepath.Ext(path)
		if ending != ".yaml" && ending != ".md" && ending != ".go" {
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		switch ending {
		case ".yaml":
			all[path] = string(raw)
		case ".md":
			for n, found := range inDocuments.FindAllSubmatch(raw, -1) {
				all[path+" "+strconv.Itoa(n)] = string(found[1])
			}
		case ".go":
			for at, text := range textsOf(path, raw) {
				all[at] = fill.Replace(text)
			}
		}
		return nil
	}))
	return all
}

// textsOf are the texts in a Go file that may be configurations, by their places.
func textsOf(path string, source []byte) map[string]string {
	all := map[string]string{}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, path, source, parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING || !strings.Contains(literal.Value, "targets:") {
			return true
		}
		if text, err := strconv.Unquote(literal.Value); err == nil {
			all[path+":"+strconv.Itoa(set.Position(literal.Pos()).Line)+" "+strconv.Itoa(len(all))] = text
		}
		return true
	})
	return all
}

// TestSchemaTakesWhatTheCheckTakes: every configuration of the repository that is
// valid.
func TestSchemaTakesWhatTheCheckTakes(t *testing.T) {
	t.Parallel()
	valid := 0
	for _, v := range judge(t, configurationsOfTheRepository(t)) {
		if v.check == "" {
			valid++
			require.Empty(t, v.schema, "%s:\n%s", v.from, v.text)
		}
	}
	require.Greater(t, valid, 100)
}

// byMeaning are the codes of mistakes that no form shows.
var byMeaning = regexp.MustCompile(`\[(unknown_target|unknown_include|include_cycle|call_in_event|duplicate_condition|duplicate_key|bad_condition|bad_name|bad_header|misplaced|out_of_range|bad_url|too_many|bad_value)\]$`)

// TestSchemaRefusesWhatHasNoForm: of the broken configurations those whose mistake
// is one of form, a key that is not known, a value of another type, one that is
// missing.
func TestSchemaRefusesWhatHasNoForm(t *testing.T) {
	t.Parallel()
	refused := 0
	for _, v := range judge(t, configurationsOfTheRepository(t)) {
		for line := range strings.Lines(v.check) {
			if line = strings.TrimSpace(line); !byMeaning.MatchString(line) && formOf.MatchString(line) {
				refused++
				require.NotEmpty(t, v.schema, "%s: %s\n%s", v.from, line, v.text)
			}
		}
	}
	require.Greater(t, refused, 20)
}

// formOf are the codes of mistakes of form.
var formOf = regexp.MustCompile(`\[(unknown_key|wrong_type|missing|not_yet)\]$`)

// TestSchemaKnowsTheBounds that a schema can have.
func TestSchemaKnowsTheBounds(t *testing.T) {
	t.Parallel()
	const usual = "type: webhook, url: 'https://a.example'"
	target := func(settings string) string { return "targets: {t: {" + usual + ", " + settings + "}}" }
	bad, good := map[string]string{}, map[string]string{}
	for _, settings := range []string{"lanes: 5", "lanes: 4.5", "concurrency: 0", "concurrency: 10001", "retry: {attempts: 1001}", "retry: {attempts: -1}",
		"paused: yes", "timeout: 5", "timeout: 5 s", "timeout: s", "timeout: []", "mapping: mix", "signature: []", "signature: [zitadel, zitadel]", "signature: [rsa]", "allow: [a]",
		"allow: /a", "rate: 5", "rate: 5/d", "breaker: {failures: 5}", "breaker:", "signing_key: hunter2", "signing_key: {}", "signing_key: {env: A, file: b}",
		"signing_key: {env: 1a}", "payload: jws", "jwt_algorithm: es256", "content_type: xml", "signature: [v1a]", "redact: [a]", "mask: /a", "frob: 1", "retry: {frob: 1}", "egress: {alow: []}", "headers: [a]", "headers: {X: [a]}",
		"headers: {X: null}", "max_answer: 8388609", "async: maybe"} {
		bad[settings] = target(settings)
	}
	for settings, text := range map[string]string{
		"no type": "targets: {t: {url: 'https://a.example'}}", "no url": "targets: {t: {type: call}}", "no target": "targets: {t: null}",
		"ftp": "targets: {t: {type: call, url: 'ftp://a.example'}}", "a fragment": "targets: {t: {type: call, url: 'https://a.example/#a'}}",
		"another type": "targets: {t: {type: pigeon, url: 'https://a.example'}}", "version 2": "version: 2", "no list": "events: {'*': {}}",
		"two in an entry": "events: {'*': {targets: [{target: a, include: b}]}}", "an entry that is a text": "events: {'*': {targets: [a]}}",
		"of a call": "events: {'*': {targets: [], on_unavailable: fail}}", "of an event": "requests: {'*': {targets: [], on_exhausted: stop}}",
		"of an event in functions": "functions: {f: {targets: [], max_stop: 1s}}", "no id": "orgs: {'': {}}", "a key": "frob: {}", "a list": "[]",
	} {
		bad[settings] = text
	}
	for _, settings := range []string{"lanes: 16", "lanes: '16'", "concurrency: 10000", "retry: {attempts: 1000}", "retry:", "egress:", "paused: 'true'", "timeout: 1m30.5s",
		"timeout: .5s", "labels: {a: 1, b: true, c: ''}", "Interrupt_on_error: true", "signing_key: {file: a}", "redact: []", "redact: [/request/a], mask: [/response]", "payload: cloudevents", "rate: 5/h"} {
		good[settings] = target(settings)
	}
	good["ZITADEL's words"] = "targets: {t: {type: ' REST  Webhook', url: 'https://a.example'}, u: {type: rest request response, url: 'https://a.example'}}"
	good["nothing"] = ""
	good["nothing behind a key"] = "targets:\nevents:\norgs: {acme: }\ndefaults:"
	for _, v := range judge(t, bad) {
		require.NotEmpty(t, v.check, "the check takes it: %s", v.from)
		require.NotEmpty(t, v.schema, v.from)
		delete(bad, v.from)
	}
	for _, v := range judge(t, good) {
		require.Empty(t, v.check, v.from)
		require.Empty(t, v.schema, v.from)
		delete(good, v.from)
	}
	require.Empty(t, bad, "these are no YAML")
	require.Empty(t, good, "these are no YAML")
}
