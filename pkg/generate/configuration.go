package generate

import (
	"fmt"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
)

// configurationHead stands before the tables. A test runs what it shows.
const configurationHead = `# Configuration

Every key of a configuration file. This page is written from the table that ` + "`callout check`" + ` reads, by
` + "`task generate`" + `; a test holds it there, and others hold the bounds against the check. What the words mean is told in
[concepts.md](concepts.md).

Write ` + "`callout.yaml`" + `. The first line gives an editor the names, the bounds and the help of every key
([callout.schema.json](../schemas/callout.schema.json); a path to a copy of it works as well):

` + "```yaml callout.yaml" + `
# yaml-language-server: $schema=https://raw.githubusercontent.com/callout-hq/callout/main/schemas/callout.schema.json
defaults: {timeout: 5s}
targets:
  name: {type: call, url: "http://127.0.0.1:9000/name", timeout: 1s, interrupt_on_error: true}
  audit:
    type: webhook
    url: http://127.0.0.1:9000/audit
    headers: {X-Team: identity}
    retry: {initial: 2s, max: 1m, max_age: 72h}
    lanes: 4
requests:
  /acme.user.v1.UserService/CreateUser: {targets: [{target: name}]}
  acme.user.v1.UserService: {targets: [{include: usual}]}
  usual: {targets: [{target: name}]} # a name without a dot: a list, made to be included
events:
  "user.*": {targets: [{target: audit}], on_exhausted: stop, max_stop: 24h}
orgs:
  acme:
    events:
      user.removed: {targets: [{target: audit}]}
` + "```" + `

` + "```sh" + `
callout check -f callout.yaml
` + "```" + `

` + "```text answer" + `
callout.yaml: 0 errors, 0 warnings
` + "```" + `

A mistake is told with its line and column, and with what was meant. Write ` + "`flawed.yaml`" + `:

` + "```yaml flawed.yaml" + `
targets:
  audit: {type: webhok, url: "http://127.0.0.1:9000/audit", lanes: 5}
` + "```" + `

` + "```sh" + `
callout check -f flawed.yaml || echo "exit code $?"
` + "```" + `

` + "```text answer" + `
flawed.yaml:2:3: warning: nothing uses the target "audit" [unused_target]
flawed.yaml:2:17: error: type is webhook, call or async, not "webhok"; did you mean "webhook"? [bad_value]
flawed.yaml:2:69: error: lanes is 1, 4, 16 or 64 [out_of_range]
flawed.yaml: 2 errors, 1 warning
exit code 1
` + "```" + `

- A file is YAML 1.2, one document. A folder is one configuration: all its files together.
- Any single value may be written as a text: ` + "`lanes: \"4\"`" + `.
- A duration has its unit: ` + "`500ms`, `10s`, `1m30s`, `24h`" + `.
- A key that is not known is an error, never passed over. So is one that stands twice.
- Together the files have at most %d bytes, all executions at most %d targets once their includes are put in, and
  an instance %d lines (an event execution times its targets times their lanes).
`

// Configuration writes docs/configuration.md, the reference of configuration files.
func Configuration() string {
	var b strings.Builder
	fmt.Fprintf(&b, configurationHead, file.MaxFile, catalog.MaxTurns, catalog.MaxLines)
	table(&b, "The file", "", file.DocumentKeys)
	table(&b, "A target", "`targets: {NAME: {…}}`", file.TargetKeys)
	table(&b, "An execution or a list", "`requests: {CONDITION: {…}}`, and the same under `responses`, `events` and `functions`", file.ExecutionKeys)
	return b.String()
}

func table(b *strings.Builder, title, where string, keys []file.Key) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if where != "" {
		b.WriteString(where + "\n\n")
	}
	b.WriteString("| key | value | left out | bounds | |\n|---|---|---|---|---|\n")
	for _, k := range keys {
		row(b, "", k)
		above := k.Name + "."
		if k.Form == file.FormTextMap {
			above += "NAME."
		}
		if k.Form == file.FormMapping || k.Form == file.FormEntries || k.Form == file.FormTextMap {
			for _, below := range k.Keys {
				row(b, above, below)
				if below.Form == file.FormMapping || below.Form == file.FormTextOr {
					for _, last := range below.Keys {
						row(b, above+below.Name+".", last)
					}
				}
			}
		}
	}
}

func row(b *strings.Builder, above string, k file.Key) {
	name := "`" + above + k.Name + "`"
	if k.Also != "" {
		name += ", `" + k.Also + "`"
	}
	form := string(k.Form)
	switch k.Form {
	case file.FormMapping, file.FormNamed, file.FormSection, file.FormEntries, file.FormTextMap, file.FormTextOr:
		form = map[file.Form]string{file.FormMapping: "mapping", file.FormNamed: "mapping by name", file.FormSection: "mapping by condition",
			file.FormEntries: "list of mappings", file.FormTextOr: "text or mapping", file.FormTextMap: "mapping of texts"}[k.Form]
	case file.FormTexts:
		form = "list of texts"
	}
	out := k.Unset
	switch {
	case k.Need:
		out = "an error"
	case k.Default != "":
		out = "`" + k.Default + "`"
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", name, form, out, boundsOf(k), k.Says)
}

// boundsOf are the bounds of a key in words.
func boundsOf(k file.Key) string {
	var all []string
	if len(k.OneOf) > 0 {
		all = append(all, "`"+strings.Join(k.OneOf, "`, `")+"`")
	}
	if k.Most > 0 {
		all = append(all, fmt.Sprintf("%d to %d", k.Least, k.Most))
	}
	if k.To > 0 {
		all = append(all, catalog.ShortDuration(k.From)+" to "+catalog.ShortDuration(k.To))
	}
	if k.Count > 0 {
		all = append(all, fmt.Sprintf("at most %d", k.Count))
	}
	if k.Length > 0 {
		all = append(all, fmt.Sprintf("%d bytes", k.Length))
	}
	if k.Nothing {
		all = append(all, "empty")
	}
	switch { // where it may stand
	case len(k.Phases) == 1 && k.Phases[0] == action.OnEvent:
		all = append(all, "under `events` only")
	case len(k.Phases) > 1:
		all = append(all, "not under `events`")
	}
	return strings.Join(all, "; ")
}
