package manage

import (
	"net/netip"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// targetMessage is a target as it goes over the wire, with everything that is
// in force for it.
func targetMessage(org string, t *action.Target, meta catalog.Meta) *calloutv1.Target {
	m := &calloutv1.Target{
		Name: t.Name, Org: org, Id: meta.ID, Type: string(t.Kind), Url: t.URL, Timeout: durationpb.New(t.Timeout),
		InterruptOnError: t.InterruptOnError, Mapping: string(t.Mapping), Allow: t.Allow, Headers: t.Headers,
		Retry: &calloutv1.Retry{Initial: durationpb.New(t.Retry.Initial), Max: durationpb.New(t.Retry.Max),
			MaxAge: durationpb.New(t.Retry.MaxAge), Attempts: uint32(t.Retry.Attempts)},
		Signature: texts(t.Signatures, func(s action.Signature) string { return string(s) }),
		Lanes:     uint32(t.Lanes), Concurrency: uint32(t.Concurrency), Rate: rateText(t.Rate), MaxAnswer: uint32(t.MaxAnswer),
		Paused: t.Paused, Labels: t.Labels, Etag: catalog.Etag(*t), CreateTime: moment(meta.Created), UpdateTime: moment(meta.Changed),
		File: meta.Owner, Redact: t.Redact, Mask: t.Mask,
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
	if t.NoKeepAlive {
		m.KeepAlive = proto.Bool(false)
	}
	if t.IdleTime > 0 {
		m.IdleTime = durationpb.New(t.IdleTime)
	}
	if t.TLS != (action.TLS{}) {
		m.Tls = &calloutv1.TLS{Ca: t.TLS.CA, ServerName: t.TLS.ServerName, MinVersion: t.TLS.MinVersion, Certificate: t.TLS.Certificate,
			Key: sourceMessage(t.TLS.Key), CaFrom: sourceMessage(t.TLS.CAFrom), CertificateFrom: sourceMessage(t.TLS.CertificateFrom)}
	}
	if len(t.Egress) > 0 {
		m.Egress = &calloutv1.Egress{Allow: texts(t.Egress, netip.Prefix.String)}
	}
	if t.UsableBy != nil {
		m.UsableBy = &calloutv1.UsableBy{Orgs: t.UsableBy}
	}
	return m
}

// sourceMessage tells where a secret comes from; nil = nothing is said.
func sourceMessage(s action.SecretSource) *calloutv1.SecretSource {
	if s == (action.SecretSource{}) {
		return nil
	}
	return &calloutv1.SecretSource{Env: s.Env, File: s.File, Secret: s.Secret}
}

// rateText writes a rate as a file has it.
func rateText(r action.Rate) string {
	if r == (action.Rate{}) {
		return ""
	}
	unit := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[r.Per]
	return strconv.Itoa(r.N) + "/" + unit
}

func texts[T any](values []T, text func(T) string) []string {
	var out []string
	for _, v := range values {
		out = append(out, text(v))
	}
	return out
}

// target is a target of a catalog as it goes over the wire.
func (s *Service) target(c *catalog.Snapshot, p catalog.Place) *calloutv1.Target {
	t := c.Scopes[p.Org].Targets[p.Name]
	meta, _ := c.MetaOf(p.Org, p.Ref)
	m := targetMessage(p.Org, &t, meta)
	m.PauseReason, _ = s.engine(c.Instance).Paused(p.Org, p.Name)
	return m
}
