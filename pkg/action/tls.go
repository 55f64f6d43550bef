package action

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Bounds of how a target is reached.
const (
	MaxAuthorities  = 64 << 10         // bytes of a target's authorities, as they are written
	MaxServerName   = 253              // bytes in a name of the DNS (RFC 1035, 2.3.4, without the root)
	DefaultIdleTime = 4 * time.Second  // how long a connection is kept for the next request
	MinIdleTime     = time.Millisecond // and the bounds of what a target may say
	MaxIdleTime     = 10 * time.Minute
)

// The versions of TLS that a target may ask for.
const (
	TLS12 = "1.2" // the default
	TLS13 = "1.3"
)

// TLS says how the server of a target proves who it is, and what it is shown of who
// calls. The zero value is what the
// worker believes, the name in the URL, and version 1.2 or newer.
type TLS struct {
	// CA are the authorities that its certificate may be signed by, in the place of
	// those of the worker: certificates in PEM. They are no secret.
	CA         string       `json:"ca,omitempty"`
	CAFrom     SecretSource `json:"ca_from,omitzero"`      // where they are read, where they do not stand here; no secret
	ServerName string       `json:"server_name,omitempty"` // the name that is asked for (SNI, RFC 6066) and verified; "" = the URL's
	MinVersion string       `json:"min_version,omitempty"` // TLS13, or "" for TLS12

	// Certificate is what is shown to a server that asks who calls: certificates in PEM,
	// its own first. It is no secret; Key is where the private key of it comes from.
	// Where neither it nor CertificateFrom is there, it stands in one text with the key.
	Certificate     string       `json:"certificate,omitempty"`
	CertificateFrom SecretSource `json:"certificate_from,omitzero"` // no secret
	Key             SecretSource `json:"key,omitzero"`
}

// The parts of TLS that come from elsewhere, as they are told apart from headers: no
// header's name has a colon.
const (
	PartCA          = "tls:ca"
	PartCertificate = "tls:certificate"
	PartKey         = "tls:key"
)

// Sources are where parts of it come from, by Part… .
func (t *TLS) Sources() map[string]SecretSource {
	all := map[string]SecretSource{}
	for part, from := range map[string]SecretSource{PartCA: t.CAFrom, PartCertificate: t.CertificateFrom, PartKey: t.Key} {
		if from != (SecretSource{}) {
			all[part] = from
		}
	}
	return all
}

// HasSources tells whether a part of it comes from elsewhere.
func (t *TLS) HasSources() bool {
	return t.CAFrom != (SecretSource{}) || t.CertificateFrom != (SecretSource{}) || t.Key != (SecretSource{})
}

// IsPart tells whether a name is that of a part of TLS, and which key of a file it is.
func IsPart(name string) (key string, is bool) { return strings.CutPrefix(name, "tls:") }

// IdleFor is how long a connection to t is kept for the next request, within the bounds
// whatever stands in IdleTime.
func (t *Target) IdleFor() time.Duration {
	if t.IdleTime > 0 {
		return min(t.IdleTime, MaxIdleTime)
	}
	return DefaultIdleTime
}

// ReadAuthorities reads certificates in PEM: 1 or more, in at most MaxAuthorities bytes.
// What stands between them is passed over, as in RFC 7468; anything else in PEM is
// refused. The error repeats nothing of the text: it may be a key.
func ReadAuthorities(text string) ([]*x509.Certificate, error) {
	if len(text) > MaxAuthorities {
		return nil, fmt.Errorf("authorities have at most %d bytes, these have %d", MaxAuthorities, len(text))
	}
	var all []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		switch {
		case block == nil && bytes.Contains(rest, []byte("-----BEGIN")):
			return nil, fmt.Errorf("behind %d certificates comes a block of PEM that is cut off or broken", len(all))
		case block == nil && all == nil:
			return nil, errors.New("there is no certificate in it: it is the text of one in PEM, which begins with -----BEGIN CERTIFICATE-----")
		case block == nil:
			return all, nil
		case strings.Contains(block.Type, "PRIVATE KEY"):
			return nil, errors.New("there is a private key in it, which belongs to nobody but its owner: give the certificates alone, and make a new key")
		case block.Type != "CERTIFICATE":
			return nil, fmt.Errorf("block %d of it is no certificate: give those of authorities alone", len(all)+1)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of it cannot be read", len(all)+1)
		}
		all = append(all, c)
	}
}

// PEM writes certificates one behind the other, and nothing else.
func PEM(certificates []*x509.Certificate) string {
	var b strings.Builder
	for _, c := range certificates {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.String()
}
