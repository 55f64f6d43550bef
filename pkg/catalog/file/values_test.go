package file

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// settingsOf reads a target of the given settings, and gives what of its form is
// wrong, as LINE:COL of the settings and the message.
func settingsOf(settings string) (action.Target, []string) {
	const head = "targets: {t: {type: webhook, url: 'https://a.example', "
	s, problems, _ := ReadFiles(context.Background(), "", []File{{"f.yaml", []byte(head + settings + "}}")}})
	var said []string
	for _, p := range problems {
		said = append(said, fmt.Sprintf("%d %s", p.Col-len(head)-1, p.Message))
	}
	if s == nil {
		return action.Target{}, said
	}
	return s.Scopes[""].Targets["t"], said
}

// TestValues: how each kind of value may be written.
func TestValues(t *testing.T) {
	for settings, want := range map[string]func(*action.Target){
		"timeout: 500ms":             func(x *action.Target) { x.Timeout = 500 * time.Millisecond },
		"timeout: '1m30s'":           func(x *action.Target) { x.Timeout = 90 * time.Second },
		"interrupt_on_error: true":   func(x *action.Target) { x.InterruptOnError = true },
		"interrupt_on_error: 'true'": func(x *action.Target) { x.InterruptOnError = true },
		"Interrupt_on_error: true":   func(x *action.Target) { x.InterruptOnError = true },
		"async: true":                func(x *action.Target) { x.Kind = action.Async },
		"async: false":               func(*action.Target) {},
		"payload: json":              func(*action.Target) {},
		"payload: jwt":               func(t *action.Target) { t.Payload = action.PayloadJWT },
		"payload: jwe":               func(t *action.Target) { t.Payload = action.PayloadJWE },
		"jwt_algorithm: ed25519":     func(*action.Target) {},
		"jwt_algorithm: rs256":       func(t *action.Target) { t.JWTAlgorithm = action.RS256 },
		"content_type: json":         func(*action.Target) {},
		"content_type: jose":         func(t *action.Target) { t.ContentType = action.ContentJOSE },
		"signature: [standard_v1a]":  func(t *action.Target) { t.Signatures = []action.Signature{action.SignStandardV1a} },
		"lanes: '4'":                 func(x *action.Target) { x.Lanes = 4 },
		"rate: 100/s":                func(x *action.Target) { x.Rate = action.Rate{N: 100, Per: time.Second} },
		"rate: 600/m":                func(x *action.Target) { x.Rate = action.Rate{N: 600, Per: time.Minute} },
		"rate: 5/h":                  func(x *action.Target) { x.Rate = action.Rate{N: 5, Per: time.Hour} },
		"egress: {allow: [10.0.0.0/8, '::']}": func(x *action.Target) {
			x.Egress = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::/128")}
		},
		"labels: {1: 2, on: yes, no: null}": func(x *action.Target) { x.Labels = map[string]string{"1": "2", "on": "yes"} },
		"labels: {a: 0x10, b: 1e3, c: .5, d: 2026-01-02, e: ~x}": func(x *action.Target) {
			x.Labels = map[string]string{"a": "0x10", "b": "1e3", "c": ".5", "d": "2026-01-02", "e": "~x"}
		},
		`labels: {a: "tab\tüé", b: 'it''s', c: ""}`: func(x *action.Target) { x.Labels = map[string]string{"a": "tab\tüé", "b": "it's", "c": ""} },
		"headers: {}":                         func(x *action.Target) { x.Headers = map[string]string{} },
		"signature: [standard]":               func(x *action.Target) { x.Signatures = []action.Signature{action.SignStandard} },
		"signing_key: {env: A_KEY}":           func(x *action.Target) { x.SigningKey.Env = "A_KEY" },
		"signing_key: {file: /run/key}":       func(x *action.Target) { x.SigningKey.File = "/run/key" },
		"breaker: {failures: 5, open: 30s}":   func(x *action.Target) { x.Breaker = action.Breaker{Failures: 5, Open: 30 * time.Second} },
		"retry: {initial: 1s, attempts: 3}":   func(x *action.Target) { x.Retry.Initial, x.Retry.Attempts = time.Second, 3 },
		"retry: {}":                           func(*action.Target) {},
		"payload: cloudevents, mask: [/a]":    func(x *action.Target) { x.Payload, x.Mask = action.PayloadCloudEvents, []string{"/a"} },
		"paused: true, redact: [/a]":          func(x *action.Target) { x.Paused, x.Redact = true, []string{"/a"} },
		"max_answer: 9, concurrency: 8":       func(x *action.Target) { x.MaxAnswer, x.Concurrency = 9, 8 },
		"mapping: replace, allow: [/a, '/b']": func(x *action.Target) { x.Mapping, x.Allow = action.Replace, []string{"/a", "/b"} },
	} {
		x := catalog.WithDefaults(action.Target{Name: "t", Kind: action.Webhook, URL: "https://a.example"})
		want(&x)
		got, said := settingsOf(settings)
		if settings == "labels: {1: 2, on: yes, no: null}" {
			require.Equal(t, []string{`24 "no" has no value`}, said)
			continue
		}
		require.Empty(t, said, settings)
		require.Equal(t, x, got, settings)
	}
}

