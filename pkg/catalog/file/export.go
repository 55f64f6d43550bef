package file

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Export writes a catalog as a configuration file that Parse reads back to the
// same. Targets and organizations are sorted by name, executions stand as they
// were written, settings that have their default are left out. Signing keys are
// not part of a catalog; where they come from is.
//
// The snapshot must be one that Validate takes, with a rate per second, minute
// or hour, as Parse makes it.
func Export(s *catalog.Snapshot) []byte {
	w := &exporter{}
	w.line(0, "version", "1")
	w.line(0, "instance", scalarText(s.Instance))
	w.scope(0, s.Scopes[""])
	if len(s.Scopes) > 1 || len(s.Scopes) == 1 && s.Scopes[""] == nil {
		w.open(0, "orgs")
		for _, org := range s.Orgs() {
			if org != "" {
				w.org(org, s.Scopes[org])
			}
		}
	}
	return w.out.Bytes()
}

// ExportOrg writes what one organization has as a file of its own, as Export does.
func ExportOrg(s *catalog.Snapshot, org string) []byte {
	w := &exporter{}
	w.line(0, "version", "1")
	w.line(0, "instance", scalarText(s.Instance))
	w.line(0, "org", scalarText(org))
	w.scope(0, s.Scopes[org])
	return w.out.Bytes()
}

// exporter writes YAML in block style, two spaces a level.
type exporter struct{ out bytes.Buffer }

func (w *exporter) indent(level int) { w.out.WriteString(strings.Repeat("  ", level)) }

func (w *exporter) line(level int, key, value string) {
	w.indent(level)
	w.out.WriteString(key + ": " + value + "\n")
}

func (w *exporter) open(level int, key string) {
	w.indent(level)
	w.out.WriteString(key + ":\n")
}

func (w *exporter) org(org string, sc *catalog.Scope) {
	before := w.out.Len()
	w.open(1, scalarText(org))
	empty := w.out.Len()
	w.scope(2, sc)
	if w.out.Len() == empty {
		w.out.Truncate(before)
		w.line(1, scalarText(org), "{}")
	}
}

func (w *exporter) scope(level int, sc *catalog.Scope) {
	if sc == nil {
		return
	}
	if len(sc.Targets) > 0 {
		w.open(level, "targets")
		for _, name := range slices.Sorted(maps.Keys(sc.Targets)) {
			t := sc.Targets[name]
			w.open(level+1, scalarText(name))
			w.target(level+2, &t)
		}
	}
	for _, phase := range action.Phases {
		if len(sc.Sections[phase]) == 0 {
			continue
		}
		w.open(level, catalog.SectionKey(phase))
		for _, e := range sc.Sections[phase] {
			w.open(level+1, scalarText(e.Name))
			w.execution(level+2, phase, &e)
		}
	}
}

func (w *exporter) execution(level int, phase action.Phase, e *action.Execution) {
	switch {
	case e.IsList():
		w.line(level, "list", "true")
	case e.Match != e.Name || !catalog.KeyIsCondition(phase, e.Name):
		w.line(level, "condition", scalarText(e.Match))
	}
	w.text(level, "on_unavailable", string(e.OnUnavailable))
	w.text(level, "on_exhausted", string(e.OnExhausted))
	w.duration(level, "max_stop", e.MaxStop, 0)
	w.text(level, "applies", string(e.Applies))
	if len(e.Entries) == 0 {
		w.line(level, "targets", "[]")
		return
	}
	w.open(level, "targets")
	for _, entry := range e.Entries {
		if entry.Include != "" {
			w.line(level+1, "- include", scalarText(entry.Include))
		} else {
			w.line(level+1, "- target", scalarText(entry.Target))
		}
	}
}

