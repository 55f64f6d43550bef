package file

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Difference is a setting that has another value: both as a file writes them,
// empty where it is not set. Of a longer one that part is left which begins to
// differ.
type Difference struct{ Field, Before, After string }

// Bounds of a value that is shown, in characters.
const (
	maxShown = 200
	leadIn   = 20 // what is left of that in which two long values agree
)

// TargetDifferences lists in which settings a target has changed, in the order
// of a file. Secrets are masked.
func TargetDifferences(before, after *action.Target) []Difference {
	return compare(targetSettings(before), targetSettings(after))
}

// ExecutionDifferences is the same for an execution or a list.
func ExecutionDifferences(before, after *action.Execution) []Difference {
	return compare(executionSettings(before), executionSettings(after))
}

// setting is one value of an object. What is compared is not what is shown.
type setting struct {
	place        int // in a file; members of one setting share it
	value, shown string
}

// settings are those of one object by their names, empty ones too.
type settings struct {
	places int
	all    map[string]setting
}

func (s *settings) add(field, value string) { s.mask(field, value, value) }

func (s *settings) mask(field, value, shown string) {
	if s.all == nil {
		s.all = map[string]setting{}
	}
	s.places++
	s.all[field] = setting{s.places, value, shown}
}

func (s *settings) number(field string, n int) {
	if n == 0 {
		s.add(field, "")
		return
	}
	s.add(field, strconv.Itoa(n))
}

func (s *settings) duration(field string, d time.Duration) {
	if d == 0 {
		s.add(field, "")
		return
	}
	s.add(field, catalog.ShortDuration(d))
}

func (s *settings) list(field string, values []string) {
	if len(values) == 0 {
		s.add(field, "")
		return
	}
	s.add(field, "["+strings.Join(values, ", ")+"]")
}

// members are those of a map, whose names are the user's.
func (s *settings) members(field string, values map[string]string) {
	s.places++
	for name, value := range values {
		shown := scalarText(value)
		if action.ShownValue(name, value) != value {
			shown = action.Masked
		}
		s.all[field+"."+scalarText(name)] = setting{s.places, value, shown}
	}
}

func targetSettings(t *action.Target) settings {
	var s settings
	s.add("type", string(t.Kind))
	s.mask("url", t.URL, action.ShownTarget(t.URL))
	s.duration("timeout", t.Timeout)
	s.add("interrupt_on_error", strconv.FormatBool(t.InterruptOnError))
	s.add("mapping", string(t.Mapping))
	s.list("allow", asTexts(t.Allow, scalarText))
	s.members("headers", t.Headers)
	for name, from := range t.HeaderSources {
		text := sourceText(from)
		s.all["headers."+scalarText(name)] = setting{s.places, text, text}
	}
	s.duration("retry.initial", t.Retry.Initial)
	s.duration("retry.max", t.Retry.Max)
	s.duration("retry.max_age", t.Retry.MaxAge)
	s.number("retry.attempts", t.Retry.Attempts)
	s.add("signing_key", keySourceText(t.SigningKey))
	s.add("payload", string(cmp.Or(t.Payload, action.PayloadJSON)))
	s.add("jwt_algorithm", string(t.Algorithm()))
	s.add("content_type", string(cmp.Or(t.ContentType, action.ContentJSON)))
	s.list("signature", asTexts(t.Signatures, func(of action.Signature) string { return string(of) }))
	s.number("lanes", t.Lanes)
	s.number("concurrency", t.Concurrency)
	s.add("rate", rateText(t.Rate))
	s.number("breaker.failures", t.Breaker.Failures)
	s.duration("breaker.open", t.Breaker.Open)
	s.number("max_answer", t.MaxAnswer)
	s.add("keep_alive", strconv.FormatBool(!t.NoKeepAlive))
	s.duration("idle_time", t.IdleTime)
	s.add("tls.ca", cmp.Or(authoritiesText(t.TLS.CA), sourceText(t.TLS.CAFrom)))
	s.add("tls.server_name", t.TLS.ServerName)
	s.add("tls.min_version", t.TLS.MinVersion)
	s.add("tls.certificate", cmp.Or(authoritiesText(t.TLS.Certificate), sourceText(t.TLS.CertificateFrom)))
	s.add("tls.key", sourceText(t.TLS.Key))
	s.list("egress", asTexts(t.Egress, netip.Prefix.String))
	s.add("paused", strconv.FormatBool(t.Paused))
	s.members("labels", t.Labels)
	if t.UsableBy == nil {
		s.add("usable_by", "")
	} else {
		s.add("usable_by", "["+strings.Join(asTexts(t.UsableBy, scalarText), ", ")+"]")
	}
	s.list("redact", asTexts(t.Redact, scalarText))
	s.list("mask", asTexts(t.Mask, scalarText))
	return s
}

