package invoke

import (
	"crypto/tls"

	"github.com/callout-hq/callout/pkg/action"
)

// tlsConfig is how a target's server is believed, and what it is shown. What the target
// says counts for it alone, and its sessions are kept apart from those of others, so that
// none is resumed that another authority has vouched for, or another certificate opened.
func (i *Invoker) tlsConfig(d definition) (*tls.Config, *action.Error) {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		RootCAs:    d.installed.Roots,
		ServerName: d.TLS.ServerName, // "" = the URL's
		// Makes a new connection cheap again, which a short idle time
		// asks for.
		ClientSessionCache: tls.NewLRUClientSessionCache(8),
	}
	if d.TLS.MinVersion == action.TLS13 {
		config.MinVersion = tls.VersionTLS13
	}
	switch {
	case d.identity != nil && d.identity.certificate != nil:
		config.Certificates = []tls.Certificate{*d.identity.certificate}
	case d.own && d.installed.Certificate != nil: // see Installed.Certificate
		config.Certificates = []tls.Certificate{*d.installed.Certificate}
	}
	switch {
	case d.identity != nil && d.identity.roots != nil:
		config.RootCAs = d.identity.roots
	case d.TLS.CA != "":
		all, err := action.ReadAuthorities(d.TLS.CA)
		if err != nil {
			return nil, action.NewError(action.CodeBadField, action.StageInvoke, "the target's authorities cannot be read: "+err.Error()).WithField("tls.ca")
		}
		config.RootCAs = poolOf(all)
	}
	return config, nil
}
