package invoke

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/callout-hq/callout/pkg/action"
)

// tlsConfig is how a target's server is believed. What it says counts for it alone: its
// sessions are kept apart from those of others too, so that none is resumed that another
// authority has vouched for.
func (i *Invoker) tlsConfig(owner string, t *action.Target) (*tls.Config, *action.Error) {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		RootCAs:    i.options.RootCAs,
		ServerName: t.TLS.ServerName, // "" = the URL's
		// Makes a new connection cheap again, which a short idle time
		// asks for.
		ClientSessionCache: tls.NewLRUClientSessionCache(8),
	}
	if t.TLS.MinVersion == action.TLS13 {
		config.MinVersion = tls.VersionTLS13
	}
	if owner == "" { // see Options.Certificate
		config.Certificates = i.options.certificates()
	}
	if t.TLS.CA == "" {
		return config, nil
	}
	all, err := action.ReadAuthorities(t.TLS.CA)
	if err != nil {
		return nil, action.NewError(action.CodeBadField, action.StageInvoke, "the target's authorities cannot be read: "+err.Error()).WithField("tls.ca")
	}
	config.RootCAs = x509.NewCertPool()
	for _, c := range all {
		config.RootCAs.AddCert(c)
	}
	return config, nil
}

func (o *Options) certificates() []tls.Certificate {
	if o.Certificate == nil {
		return nil
	}
	return []tls.Certificate{*o.Certificate}
}
