package file

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// The two that a test of a target's keys needs.
var needed = map[string]string{"type": "webhook", "url": "https://a.example"}

// targetWith is a file whose one target has a key with a value; path leads there.
func targetWith(path []string, value string) string {
	for i := len(path) - 1; i > 0; i-- {
		value = "{" + path[i] + ": " + value + "}"
	}
	settings := path[0] + ": " + value
	for name, usual := range needed {
		if name != path[0] {
			settings += ", " + name + ": " + usual
		}
	}
	return "targets: {t: {" + settings + "}}"
}

// executionWith is a file whose one execution in a section has a key with a value.
func executionWith(section, key, value string) string {
	condition := map[string]string{"requests": "'*'", "responses": "'*'", "events": "'*'", "functions": "f"}[section]
	if key != "targets" {
		value += ", targets: []"
	}
	return section + ": {" + condition + ": {" + key + ": " + value + "}}"
}

// faultOf are the errors of a file, in words.
func faultOf(text string) string {
	_, problems := Parse("f.yaml", []byte(text))
	var all []string
	for _, p := range problems {
		if p.Severity == catalog.Error {
			all = append(all, p.Path+": "+p.String())
		}
	}
	return strings.Join(all, "; ")
}

// TestKeysAreThoseOfTheCheck: of each key, what the table says that a value may be
// is taken, and what it may not be is refused, at its path.
func TestKeysAreThoseOfTheCheck(t *testing.T) {
	t.Parallel()
	of := func(path []string) func(string) string {
		return func(value string) string {
			if at := strings.Join(path, "."); strings.HasPrefix(at, "breaker") && len(path) == 2 {
				other := map[string]string{"failures": "open: 1s", "open": "failures: 1"}[path[1]]
				return targetWith(path[:1], "{"+path[1]+": "+value+", "+other+"}")
			} else if at == "retry.initial" {
				return targetWith(path[:1], "{initial: "+value+", max: 24h}")
			} else if at == "retry.max" {
				return targetWith(path[:1], "{initial: 1ms, max: "+value+"}")
			}
			return targetWith(path, value)
		}
	}
	for _, k := range TargetKeys {
		checkKey(t, k, of([]string{k.Name}))
		for _, below := range k.Keys {
			path := []string{k.Name, below.Name}
			if k.Form == FormTextMap {
				path = []string{k.Name, "X", below.Name}
			}
			checkKey(t, below, of(path))
		}
	}
	for _, phase := range action.Phases {
		section := catalog.SectionKey(phase)
		for _, k := range ExecutionKeys {
			if k.Name == "targets" {
				continue
			}
			file := func(value string) string { return executionWith(section, k.Name, value) }
			if k.Name == "list" { // of a name, not of a condition
				file = func(value string) string { return section + ": {x: {list: " + value + ", targets: []}}" }
			}
			if len(k.Phases) > 0 && !has(k.Phases, phase) {
				require.NotEmpty(t, faultOf(file(some(k))), "%s in %s", k.Name, section)
				continue
			}
			checkKey(t, k, file)
		}
	}
	for _, k := range DocumentKeys {
		file := func(value string) string { return k.Name + ": " + value }
		checkKey(t, k, file)
		if k.Name == "defaults" {
			checkKey(t, k.Keys[0], func(value string) string { return "defaults: {timeout: " + value + "}" })
		}
	}
}

func has(phases []action.Phase, phase action.Phase) bool {
	for _, p := range phases {
		if p == phase {
			return true
		}
	}
	return false
}

// some is a value that a key may have.
func some(k Key) string {
	switch {
	case len(k.OneOf) > 0:
		return k.OneOf[0]
	case k.Form == FormDuration:
		return k.From.String()
	}
	return "1"
}