// TestValuesOfAnotherForm: what is wrong, and where.
func TestValuesOfAnotherForm(t *testing.T) {
	for settings, want := range map[string]string{
		"timeout: 5":                           `9 "timeout" is a duration with its unit, such as 500ms, 10s, 5m or 24h`,
		"timeout: [5s]":                        `9 "timeout" takes a single value, not a list`,
		"timeout: {}":                          `9 "timeout" takes a single value, not a mapping`,
		"paused: yes":                          `8 "paused" is true or false`,
		"paused: True":                         `8 "paused" is true or false`,
		"lanes: 4.0":                           `7 "lanes" is a whole number`,
		"lanes: 0x4":                           `7 "lanes" is a whole number`,
		"lanes: 99999999999999999999":          `7 "lanes" is a whole number`,
		"lanes: 0":                             `7 "lanes" is at least 1`,
		"concurrency: -1":                      `13 "concurrency" is at least 1`,
		"rate: 5":                              `6 rate is a number per second, minute or hour, such as 100/s, 600/m or 5/h`,
		"rate: 5/d":                            `6 rate is a number per second, minute or hour, such as 100/s, 600/m or 5/h`,
		"rate: x/s":                            `6 rate is a number per second, minute or hour, such as 100/s, 600/m or 5/h`,
		"rate: 0/s":                            `6 rate is at least 1; without a rate there is no limit`,
		"rate: [1/s]":                          `6 "rate" takes a single value, not a list`,
		"allow: /a":                            `7 "allow" takes a list such as [a, b], not a single value`,
		"allow: [/a, [/b]]":                    `12 a single value belongs here, not a list`,
		"headers: [a]":                         `9 "headers" takes a mapping of names and values, not a list`,
		"headers: {X: [a]}":                    `13 "X" takes a text, {env: NAME}, {file: PATH} or {secret: NAME}, not a list`,
		"egress: {allow: [10.0.0.1%eth0]}":     `17 an address range is written like 10.0.0.0/8, 10.1.2.3 or fd00::/8`,
		"egress: {allow: ['fe80::1%eth0']}":    `17 an address range is written like 10.0.0.0/8, 10.1.2.3 or fd00::/8`,
		"egress: {allow: [[10.0.0.0/8]]}":      `17 a single value belongs here, not a list`,
		"egress: {allow: [10.0.0.0/33]}":       `17 an address range is written like 10.0.0.0/8, 10.1.2.3 or fd00::/8`,
		"egress: {alow: []}":                   `9 unknown key "alow"; did you mean "allow"?`,
		"idle_time: 0s":                        `11 idle_time is more than 0; keep_alive: false keeps no connection at all`,
		"tls: {ca: hunter2}":                   `10 ca cannot be used: there is no certificate in it: it is the text of one in PEM, which begins with -----BEGIN CERTIFICATE-----`,
		"tls: {server_name: }":                 ``,
		"breaker: {failures: 5}":               `0 breaker needs both failures and open, such as {failures: 5, open: 30s}`,
		"payload: [json]":                      `9 "payload" takes a single value, not a list`,
		"signing_key: hunter2":                 `13 signing_key is {env: NAME} or {file: PATH}; the key itself never stands in this file`,
		"signing_key: [hunter2]":               `13 signing_key is {env: NAME} or {file: PATH}; the key itself never stands in this file`,
		"signing_key: {}":                      `13 signing_key is {env: NAME} or {file: PATH}; left out, a key is made and kept`,
		"signing_key: {env: ''}":               `19 "env" has no value`,
		"async: maybe":                         `7 "async" is true or false`,
		"retry: 5":                             `7 a mapping of keys and values belongs here, not a single value`,
		"timeout: 5s, timeout: 6s":             ``,
		"interrupt_on_error: true, frob: true": `26 unknown key "frob"; known are type, url, timeout, interrupt_on_error, async, mapping, allow, headers, retry, signing_key, payload, jwt_algorithm, content_type, signature, lanes, concurrency, rate, breaker, max_answer, keep_alive, idle_time, tls, egress, paused, labels, usable_by, redact, mask`,
	} {
		_, said := settingsOf(settings)
		require.Len(t, said, 1, "%s: %s", settings, said)
		if want != "" {
			require.Equal(t, want, said[0], settings)
		}
		require.NotContains(t, said[0], "hunter2", "what may be a key is not repeated")
	}
}

