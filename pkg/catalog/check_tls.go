package catalog

import (
	"net/netip"
	"regexp"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// serverNamePattern is a name as certificates have it: labels of letters, digits, - and
// _, of 1 to 63 bytes.
var serverNamePattern = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$`)

// checkTLS holds what a target says of TLS against its grammar. When certificates end is
// looked at where they are read and not here: a catalog that is in force stays readable.
func checkTLS(r *Report, path string, t *action.Target) {
	if t.TLS.CA != "" {
		if _, err := action.ReadAuthorities(t.TLS.CA); err != nil {
			r.errorf(JoinPath(path, "ca"), ProblemBadValue, "ca cannot be used: %s", err)
		}
	}
	checkFrom(r, JoinPath(path, "ca"), t.TLS.CA, t.TLS.CAFrom)
	checkCertificate(r, path, t)
	if fault := checkServerName(t.TLS.ServerName); fault != "" {
		r.errorf(JoinPath(path, "server_name"), ProblemBadValue, "%s", fault)
	}
	switch t.TLS.MinVersion {
	case "", action.TLS12, action.TLS13:
	default:
		r.errorf(JoinPath(path, "min_version"), ProblemBadValue, "min_version is \"1.2\" or \"1.3\"")
	}
}

// checkCertificate looks at what the target's server is shown. Nothing that stands there
// is repeated: a key may have been put there by mistake.
func checkCertificate(r *Report, path string, t *action.Target) {
	at := JoinPath(path, "certificate")
	checkFrom(r, at, t.TLS.Certificate, t.TLS.CertificateFrom)
	if t.TLS.Certificate != "" {
		if _, err := action.ReadAuthorities(t.TLS.Certificate); err != nil {
			r.errorf(at, ProblemBadValue, "certificate cannot be used: %s", err)
		} else if len(t.TLS.Certificate) > action.MaxSecret {
			r.errorf(at, ProblemBadValue, "certificate has at most %d bytes, this one has %d", action.MaxSecret, len(t.TLS.Certificate))
		}
	}
	switch {
	case t.TLS.Key != (action.SecretSource{}):
		checkSecretSource(r, JoinPath(path, "key"), t.TLS.Key)
	case t.TLS.Certificate != "" || t.TLS.CertificateFrom != (action.SecretSource{}):
		r.errorf(JoinPath(path, "key"), ProblemMissing, "a certificate is of no use without its private key: key is one of {env: NAME}, {file: PATH} and {secret: NAME}")
	}
}

// checkFrom checks where something comes from that may stand in the file as well, and is
// no secret.
func checkFrom(r *Report, path, text string, from action.SecretSource) {
	switch {
	case from == (action.SecretSource{}):
		return
	case text != "" || (from.Env == "") == (from.File == "") || from.Secret != "":
		r.errorf(path, ProblemMisplaced, "it is one of a text in PEM, {env: NAME} and {file: PATH}")
	}
	checkPlaces(r, path, from.Env, from.File)
}

// CheckEnds tells which certificates in a catalog are over, or end soon, at a moment. Where
// all authorities of a target are over, or its own certificate is, that is an error.
// Problems are in no order. Those that stand elsewhere are looked at where they are read.
func CheckEnds(s *Snapshot, now time.Time) []Problem {
	r := &Report{}
	for _, org := range s.Orgs() {
		sc := s.Scopes[org]
		if sc == nil {
			continue
		}
		for name, t := range sc.Targets {
			checkEnds(r, JoinPath(Place{Org: org, Ref: Ref{Name: name}}.Path(), "tls"), &t, now)
		}
	}
	return r.Problems()
}

func checkEnds(r *Report, path string, t *action.Target, now time.Time) {
	if says, over := AuthoritiesEnd(t.TLS.CA, now); says != "" {
		r.ends(JoinPath(path, "ca"), says, over)
	}
	if t.TLS.Certificate == "" {
		return
	}
	chain, err := action.ReadAuthorities(t.TLS.Certificate)
	if err != nil {
		return // which is said elsewhere
	}
	if says, over := action.Ends(chain[0], now); says != "" {
		r.ends(JoinPath(path, "certificate"), says, over)
	}
}

func (r *Report) ends(path, says string, over bool) {
	if over {
		r.errorf(path, ProblemOver, "%s", says)
		return
	}
	r.warnf(path, ProblemEnds, "%s", says)
}

// AuthoritiesEnd words which of the certificates of authorities is over or ends soon; empty
// when none does, or they cannot be read. over tells that none of them can be used.
func AuthoritiesEnd(text string, now time.Time) (says string, over bool) {
	if text == "" {
		return "", false
	}
	all, err := action.ReadAuthorities(text)
	if err != nil {
		return "", false
	}
	ended := 0
	for _, c := range all {
		one, is := action.Ends(c, now)
		if is {
			ended++
		}
		if says == "" {
			says = one
		}
	}
	return says, ended == len(all)
}

func checkServerName(name string) string {
	if name == "" || len(name) <= action.MaxServerName && serverNamePattern.MatchString(name) {
		return ""
	}
	if ip, err := netip.ParseAddr(name); err == nil && ip.Zone() == "" {
		return ""
	}
	return "server_name is the name in the certificate of the target, such as hooks.example.com, or an address, without a port"
}
