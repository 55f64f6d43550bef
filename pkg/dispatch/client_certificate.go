package dispatch

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// badSource is the error of a part of a target that comes from elsewhere; key is which of
// env, file and secret says where, "" = whatever stands there.
func badSource(t keyed, name, key, message string) *action.Error {
	at := catalog.JoinPath(t.path()+".headers", name)
	if part, is := action.IsPart(name); is {
		at = t.path() + ".tls." + part
	}
	if key != "" {
		at += "." + key
	}
	return action.NewError(action.CodeBadField, action.StageCatalog, message).WithField(at).WithTarget(t.Name)
}

// checkNamedValue tells whether a text may be kept by a name, and what is in it where it is
// a key in PEM. The error shows nothing of it.
func checkNamedValue(value string, now time.Time) (*bus.KeyFacts, error) {
	if !strings.Contains(value, "-----BEGIN ") {
		return nil, checkSecretValue(value)
	}
	id, err := action.ReadBundle(value)
	if err != nil {
		return nil, err
	}
	facts := &bus.KeyFacts{Sum: action.KeySum(id.Key.Public())}
	if len(id.Chain) > 0 {
		if says, over := action.Ends(id.Chain[0], now); over {
			return nil, errors.New(says)
		}
		facts.Until = id.Chain[0].NotAfter.UTC()
	}
	return facts, nil
}

// fitsUsers tells whether a secret that is set anew can be what the targets that name it
// use it for. That a key is not that of a certificate of theirs is no error: the
// certificate is changed next.
func fitsUsers(c *catalog.Snapshot, s bus.NamedSecret) error {
	sc := c.Scopes[s.Owner]
	if sc == nil {
		return nil
	}
	for target, t := range sc.Targets {
		for name, from := range t.Sources() {
			if from.Secret != s.Name {
				continue
			}
			unlike := t
			unlike.TLS.Certificate = strings.Repeat(" ", min(len(t.TLS.Certificate), 1)) // there is one, which says nothing
			if says := misfit(&unlike, name, s); says != "" {
				return action.NewError(action.CodeBadField, action.StageCatalog, fmt.Sprintf("the target %s names it: %s", target, says)).WithField("value")
			}
		}
	}
	return nil
}

// misfit words why a named secret cannot be what a target names it as; empty when it can.
func misfit(t *action.Target, name string, s bus.NamedSecret) string {
	_, part := action.IsPart(name)
	switch {
	case !part && s.PEM != nil:
		return fmt.Sprintf("the secret %q is a private key, which is sent in no header: name it as tls.key", s.Name)
	case !part:
		return ""
	case s.PEM == nil:
		return fmt.Sprintf("the secret %q is no private key in PEM: set it by callout secret set %s --from-file KEY.pem", s.Name, s.Name)
	case t.TLS.Certificate == "" && t.TLS.CertificateFrom == (action.SecretSource{}) && s.PEM.Until.IsZero():
		return fmt.Sprintf("the secret %q is a private key without its certificate: put the certificate in front of the key, or name it as certificate", s.Name)
	}
	chain, err := action.ReadAuthorities(t.TLS.Certificate)
	if err == nil && action.KeySum(chain[0].PublicKey) != s.PEM.Sum {
		return fmt.Sprintf("the private key in the secret %q is not that of the certificate: name the key that the certificate was made for", s.Name)
	}
	return ""
}

// ends tells whether the certificate of a target's key that is kept by a name is over, and
// says where it ends soon.
func (i *Instance) ends(e *edition, t keyed, s bus.NamedSecret, name string) error {
	beside := t.TLS.Certificate != "" || t.TLS.CertificateFrom != (action.SecretSource{})
	if s.PEM == nil || s.PEM.Until.IsZero() || beside {
		return nil
	}
	left := time.Until(s.PEM.Until)
	at := s.PEM.Until.Format("2006-01-02 15:04") + " UTC"
	switch {
	case left <= 0:
		return badSource(t, name, "secret", fmt.Sprintf("the certificate in the secret %q is over since %s: have it renewed, and set it by callout secret set", s.Name, at))
	case left < action.SoonEnds && e.operators:
		i.log.Warn().Str("org", t.owner).Str("target", t.Name).Time("until", s.PEM.Until).Msg("the client certificate of a target ends soon")
	}
	return nil
}

// parts checks what was read of a target's TLS: certificates that can be read and are not
// over, and a key that is theirs. What names a secret is looked at by misfit. Of a file of
// the operator a certificate that is over is said, and keeps nothing else up.
func (have keyFiles) parts(t keyed, read map[string]string) error {
	now := time.Now()
	ended := func(part, says string, over bool) error {
		if over && t.offered {
			return badSource(t, part, "", says)
		}
		if says != "" {
			have.log.Warn().Str("org", t.owner).Str("target", t.Name).Str("part", strings.Replace(part, ":", ".", 1)).Msg(says)
		}
		return nil
	}
	if text, is := read[action.PartCA]; is {
		if _, err := action.ReadAuthorities(text); err != nil {
			return badSource(t, action.PartCA, "", "ca cannot be used: "+err.Error())
		}
		says, over := catalog.AuthoritiesEnd(text, now)
		if err := ended(action.PartCA, says, over); err != nil {
			return err
		}
	}
	certificate, is := read[action.PartCertificate]
	if !is {
		certificate = t.TLS.Certificate
	}
	key, hasKey := read[action.PartKey]
	if !hasKey {
		return have.certificate(t, certificate, is, ended)
	}
	id, err := action.ReadIdentity(certificate, key)
	if wrong := (*action.PartError)(nil); errors.As(err, &wrong) {
		part, _ := action.IsPart(wrong.Part)
		return badSource(t, wrong.Part, "", part+" cannot be used: "+wrong.Says)
	}
	at := action.PartCertificate
	if certificate == "" {
		at = action.PartKey
	}
	says, over := action.Ends(id.Chain[0], now)
	return ended(at, says, over)
}

// certificate checks one that was read, and whose key is kept by a name.
func (have keyFiles) certificate(t keyed, text string, read bool, ended func(part, says string, over bool) error) error {
	if !read {
		return nil
	}
	chain, err := action.ReadAuthorities(text)
	if err != nil {
		return badSource(t, action.PartCertificate, "", "certificate cannot be used: "+err.Error())
	}
	says, over := action.Ends(chain[0], time.Now())
	return ended(action.PartCertificate, says, over)
}
