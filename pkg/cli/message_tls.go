package cli

import (
	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// tlsOf is TLS of the wire as the catalog has it.
func tlsOf(m *calloutv1.TLS) action.TLS {
	return action.TLS{
		CA: m.GetCa(), CAFrom: sourceOf(m.GetCaFrom()), ServerName: m.GetServerName(), MinVersion: m.GetMinVersion(),
		Certificate: m.GetCertificate(), CertificateFrom: sourceOf(m.GetCertificateFrom()), Key: sourceOf(m.GetKey()),
	}
}

// tlsMessage is TLS of the catalog as it goes over the wire.
func tlsMessage(t action.TLS) *calloutv1.TLS {
	return &calloutv1.TLS{
		Ca: t.CA, CaFrom: sourceMessage(t.CAFrom), ServerName: t.ServerName, MinVersion: t.MinVersion,
		Certificate: t.Certificate, CertificateFrom: sourceMessage(t.CertificateFrom), Key: sourceMessage(t.Key),
	}
}

func sourceOf(m *calloutv1.SecretSource) action.SecretSource {
	return action.SecretSource{Env: m.GetEnv(), File: m.GetFile(), Secret: m.GetSecret()}
}

func sourceMessage(s action.SecretSource) *calloutv1.SecretSource {
	if s == (action.SecretSource{}) {
		return nil
	}
	return &calloutv1.SecretSource{Env: s.Env, File: s.File, Secret: s.Secret}
}