// checkKey tries the values at the bounds of a key, and behind them.
func checkKey(t *testing.T, k Key, file func(value string) string) {
	t.Helper()
	fits := func(value string) { t.Helper(); require.Empty(t, faultOf(file(value)), "%s: %.80s", k.Name, value) }
	wrong := func(value string) {
		t.Helper()
		require.Contains(t, faultOf(file(value)), k.Name, "%s: %.80s", k.Name, value)
	}
	wrap := func(value string) string {
		if k.Form == FormTexts {
			return "[" + value + "]"
		}
		return value
	}
	if k.Default != "" {
		fits(k.Default)
	}
	for _, value := range k.OneOf {
		fits(wrap(value))
		if k.Loose {
			fits("' " + strings.ToUpper(value) + " '")
		}
	}
	if len(k.OneOf) > 0 {
		wrong(wrap("5x"))
	}
	switch {
	case k.Most > 0:
		fits(fmt.Sprint(k.Least))
		fits(fmt.Sprint(k.Most))
		wrong(fmt.Sprint(k.Least - 1))
		wrong(fmt.Sprint(k.Most + 1))
	case k.To > 0:
		fits(k.From.String())
		fits(k.To.String())
		wrong((k.From - 1).String())
		wrong((k.To + 1).String())
		wrong("5")
	case k.Form == FormBool:
		fits("true")
		fits("false")
		wrong("yes")
	case k.Nothing:
		fits("[]")
		wrong("[/a]")
	case k.Form == FormTexts && len(k.OneOf) == 0:
		item := map[string]string{"^/": "/a"}[k.Pattern]
		if item == "" {
			item = "10.0.0.0/8"
		}
		fits("[" + strings.TrimSuffix(strings.Repeat(item+", ", k.Count), ", ") + "]")
		wrong("[" + strings.Repeat(item+", ", k.Count) + item + "]")
		if k.Length > 0 {
			fits("[" + strings.Repeat("x", k.Length) + "]")
			wrong("[" + strings.Repeat("x", k.Length+1) + "]")
		} else {
			wrong("[x]")
		}
	case k.Form == FormTextMap:
		entry := func(n int) (all string) {
			for i := range n {
				all += fmt.Sprintf("x%d: v, ", i)
			}
			return "{" + all + "}"
		}
		fits(entry(k.Count))
		wrong(entry(k.Count + 1))
		fits("{x: " + strings.Repeat("v", k.Length) + "}")
		wrong("{x: " + strings.Repeat("v", k.Length+1) + "}")
	}
	if k.Form == FormText && k.Length > 0 && k.Pattern == "" {
		fits(strings.Repeat("v", k.Length))
		wrong(strings.Repeat("v", k.Length+1))
	}
}

// TestKeysThatAreNeeded: leaving one out is an error, and leaving out another is
// none.
func TestKeysThatAreNeeded(t *testing.T) {
	t.Parallel()
	require.Empty(t, faultOf(""))
	require.Empty(t, faultOf("targets: {t: {type: call, url: 'https://a.example'}}"))
	require.Contains(t, faultOf("targets: {t: {url: 'https://a.example'}}"), "no type")
	require.Contains(t, faultOf("targets: {t: {type: call}}"), "no url")
	require.Contains(t, faultOf("events: {'*': {}}"), "targets")
	for _, k := range TargetKeys {
		_, is := needed[k.Name]
		require.Equal(t, is, k.Need, k.Name)
	}
	for _, k := range ExecutionKeys {
		require.Equal(t, k.Name == "targets", k.Need, k.Name)
	}
}

// TestDefaultsAreThoseOfTheReader: a key that is written with its default makes the
// same target as one that is left out.
func TestDefaultsAreThoseOfTheReader(t *testing.T) {
	t.Parallel()
	read := func(text string) action.Target {
		s, problems := Parse("f.yaml", []byte(text))
		require.NotNil(t, s, "%s: %v", text, problems)
		return s.Scopes[""].Targets["t"]
	}
	same := func(k Key, path ...string) {
		if k.Default == "" {
			return
		}
		with, without := read(targetWith(path, k.Default)), read(targetWith([]string{"paused"}, "false"))
		if k.Name == "max_answer" {
			require.Equal(t, with.AnswerLimit(), without.AnswerLimit())
			with.MaxAnswer = 0
		}
		require.Equal(t, without, with, path)
	}
	for _, k := range TargetKeys {
		same(k, k.Name)
		for _, below := range k.Keys {
			same(below, k.Name, below.Name)
		}
	}
	require.Equal(t, action.DefaultMaxStop, func() time.Duration {
		for _, k := range ExecutionKeys {
			if k.Name == "max_stop" {
				d, err := time.ParseDuration(k.Default)
				require.NoError(t, err)
				return d
			}
		}
		return 0
	}())
}
