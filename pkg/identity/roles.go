package identity

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
)

// Roles are what a file of roles says.
type Roles struct {
	Certificates []Certificate `yaml:"certificates"`
	Providers    []Provider    `yaml:"oidc"`
}

// Granted is what a role may do, and where: with neither instance nor org in the whole
// installation.
type Granted struct {
	Instance string   `yaml:"instance"`
	Org      string   `yaml:"org"`
	Verbs    []string `yaml:"verbs"`

	verbs []access.Verb
}

// Certificate is the role of who shows a certificate with a subject, which is written
// as RFC 2253 has it: CN=core,O=Example.
type Certificate struct {
	Subject string `yaml:"subject"`
	Granted `yaml:",inline"`
}

// Provider is an identity provider whose access tokens are taken.
type Provider struct {
	Issuer   string `yaml:"issuer"`   // https://…; plain http on loopback alone
	Audience string `yaml:"audience"` // what must stand in aud
	Claim    string `yaml:"claim"`    // the member of a token that names roles: a text or a list of texts
	Roles    []Role `yaml:"roles"`    // the first that a token has counts
}

// Role is one of an identity provider.
type Role struct {
	Value   string `yaml:"value"`
	Granted `yaml:",inline"`
}

// Bounds of a file of roles.
const (
	maxFile  = 1 << 20 // bytes
	maxRoles = 1000    // of a provider, and certificates
)

// ReadFile reads a file of roles. The error names what is wrong in it.
func ReadFile(path string) (Roles, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Roles{}, errors.Unwrap(err)
	}
	if info.Size() > maxFile {
		return Roles{}, fmt.Errorf("it has %d bytes, at most %d are read", info.Size(), maxFile)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return Roles{}, errors.Unwrap(err)
	}
	return Read(raw)
}

// Read reads the text of a file of roles.
func Read(raw []byte) (r Roles, err error) {
	if len(raw) > maxFile {
		return r, fmt.Errorf("it has %d bytes, at most %d are read", len(raw), maxFile)
	}
	defer func() { // the YAML library is not made for hostile input
		if recover() != nil {
			r, err = Roles{}, errors.New("the YAML could not be read")
		}
	}()
	if err := yaml.UnmarshalWithOptions(raw, &r, yaml.DisallowUnknownField()); err != nil {
		return Roles{}, errors.New(yaml.FormatError(err, false, true))
	}
	if len(r.Certificates)+len(r.Providers) == 0 {
		return Roles{}, errors.New("it names neither certificates: nor oidc: anything")
	}
	return r, r.check()
}

func (r *Roles) check() error {
	if len(r.Certificates) > maxRoles {
		return fmt.Errorf("certificates: at most %d", maxRoles)
	}
	for n := range r.Certificates {
		c := &r.Certificates[n]
		if c.Subject == "" {
			return fmt.Errorf("certificates[%d].subject is missing: write CN=core,O=Example", n)
		}
		if slices.ContainsFunc(r.Certificates[:n], func(other Certificate) bool { return other.Subject == c.Subject }) {
			return fmt.Errorf("certificates[%d].subject: %s stands twice", n, c.Subject)
		}
		if err := c.check(); err != nil {
			return fmt.Errorf("certificates[%d].%w", n, err)
		}
	}
	for n := range r.Providers {
		if err := r.Providers[n].check(); err != nil {
			return fmt.Errorf("oidc[%d].%w", n, err)
		}
	}
	return nil
}

func (p *Provider) check() error {
	u, err := url.Parse(p.Issuer)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("issuer is no URL, such as https://id.example.com")
	case u.Scheme != "https" && (u.Scheme != "http" || !slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname())):
		return errors.New("issuer begins with https://: its keys decide who comes in")
	case p.Audience == "":
		return errors.New("audience is missing: what must stand in aud of a token, so that one for another service counts for nothing here")
	case p.Claim == "":
		return errors.New("claim is missing: the member of a token that names roles")
	case len(p.Roles) == 0 || len(p.Roles) > maxRoles:
		return fmt.Errorf("roles: 1 to %d", maxRoles)
	}
	for n := range p.Roles {
		if p.Roles[n].Value == "" {
			return fmt.Errorf("roles[%d].value is missing", n)
		}
		if err := p.Roles[n].check(); err != nil {
			return fmt.Errorf("roles[%d].%w", n, err)
		}
	}
	return nil
}

func (g *Granted) check() (err error) {
	if g.verbs, err = access.ParseVerbs(strings.Join(g.Verbs, ",")); err != nil {
		return fmt.Errorf("verbs: %w", err)
	}
	for name, id := range map[string]string{"instance": g.Instance, "org": g.Org} {
		if err := action.CheckID(id); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if g.Org != "" && g.Instance == "" {
		return errors.New("instance is missing: an organization is one of an instance")
	}
	return nil
}

// principal is who has the role.
func (g *Granted) principal(id, name string) *access.Principal {
	return &access.Principal{ID: id, Name: name, Scope: access.Scope{Instance: g.Instance, Org: g.Org}, Verbs: g.verbs}
}

// Subjects gives who each certificate is of, by its subject.
func (r Roles) Subjects() map[string]*access.Principal {
	all := make(map[string]*access.Principal, len(r.Certificates))
	for n := range r.Certificates {
		c := &r.Certificates[n]
		all[c.Subject] = c.principal(c.Subject, c.Subject)
	}
	return all
}
