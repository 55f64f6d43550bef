package invoke

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// Identity is what of a target's TLS does not stand in its definition, read once: who is
// believed, and what is shown. It is safe for concurrent use.
type Identity struct {
	roots       *x509.CertPool   // nil = as the definition says
	certificate *tls.Certificate // nil = none
	sum         [sha256.Size]byte
}

// NewIdentity reads authorities, a certificate and its key in PEM; an empty certificate
// stands in front of the key, and an empty text otherwise is none. The error is internal:
// what is to be sent waits, since who configured it was told of anything else.
func NewIdentity(ca, certificate, key string) (*Identity, *action.Error) {
	refused := func(part string, err error) *action.Error {
		return action.NewError(action.CodeInternal, action.StageInvoke, "what is kept for tls."+part+" of the target cannot be used: "+err.Error())
	}
	id := &Identity{}
	h := sha256.New()
	for _, text := range []string{ca, certificate, key} {
		sum := sha256.Sum256([]byte(text))
		h.Write(sum[:])
	}
	h.Sum(id.sum[:0])
	if ca != "" {
		all, err := action.ReadAuthorities(ca)
		if err != nil {
			return nil, refused("ca", err)
		}
		id.roots = poolOf(all)
	}
	if key == "" {
		return id, nil
	}
	read, err := action.ReadIdentity(certificate, key)
	if err != nil {
		var of *action.PartError
		part := "key"
		if errors.As(err, &of) {
			part, _ = action.IsPart(of.Part)
		}
		return nil, refused(part, err)
	}
	id.certificate = &tls.Certificate{PrivateKey: read.Key, Leaf: read.Chain[0]}
	for _, c := range read.Chain {
		id.certificate.Certificate = append(id.certificate.Certificate, c.Raw)
	}
	return id, nil
}

// Ends words what is wrong with when the certificate begins and ends, see action.Ends.
func (id *Identity) Ends(now time.Time) (says string, over bool) {
	if id == nil || id.certificate == nil {
		return "", false
	}
	return action.Ends(id.certificate.Leaf, now)
}

// is tells whether two are the same.
func (id *Identity) is(other *Identity) bool {
	if id == nil || other == nil {
		return id == other
	}
	return id.sum == other.sum
}

func poolOf(all []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range all {
		pool.AddCert(c)
	}
	return pool
}

// checkIdentity refuses an exchange whose client certificate is over: its server would say
// no more than that the handshake failed.
func (i *Invoker) checkIdentity(id *Identity) *action.Error {
	says, over := id.Ends(i.options.Now())
	if !over {
		return nil
	}
	return action.NewError(action.CodeTLS, action.StageInvoke, "").WithCause(errors.New("tls.certificate of the target, which its server is shown: " + says))
}
