package file

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

var targetKeys = namesOf(TargetKeys)

// kinds are the spellings of `type:`, without regard to case.
var kinds = map[string]action.Kind{
	"webhook": action.Webhook, "rest webhook": action.Webhook,
	"call": action.CallOut, "rest call": action.CallOut, "rest request response": action.CallOut,
	"async": action.Async, "rest async": action.Async,
}

// target reads one target; what it leaves open gets its default. What an
// organization's may not have is said here and nowhere else: catalogs that were
// stored with it stay readable.
func (r *reader) target(org string, f field) action.Target {
	t := catalog.WithDefaults(action.Target{Name: f.key, Timeout: r.wait})
	if f.value.shape == null {
		r.errorf(f.at, f.path, catalog.ProblemMissing, "target %s has no type and no url", catalog.Quote(f.key))
	}
	var async *field
	for _, x := range r.fields(f.value, f.path, targetKeys) {
		if x.key == "async" {
			async = &x
			continue
		}
		r.targetField(&t, x)
		if x.key == "egress" && org != "" {
			r.errorf(x.at, x.path, catalog.ProblemMisplaced, "an organization's target has no egress: what it may reach is the instance's to say; leave it out")
		}
	}
	if async != nil {
		r.async(&t, *async)
	}
	return t
}

func (r *reader) targetField(t *action.Target, f field) {
	switch f.key {
	case "type":
		t.Kind = r.kind(f)
	case "url":
		t.URL, _ = r.text(f)
	case "timeout":
		t.Timeout = r.duration(f)
	case "interrupt_on_error":
		t.InterruptOnError = r.boolean(f)
	case "mapping":
		text, _ := r.text(f)
		t.Mapping = action.Mapping(text)
	case "allow":
		t.Allow = r.texts(f)
	case "headers":
		r.headers(t, f)
	case "retry":
		r.retry(t, f)
	case "signing_key":
		r.signingKey(t, f)
	case "paused":
		t.Paused = r.boolean(f)
	case "labels":
		t.Labels = r.textMap(f)
	case "usable_by":
		t.UsableBy = append([]string{}, r.texts(f)...) // [] is not the same as nothing
	case "redact":
		t.Redact = r.texts(f)
	case "mask":
		t.Mask = r.texts(f)
	default:
		r.limitField(t, f)
	}
}

func (r *reader) limitField(t *action.Target, f field) {
	switch f.key {
	case "payload":
		t.Payload = action.Payload(r.usually(f, string(action.PayloadJSON)))
	case "jwt_algorithm":
		t.JWTAlgorithm = action.Algorithm(r.usually(f, string(action.Ed25519)))
	case "content_type":
		t.ContentType = action.ContentType(r.usually(f, string(action.ContentJSON)))
	case "signature":
		t.Signatures = t.Signatures[:0]
		for _, s := range r.texts(f) {
			t.Signatures = append(t.Signatures, action.Signature(s))
		}
	case "lanes":
		t.Lanes = r.integer(f)
	case "concurrency":
		t.Concurrency = r.integer(f)
	case "max_answer":
		t.MaxAnswer = r.integer(f)
	case "keep_alive":
		t.NoKeepAlive = !r.boolean(f)
	case "idle_time":
		r.idleTime(t, f)
	case "tls":
		r.tls(t, f)
	case "rate":
		t.Rate = r.rate(f)
	case "breaker":
		r.breaker(t, f)
	case "egress":
		r.egress(t, f)
	}
}

func (r *reader) kind(f field) action.Kind {
	text, ok := r.text(f)
	if !ok {
		return ""
	}
	kind, known := kinds[strings.ToLower(strings.Join(strings.Fields(text), " "))]
	if !known {
		hint := r.guess.Hint(text, slices.Sorted(maps.Keys(kinds)))
		r.errorf(f.value.at, f.path, catalog.ProblemBadValue, "type is webhook, call or async, not %s%s", catalog.Quote(text), hint)
	}
	return kind
}

