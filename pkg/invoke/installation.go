package invoke

import (
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"
)

// Installed is what an installation has for its targets.
type Installed struct {
	Roots *x509.CertPool // believed of targets that name none; nil = the system's
	// Certificate is shown to the servers of the instance's targets that ask for one and
	// have none of their own; nil = none. An organization's target is not shown it: what
	// believes the certificate would do for that organization what it does for us.
	Certificate *tls.Certificate
}

// Installation holds what is Installed, and may be given something else at any time:
// connections that are made from then on have it. It is safe for concurrent use.
type Installation struct{ now atomic.Pointer[Installed] }

// NewInstallation makes one.
func NewInstallation(is Installed) *Installation {
	n := &Installation{}
	n.Set(is)
	return n
}

// Set puts something else in the place of what there is.
func (n *Installation) Set(is Installed) { n.now.Store(&is) }

// installed is what there is now; it is another pointer once it is something else.
func (n *Installation) installed() *Installed { return n.now.Load() }