// TestKindsAreReadInEverySpelling: ours, and those of the first examples.
func TestKindsAreReadInEverySpelling(t *testing.T) {
	for spelling, want := range kinds {
		for _, written := range []string{spelling, strings.ToUpper(spelling), "  " + strings.ReplaceAll(spelling, " ", "   ") + " "} {
			s, problems, _ := ReadFiles(context.Background(), "", []File{{"f.yaml", []byte("targets: {t: {url: 'https://a.example', type: '" + written + "'}}")}})
			require.Empty(t, problems, written)
			require.Equal(t, want, s.Scopes[""].Targets["t"].Kind, written)
		}
	}
	s, _, _ := ReadFiles(context.Background(), "", []File{{"f.yaml", []byte("function: {claims: {targets: []}}")}})
	require.Len(t, s.Scopes[""].Sections[action.Function], 1, "the section of functions had another name")
}

// TestScalarsAreReadBack: whatever a text is, it stands in a file as itself, as
// a value and as a key.
func TestScalarsAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(awkward(30), rapid.StringOfN(rapid.SampledFrom([]rune("\t\n\r \u0085\u2028\ufeff\u00a0a:#")), 0, 8, -1)).Draw(t, "text")
		rep := &catalog.Report{}
		root, ok := readTree(context.Background(), []byte(scalarText(text)+": "+scalarText(text)+"\n"), rep)
		require.True(t, ok, "%q: %s", text, show(rep.Problems()))
		require.Equal(t, []string{text, text}, []string{root.pairs[0].key, root.pairs[0].value.text}, scalarText(text))
	})
}

// TestDefaultsOfAFile: its timeout is that of the targets which name none.
func TestDefaultsOfAFile(t *testing.T) {
	s := parsed(t, `
targets: {a: {type: call, url: https://a.example}, b: {type: call, url: https://a.example, timeout: 7s}}
defaults: {timeout: 3s}
orgs: {acme: {targets: {c: {type: call, url: https://a.example}}}}
`)
	require.Equal(t, []time.Duration{3 * time.Second, 7 * time.Second, 3 * time.Second},
		[]time.Duration{s.Scopes[""].Targets["a"].Timeout, s.Scopes[""].Targets["b"].Timeout, s.Scopes["acme"].Targets["c"].Timeout})
	for src, want := range map[string]string{
		"defaults: {timeout: 0s}":   "f.yaml:1:21: error: timeout is between 1ms and 4m30s [out_of_range]\n",
		"defaults: {timeout: soon}": "f.yaml:1:21: error: \"timeout\" is a duration with its unit, such as 500ms, 10s, 5m or 24h [bad_value]\n",
		"defaults: {}":              "",
		"defaults:":                 "",
		"defaults: 3s":              "f.yaml:1:11: error: a mapping of keys and values belongs here, not a single value [wrong_type]\n",
	} {
		_, problems := Parse("f.yaml", []byte(src))
		require.Equal(t, want, show(problems), src)
	}
}