// target writes the settings in the order in which they are documented.
func (w *exporter) target(level int, t *action.Target) {
	usual := catalog.WithDefaults(action.Target{})
	w.text(level, "type", string(t.Kind))
	w.text(level, "url", t.URL)
	w.duration(level, "timeout", t.Timeout, usual.Timeout)
	w.flag(level, "interrupt_on_error", t.InterruptOnError)
	if t.Mapping != usual.Mapping {
		w.text(level, "mapping", string(t.Mapping))
	}
	w.texts(level, "allow", t.Allow)
	w.headers(level, t)
	w.retry(level, t.Retry, usual.Retry)
	if t.SigningKey != (action.KeySource{}) {
		w.open(level, "signing_key")
		w.text(level+1, "env", t.SigningKey.Env)
		w.text(level+1, "file", t.SigningKey.File)
	}
	w.text(level, "payload", string(t.Payload))
	w.text(level, "jwt_algorithm", string(t.JWTAlgorithm))
	w.text(level, "content_type", string(t.ContentType))
	if !slices.Equal(t.Signatures, usual.Signatures) {
		w.texts(level, "signature", asTexts(t.Signatures, func(s action.Signature) string { return string(s) }))
	}
	w.number(level, "lanes", t.Lanes, usual.Lanes)
	w.number(level, "concurrency", t.Concurrency, 0)
	w.rate(level, t.Rate)
	if t.Breaker != (action.Breaker{}) {
		w.open(level, "breaker")
		w.number(level+1, "failures", t.Breaker.Failures, 0)
		w.duration(level+1, "open", t.Breaker.Open, 0)
	}
	w.number(level, "max_answer", t.MaxAnswer, 0)
	if t.NoKeepAlive {
		w.line(level, "keep_alive", "false")
	}
	w.duration(level, "idle_time", t.IdleTime, 0)
	w.tls(level, t.TLS)
	if len(t.Egress) > 0 {
		w.open(level, "egress")
		w.texts(level+1, "allow", asTexts(t.Egress, netip.Prefix.String))
	}
	w.flag(level, "paused", t.Paused)
	w.textMap(level, "labels", t.Labels)
	if t.UsableBy != nil && len(t.UsableBy) == 0 {
		w.line(level, "usable_by", "[]")
	}
	w.texts(level, "usable_by", t.UsableBy)
	w.texts(level, "redact", t.Redact)
	w.texts(level, "mask", t.Mask)
}

func (w *exporter) retry(level int, r, usual action.Retry) {
	if r == usual {
		return
	}
	w.open(level, "retry")
	w.duration(level+1, "initial", r.Initial, usual.Initial)
	w.duration(level+1, "max", r.Max, usual.Max)
	w.duration(level+1, "max_age", r.MaxAge, usual.MaxAge)
	w.number(level+1, "attempts", r.Attempts, 0)
}

func (w *exporter) rate(level int, r action.Rate) {
	if r != (action.Rate{}) {
		w.line(level, "rate", rateText(r))
	}
}

// rateText is 100/s, or empty for no limit.
func rateText(r action.Rate) string {
	if r == (action.Rate{}) {
		return ""
	}
	return strconv.Itoa(r.N) + "/" + map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[r.Per]
}

func (w *exporter) text(level int, key, value string) {
	if value != "" {
		w.line(level, key, scalarText(value))
	}
}

func (w *exporter) flag(level int, key string, on bool) {
	if on {
		w.line(level, key, "true")
	}
}

func (w *exporter) number(level int, key string, n, usual int) {
	if n != usual {
		w.line(level, key, strconv.Itoa(n))
	}
}

func (w *exporter) duration(level int, key string, d, usual time.Duration) {
	if d != usual {
		w.line(level, key, catalog.ShortDuration(d))
	}
}

func (w *exporter) texts(level int, key string, values []string) {
	if len(values) == 0 {
		return
	}
	w.open(level, key)
	for _, v := range values {
		w.indent(level + 1)
		w.out.WriteString("- " + scalarText(v) + "\n")
	}
}

func (w *exporter) textMap(level int, key string, values map[string]string) {
	if len(values) == 0 {
		return
	}
	w.open(level, key)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		w.line(level+1, scalarText(name), scalarText(values[name]))
	}
}

func asTexts[T any](values []T, text func(T) string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = text(v)
	}
	return out
}

// plainScalar is what stands without quotes: words, paths and URLs that YAML
// cannot take for anything else.
var (
	plainScalar = regexp.MustCompile(`^[A-Za-z/_][A-Za-z0-9/_.~-]*$|^https?://[A-Za-z0-9/_.~:?&=%+-]*[A-Za-z0-9/_]$`)
	reserved    = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|y|n|null)$`)
)

// scalarText writes a text as YAML.
func scalarText(s string) string {
	if plainScalar.MatchString(s) && !reserved.MatchString(s) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"', r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case !unicode.IsPrint(r) && r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
