package catalog

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/callout-hq/callout/pkg/action"
)

// Bounds of a target's settings, beside those of package action.
const (
	MaxKeep     = 365 * 24 * time.Hour // longest max_age and max_stop
	MaxRate     = 1000000              // exchanges in one rate
	MaxFailures = 1000                 // failures before a breaker opens
	MaxLabels   = 64                   // labels of a target
	MaxPointers = 100                  // JSON pointers in one list
	MaxUsers    = 1000                 // organizations that a target names
	MaxPrefixes = 100                  // address ranges of one target
	maxLabel    = 256                  // bytes in a label's value
	maxPointer  = 1024                 // bytes in a JSON pointer
	maxPath     = 4096                 // bytes in a file's path
)

var (
	envPattern   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)
	labelPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$`)
)

// checkTarget holds a target against the grammar and the bounds of its fields.
func checkTarget(r *Report, path string, t *action.Target) {
	if err := action.CheckName(t.Name); err != nil {
		r.errorf(path, ProblemBadName, "%s", err)
	}
	switch t.Kind {
	case action.Webhook, action.CallOut, action.Async:
	case "":
		r.errorf(JoinPath(path, "type"), ProblemMissing, "target %s has no type: webhook, call or async", Quote(t.Name))
	default:
		r.errorf(JoinPath(path, "type"), ProblemBadValue, "type is webhook, call or async")
	}
	if t.URL == "" {
		r.errorf(JoinPath(path, "url"), ProblemMissing, "target %s has no url", Quote(t.Name))
	} else if fault := checkURL(t.URL); fault != "" {
		r.errorf(JoinPath(path, "url"), ProblemBadURL, "%s", fault)
	}
	if fault := OutOfRange(t.Timeout, action.MinTimeout, action.MaxTimeout); fault != "" {
		r.errorf(JoinPath(path, "timeout"), ProblemOutOfRange, "timeout %s", fault)
	}
	if t.Mapping != action.Merge && t.Mapping != action.Replace {
		r.errorf(JoinPath(path, "mapping"), ProblemBadValue, "mapping is merge or replace")
	}
	checkHeaders(r, JoinPath(path, "headers"), t)
	checkRetry(r, JoinPath(path, "retry"), t.Retry)
	checkKeySource(r, JoinPath(path, "signing_key"), t.SigningKey)
	checkSignatures(r, JoinPath(path, "signature"), t.Signatures)
	checkPayload(r, path, t)
	checkLimits(r, path, t)
	checkPointers(r, JoinPath(path, "allow"), t.Allow)
	checkRedact(r, JoinPath(path, "redact"), t.Redact)
	checkBodyPointers(r, JoinPath(path, "mask"), t.Mask)
	checkEgress(r, JoinPath(JoinPath(path, "egress"), "allow"), t.Egress)
	checkTLS(r, JoinPath(path, "tls"), t)
	checkLabels(r, JoinPath(path, "labels"), t.Labels)
	checkEffect(r, path, t)
}

// checkUsableBy checks who may name a target of the instance.
func checkUsableBy(r *Report, path, org string, t *action.Target) {
	path = JoinPath(path, "usable_by")
	switch {
	case t.UsableBy == nil:
		return
	case org != "":
		r.errorf(path, ProblemMisplaced, "usable_by belongs to a target of the instance: one of an organization is that organization's alone")
		return
	case len(t.UsableBy) > MaxUsers:
		r.errorf(path, ProblemTooMany, "at most %d organizations are named, here are %d", MaxUsers, len(t.UsableBy))
		return
	}
	for i, id := range t.UsableBy {
		switch err := action.CheckID(id); {
		case err != nil:
			r.errorf(IndexPath(path, i), ProblemBadName, "%s", err)
		case id == "":
			r.errorf(IndexPath(path, i), ProblemBadName, "an organization has an id; [] names none of them")
		}
	}
}

// OutOfRange words a duration outside its bounds; empty when it is inside.
func OutOfRange(d, least, most time.Duration) string {
	if d < least || d > most {
		return fmt.Sprintf("is between %s and %s", ShortDuration(least), ShortDuration(most))
	}
	return ""
}

// ShortDuration writes a duration as a person would: 24h and not 24h0m0s.
func ShortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func checkRetry(r *Report, path string, retry action.Retry) {
	if fault := OutOfRange(retry.Initial, action.MinWait, action.MaxWait); fault != "" {
		r.errorf(JoinPath(path, "initial"), ProblemOutOfRange, "initial %s", fault)
	}
	if fault := OutOfRange(retry.Max, action.MinWait, action.MaxWait); fault != "" {
		r.errorf(JoinPath(path, "max"), ProblemOutOfRange, "max %s", fault)
	} else if retry.Max < retry.Initial {
		r.errorf(JoinPath(path, "max"), ProblemOutOfRange, "max, %s, is shorter than initial, %s", ShortDuration(retry.Max), ShortDuration(retry.Initial))
	}
	if fault := OutOfRange(retry.MaxAge, action.MinWait, MaxKeep); fault != "" {
		r.errorf(JoinPath(path, "max_age"), ProblemOutOfRange, "max_age %s", fault)
	}
	if retry.Attempts < 0 || retry.Attempts > action.MaxAttempts {
		r.errorf(JoinPath(path, "attempts"), ProblemOutOfRange, "attempts is between 1 and %d; left out, they are not counted", action.MaxAttempts)
	}
}

// checkKeySource never repeats what stands there: it may be the key itself.
func checkKeySource(r *Report, path string, k action.KeySource) {
	if k.Env != "" && k.File != "" {
		r.errorf(path, ProblemMisplaced, "signing_key is either {env: NAME} or {file: PATH}, not both")
	}
	checkPlaces(r, path, k.Env, k.File)
}

// checkPlaces checks the variable and the file that something is read from; empty is
// none.
func checkPlaces(r *Report, path, env, file string) {
	if env != "" && !envPattern.MatchString(env) {
		r.errorf(JoinPath(path, "env"), ProblemBadValue, "env is the name of an environment variable: letters, digits and _")
	}
	if len(file) > maxPath || strings.ContainsFunc(file, unicode.IsControl) {
		r.errorf(JoinPath(path, "file"), ProblemBadValue, "file is a path of at most %d bytes without control characters", maxPath)
	}
}

func checkSignatures(r *Report, path string, styles []action.Signature) {
	if len(styles) == 0 {
		r.errorf(path, ProblemMissing, "at least one signature is needed: zitadel, standard, standard_v1a, or several of them")
	}
	for i, s := range styles {
		switch {
		case s != action.SignZitadel && s != action.SignStandard && s != action.SignStandardV1a:
			r.errorf(IndexPath(path, i), ProblemBadValue, "a signature is zitadel, standard or standard_v1a, not %s", Quote(string(s)))
		case slices.Contains(styles[:i], s):
			r.errorf(IndexPath(path, i), ProblemDuplicateKey, "the signature %s stands twice", s)
		}
	}
}

// checkPayload checks what the body is. The usual value stands as none.
func checkPayload(r *Report, path string, t *action.Target) {
	switch {
	case t.Payload == action.PayloadCloudEvents && t.Kind == action.CallOut:
		r.warnf(JoinPath(path, "payload"), ProblemNoEffect, "payload: cloudevents changes nothing here: it is for events, and a call target gets none")
	case t.Payload != "" && t.Payload != action.PayloadCloudEvents && !t.IsSigned():
		r.errorf(JoinPath(path, "payload"), ProblemBadValue, "payload is json, cloudevents, jwt or jwe, not %s", Quote(string(t.Payload)))
	}
	if !t.Algorithm().Known() {
		r.errorf(JoinPath(path, "jwt_algorithm"), ProblemBadValue, "jwt_algorithm is ed25519 or rs256, not %s", Quote(string(t.JWTAlgorithm)))
	}
	if t.ContentType != "" && t.ContentType != action.ContentJOSE {
		r.errorf(JoinPath(path, "content_type"), ProblemBadValue, "content_type is json or jose, not %s", Quote(string(t.ContentType)))
	}
}

func checkLimits(r *Report, path string, t *action.Target) {
	switch t.Lanes {
	case 1, 4, 16, 64:
	default:
		r.errorf(JoinPath(path, "lanes"), ProblemOutOfRange, "lanes is 1, 4, 16 or 64")
	}
	if t.Concurrency < 0 || t.Concurrency > action.MaxConcurrency {
		r.errorf(JoinPath(path, "concurrency"), ProblemOutOfRange, "concurrency is between 1 and %d", action.MaxConcurrency)
	}
	if t.MaxAnswer < 0 || t.MaxAnswer > action.CeilingAnswer {
		r.errorf(JoinPath(path, "max_answer"), ProblemOutOfRange, "max_answer is between 1 and %d bytes", action.CeilingAnswer)
	}
	if t.IdleTime != 0 {
		if fault := OutOfRange(t.IdleTime, action.MinIdleTime, action.MaxIdleTime); fault != "" {
			r.errorf(JoinPath(path, "idle_time"), ProblemOutOfRange, "idle_time %s; keep_alive: false keeps no connection at all", fault)
		}
	}
	if t.Rate != (action.Rate{}) {
		if t.Rate.N < 1 || t.Rate.N > MaxRate {
			r.errorf(JoinPath(path, "rate"), ProblemOutOfRange, "rate is between 1 and %d", MaxRate)
		}
		if fault := OutOfRange(t.Rate.Per, time.Second, time.Hour); fault != "" {
			r.errorf(JoinPath(path, "rate"), ProblemOutOfRange, "the time of a rate %s", fault)
		}
	}
	if t.Breaker != (action.Breaker{}) {
		if t.Breaker.Failures < 1 || t.Breaker.Failures > MaxFailures {
			r.errorf(JoinPath(JoinPath(path, "breaker"), "failures"), ProblemOutOfRange, "failures is between 1 and %d", MaxFailures)
		}
		if fault := OutOfRange(t.Breaker.Open, action.MinWait, action.MaxWait); fault != "" {
			r.errorf(JoinPath(JoinPath(path, "breaker"), "open"), ProblemOutOfRange, "open %s", fault)
		}
	}
}

// checkPointers checks a list of JSON pointers (RFC 6901).
func checkPointers(r *Report, path string, pointers []string) {
	if len(pointers) > MaxPointers {
		r.errorf(path, ProblemTooMany, "at most %d JSON pointers stand in one list, here are %d", MaxPointers, len(pointers))
	}
	for i, p := range pointers {
		if fault := checkPointer(p); fault != "" {
			r.errorf(IndexPath(path, i), ProblemBadValue, "%s", fault)
		}
	}
}

func checkPointer(p string) string {
	switch {
	case !strings.HasPrefix(p, "/"):
		return "a JSON pointer begins with /, such as /user/displayName"
	case len(p) > maxPointer:
		return fmt.Sprintf("a JSON pointer has at most %d bytes", maxPointer)
	case strings.Count(p, "/") > action.MaxDepth:
		return fmt.Sprintf("a JSON pointer goes at most %d levels deep", action.MaxDepth)
	case !utf8.ValidString(p):
		return "a JSON pointer is UTF-8"
	}
	for rest := p; ; {
		_, after, found := strings.Cut(rest, "~")
		if !found {
			return ""
		}
		if !strings.HasPrefix(after, "0") && !strings.HasPrefix(after, "1") {
			return "in a JSON pointer ~ is written ~0 and / inside a name ~1"
		}
		rest = after
	}
}

func checkEgress(r *Report, path string, prefixes []netip.Prefix) {
	if len(prefixes) > MaxPrefixes {
		r.errorf(path, ProblemTooMany, "at most %d address ranges stand in one list, here are %d", MaxPrefixes, len(prefixes))
	}
	for i, p := range prefixes {
		if err := action.CheckPrefix(p); err != nil {
			r.errorf(IndexPath(path, i), ProblemBadValue, "%v", err)
		}
	}
}

func checkLabels(r *Report, path string, labels map[string]string) {
	if len(labels) > MaxLabels {
		r.errorf(path, ProblemTooMany, "a target has at most %d labels, here are %d", MaxLabels, len(labels))
	}
	for _, name := range sortedKeys(labels) {
		at, value := JoinPath(path, name), labels[name]
		if !labelPattern.MatchString(name) {
			r.errorf(at, ProblemBadName, "a label's name has 1 to 63 letters, digits or . _ / - and begins with a letter or digit")
		}
		if len(value) > maxLabel || !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
			r.errorf(at, ProblemBadValue, "a label's value has at most %d bytes of UTF-8 without control characters", maxLabel)
		}
	}
}

// checkEffect warns of settings that are legal and change nothing.
func checkEffect(r *Report, path string, t *action.Target) {
	if t.Kind == action.Async && t.Lanes > 1 {
		r.warnf(JoinPath(path, "lanes"), ProblemNoEffect, "lanes change nothing for an async target: it keeps no order")
	}
	for key, is := range map[string]bool{"jwt_algorithm": t.JWTAlgorithm != "", "content_type": t.ContentType != ""} {
		if is && !t.IsSigned() {
			r.warnf(JoinPath(path, key), ProblemNoEffect, "%s changes nothing here: it belongs to payload: jwt or jwe", key)
		}
	}
	if len(t.Allow) > 0 && (t.Kind == action.Webhook || t.Kind == action.Async) {
		r.warnf(JoinPath(path, "allow"), ProblemNoEffect, "allow changes nothing here: only a call target's answer changes the object")
	}
	if t.NoKeepAlive && t.IdleTime != 0 {
		r.warnf(JoinPath(path, "idle_time"), ProblemNoEffect, "idle_time changes nothing beside keep_alive: false: no connection is kept")
	}
	if t.TLS != (action.TLS{}) && strings.HasPrefix(strings.ToLower(t.URL), "http:") {
		r.warnf(JoinPath(path, "tls"), ProblemNoEffect, "tls changes nothing for an http URL, which is sent in the clear: write https")
	}
}