func executionSettings(e *action.Execution) settings {
	var s settings
	s.add("condition", e.Match)
	s.add("on_unavailable", string(e.OnUnavailable))
	s.add("on_exhausted", string(e.OnExhausted))
	s.duration("max_stop", e.MaxStop)
	s.add("applies", string(e.Applies))
	s.add("targets", "["+strings.Join(asTexts(e.Entries, func(x action.Entry) string {
		if x.Include != "" {
			return "{include: " + scalarText(x.Include) + "}"
		}
		return "{target: " + scalarText(x.Target) + "}"
	}), ", ")+"]")
	return s
}

func keySourceText(k action.KeySource) string {
	return sourceText(action.SecretSource{Env: k.Env, File: k.File})
}

// sourceText tells where a secret comes from, as a file does.
func sourceText(s action.SecretSource) string {
	switch {
	case s.Env != "":
		return "{env: " + scalarText(s.Env) + "}"
	case s.File != "":
		return "{file: " + scalarText(s.File) + "}"
	case s.Secret != "":
		return "{secret: " + scalarText(s.Secret) + "}"
	}
	return ""
}

func compare(before, after settings) []Difference {
	places := map[string]int{}
	for _, of := range []settings{before, after} {
		for field, s := range of.all {
			places[field] = s.place
		}
	}
	var found []Difference
	for field := range places {
		if was, is := before.all[field], after.all[field]; was.value != is.value {
			short, shortIs := Shorten(was.shown, is.shown, maxShown)
			found = append(found, Difference{field, short, shortIs})
		}
	}
	slices.SortFunc(found, func(a, b Difference) int {
		return cmp.Or(places[a.Field]-places[b.Field], strings.Compare(a.Field, b.Field))
	})
	return found
}

// Shorten cuts two values to at most so many characters each: what is left of
// long ones is where they begin to differ, with … for what is left out.
func Shorten(before, after string, most int) (shortBefore, shortAfter string) {
	a, b := []rune(before), []rune(after)
	if len(a) <= most && len(b) <= most {
		return before, after
	}
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	from := max(0, same-leadIn)
	return window(a, from, most), window(b, from, most)
}

// window is a part of a text, with a mark at each end that is not its own.
func window(text []rune, from, most int) string {
	const mark = "…"
	shown := mark
	if from = min(from, max(0, len(text)-leadIn)); from == 0 {
		shown = ""
	} else {
		text = text[from+1:]
		most--
	}
	if len(text) > most {
		return shown + string(text[:most-1]) + mark
	}
	return shown + string(text)
}

// authoritiesText tells certificates apart and shows nothing of 64 KiB of base64.
func authoritiesText(text string) string {
	all, err := action.ReadAuthorities(text)
	if err != nil {
		return ""
	}
	names := make([]string, len(all))
	for i, c := range all {
		sum := sha256.Sum256(c.Raw)
		names[i] = fmt.Sprintf("%s until %s (SHA-256 %x)", scalarText(c.Subject.CommonName), day(c.NotAfter), sum[:8])
	}
	return "[" + strings.Join(names, ", ") + "]"
}