// async reads the old way of saying that a webhook is not waited for.
func (r *reader) async(t *action.Target, f field) {
	on := r.boolean(f)
	switch {
	case r.isBroken(f.path):
	case on && t.Kind == action.Webhook:
		t.Kind = action.Async
	case on && t.Kind == action.CallOut:
		r.errorf(f.value.at, f.path, catalog.ProblemMisplaced, "a call target's answer is used, so it cannot be async; its type would be webhook or async")
	case !on && t.Kind == action.Async:
		r.errorf(f.value.at, f.path, catalog.ProblemMisplaced, "the type says async, and async: false says the contrary")
	}
}

func (r *reader) retry(t *action.Target, f field) {
	for _, x := range r.fields(f.value, f.path, keysOf(TargetKeys, "retry")) {
		switch x.key {
		case "initial":
			t.Retry.Initial = r.duration(x)
		case "max":
			t.Retry.Max = r.duration(x)
		case "max_age":
			t.Retry.MaxAge = r.duration(x)
		case "attempts":
			t.Retry.Attempts = r.integer(x)
		}
	}
}

// signingKey reads where the key comes from. What stands there is never
// repeated in a message: it may be the key itself.
func (r *reader) signingKey(t *action.Target, f field) {
	if f.value.shape != mapping {
		r.errorf(f.value.at, f.path, catalog.ProblemWrongType, "signing_key is {env: NAME} or {file: PATH}; the key itself never stands in this file")
		return
	}
	fields := r.fields(f.value, f.path, keysOf(TargetKeys, "signing_key"))
	for _, x := range fields {
		text, ok := r.text(x)
		switch {
		case ok && text == "":
			r.errorf(x.value.at, x.path, catalog.ProblemMissing, "%s has no value", catalog.Quote(x.key))
		case x.key == "env":
			t.SigningKey.Env = text
		default:
			t.SigningKey.File = text
		}
	}
	if len(f.value.pairs) == 0 {
		r.errorf(f.value.at, f.path, catalog.ProblemMissing, "signing_key is {env: NAME} or {file: PATH}; left out, a key is made and kept")
	}
}

// usually reads a text of which the usual value is kept as none.
func (r *reader) usually(f field, usual string) string {
	text, _ := r.text(f)
	if text == usual {
		return ""
	}
	return text
}

// rate reads a limit such as 100/s, 600/m or 5/h.
func (r *reader) rate(f field) action.Rate {
	text, ok := r.text(f)
	if !ok {
		return action.Rate{}
	}
	number, unit, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(number)
	per, known := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	switch {
	case err != nil || !known:
		r.errorf(f.value.at, f.path, catalog.ProblemBadValue, "rate is a number per second, minute or hour, such as 100/s, 600/m or 5/h")
	case n < 1:
		r.errorf(f.value.at, f.path, catalog.ProblemOutOfRange, "rate is at least 1; without a rate there is no limit")
	}
	return action.Rate{N: n, Per: per}
}

func (r *reader) breaker(t *action.Target, f field) {
	have := map[string]bool{}
	for _, x := range r.fields(f.value, f.path, keysOf(TargetKeys, "breaker")) {
		have[x.key] = true
		if x.key == "failures" {
			t.Breaker.Failures = r.integer(x)
		} else {
			t.Breaker.Open = r.duration(x)
		}
	}
	if !r.isBroken(f.path) && (!have["failures"] || !have["open"]) {
		r.errorf(f.at, f.path, catalog.ProblemMissing, "breaker needs both failures and open, such as {failures: 5, open: 30s}")
	}
}

func (r *reader) egress(t *action.Target, f field) {
	for _, x := range r.fields(f.value, f.path, keysOf(TargetKeys, "egress")) {
		for i, text := range r.texts(x) {
			path := catalog.IndexPath(x.path, i)
			prefix, err := action.ParsePrefix(text)
			if err != nil && !r.isBroken(path) {
				r.errorf(r.find(path), path, catalog.ProblemBadValue, "%v", err)
			}
			t.Egress = append(t.Egress, prefix)
		}
	}
}
