package cli

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// targetOf is a target of the wire as the catalog has it.
func targetOf(m *calloutv1.Target) action.Target {
	t := action.Target{
		Name: m.GetName(), Kind: action.Kind(m.GetType()), URL: m.GetUrl(), Timeout: m.GetTimeout().AsDuration(),
		InterruptOnError: m.GetInterruptOnError(), Mapping: action.Mapping(m.GetMapping()), Allow: m.GetAllow(), Headers: m.GetHeaders(),
		Retry: action.Retry{Initial: m.GetRetry().GetInitial().AsDuration(), Max: m.GetRetry().GetMax().AsDuration(),
			MaxAge: m.GetRetry().GetMaxAge().AsDuration(), Attempts: int(m.GetRetry().GetAttempts())},
		SigningKey: action.KeySource{Env: m.GetSigningKey().GetEnv(), File: m.GetSigningKey().GetFile()},
		Lanes:      int(m.GetLanes()), Concurrency: int(m.GetConcurrency()), Rate: rateOf(m.GetRate()),
		Breaker:   action.Breaker{Failures: int(m.GetBreaker().GetFailures()), Open: m.GetBreaker().GetOpen().AsDuration()},
		MaxAnswer: int(m.GetMaxAnswer()), Paused: m.GetPaused(), Labels: m.GetLabels(),
		Redact: m.GetRedact(), Mask: m.GetMask(),
		NoKeepAlive: m.KeepAlive != nil && !m.GetKeepAlive(), IdleTime: m.GetIdleTime().AsDuration(),
		Payload: payloadOf(m.GetPayload()), JWTAlgorithm: action.Algorithm(m.GetJwtAlgorithm()), ContentType: action.ContentType(m.GetContentType()),
		TLS: tlsOf(m.GetTls()),
	}
	for name, from := range m.GetHeaderSources() {
		if t.HeaderSources == nil {
			t.HeaderSources = map[string]action.SecretSource{}
		}
		t.HeaderSources[name] = sourceOf(from)
	}
	if m.GetUsableBy() != nil {
		t.UsableBy = append([]string{}, m.GetUsableBy().GetOrgs()...)
	}
	for _, s := range m.GetSignature() {
		t.Signatures = append(t.Signatures, action.Signature(s))
	}
	for _, text := range m.GetEgress().GetAllow() {
		if prefix, err := netip.ParsePrefix(text); err == nil { // the server gives no other
			t.Egress = append(t.Egress, prefix)
		}
	}
	return catalog.WithDefaults(t)
}

// payloadOf reads a payload form; json is how the usual one is written.
func payloadOf(text string) action.Payload {
	if text == string(action.PayloadJSON) {
		return ""
	}
	return action.Payload(text)
}

// rateOf reads 100/s; what it does not know is no rate.
func rateOf(text string) action.Rate {
	number, unit, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(number)
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	if err != nil || per == 0 {
		return action.Rate{}
	}
	return action.Rate{N: n, Per: per}
}

func rateText(r action.Rate) string {
	if r.N == 0 {
		return ""
	}
	return strconv.Itoa(r.N) + "/" + map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[r.Per]
}

// targetMessage is a target of the catalog as it goes over the wire.
func targetMessage(org string, t *action.Target) *calloutv1.Target {
	m := &calloutv1.Target{
		Name: t.Name, Org: org, Type: string(t.Kind), Url: t.URL, Timeout: durationpb.New(t.Timeout), InterruptOnError: t.InterruptOnError,
		Mapping: string(t.Mapping), Allow: t.Allow, Headers: t.Headers, Lanes: uint32(t.Lanes), Concurrency: uint32(t.Concurrency),
		Retry: &calloutv1.Retry{Initial: durationpb.New(t.Retry.Initial), Max: durationpb.New(t.Retry.Max),
			MaxAge: durationpb.New(t.Retry.MaxAge), Attempts: uint32(t.Retry.Attempts)},
		Rate: rateText(t.Rate), MaxAnswer: uint32(t.MaxAnswer), Paused: t.Paused, Labels: t.Labels,
		Redact: t.Redact, Mask: t.Mask,
	}
	m.Payload, m.JwtAlgorithm, m.ContentType = string(t.Payload), string(t.JWTAlgorithm), string(t.ContentType)
	if t.SigningKey != (action.KeySource{}) {
		m.SigningKey = &calloutv1.KeySource{Env: t.SigningKey.Env, File: t.SigningKey.File}
	}
	for name, from := range t.HeaderSources {
		if m.HeaderSources == nil {
			m.HeaderSources = map[string]*calloutv1.SecretSource{}
		}
		m.HeaderSources[name] = sourceMessage(from)
	}
	if t.Breaker != (action.Breaker{}) {
		m.Breaker = &calloutv1.Breaker{Failures: uint32(t.Breaker.Failures), Open: durationpb.New(t.Breaker.Open)}
	}
	if t.UsableBy != nil {
		m.UsableBy = &calloutv1.UsableBy{Orgs: t.UsableBy}
	}
	if t.NoKeepAlive {
		m.KeepAlive = proto.Bool(false)
	}
	if t.IdleTime > 0 {
		m.IdleTime = durationpb.New(t.IdleTime)
	}
	if t.TLS != (action.TLS{}) {
		m.Tls = tlsMessage(t.TLS)
	}
	for _, s := range t.Signatures {
		m.Signature = append(m.Signature, string(s))
	}
	if len(t.Egress) > 0 {
		m.Egress = &calloutv1.Egress{}
		for _, prefix := range t.Egress {
			m.Egress.Allow = append(m.Egress.Allow, prefix.String())
		}
	}
	return m
}

// executionOf is an execution of the wire as the catalog has it.
func executionOf(m *calloutv1.Execution) action.Execution {
	e := action.Execution{Name: m.GetName(), Match: m.GetCondition(), OnUnavailable: action.OnUnavailable(m.GetOnUnavailable()),
		OnExhausted: action.OnExhausted(m.GetOnExhausted()), Applies: action.Applies(m.GetApplies()), MaxStop: m.GetMaxStop().AsDuration()}
	if e.Name == "" {
		e.Name = e.Match
	}
	for _, entry := range m.GetTargets() {
		e.Entries = append(e.Entries, action.Entry{Target: entry.GetTarget(), Include: entry.GetInclude()})
	}
	return e
}

// executionMessage is an execution of the catalog as it goes over the wire.
func executionMessage(org string, phase action.Phase, e *action.Execution) *calloutv1.Execution {
	m := &calloutv1.Execution{Org: org, Phase: manage.PhaseNumber(phase), Condition: e.Match, Name: e.Name,
		OnUnavailable: string(e.OnUnavailable), OnExhausted: string(e.OnExhausted), Applies: string(e.Applies)}
	if e.MaxStop > 0 {
		m.MaxStop = durationpb.New(e.MaxStop)
	}
	for _, entry := range e.Entries {
		m.Targets = append(m.Targets, entryMessage(entry))
	}
	return m
}

func entryMessage(e action.Entry) *calloutv1.Entry {
	if e.Include != "" {
		return &calloutv1.Entry{Entry: &calloutv1.Entry_Include{Include: e.Include}}
	}
	return &calloutv1.Entry{Entry: &calloutv1.Entry_Target{Target: e.Target}}
}
