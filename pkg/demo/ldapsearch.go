package demo

import (
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/jimlambrt/gldap"
)

// query is what a search request asks.
type query struct {
	base   string
	scope  gldap.Scope
	filter string
	limit  int // 0 = no limit
}

// rootDSE is what a client finds at the empty name: where the tree begins.
var rootDSE = &entry{attributes: []attribute{
	{"objectClass", []string{"top"}},
	{"namingContexts", []string{ldapSuffix}},
	{"supportedLDAPVersion", []string{"3"}},
}}

// search gives the entries that match and an LDAP result code. When more match
// than the limit allows, the first ones come with sizeLimitExceeded.
func (t *tree) search(q query) ([]*entry, int) {
	filter, err := ldap.CompileFilter(q.filter)
	if err != nil {
		return nil, gldap.ResultProtocolError
	}
	if q.base == "" && q.scope == gldap.BaseObject {
		return []*entry{rootDSE}, gldap.ResultSuccess
	}
	base, err := ldap.ParseDN(q.base)
	if err != nil {
		return nil, gldap.ResultInvalidDNSyntax
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(base.RDNs) > 0 && t.find(base) < 0 {
		return nil, gldap.ResultNoSuchObject
	}
	var found []*entry
	for _, e := range t.entries {
		if !inScope(e.parsed, base, q.scope) || !matches(filter, e) {
			continue
		}
		if q.limit > 0 && len(found) == q.limit {
			return found, gldap.ResultSizeLimitExceeded
		}
		found = append(found, e)
	}
	return found, gldap.ResultSuccess
}

func inScope(dn, base *ldap.DN, scope gldap.Scope) bool {
	switch scope {
	case gldap.BaseObject:
		return base.EqualFold(dn)
	case gldap.SingleLevel:
		return len(dn.RDNs) == len(base.RDNs)+1 && base.AncestorOfFold(dn)
	}
	return base.EqualFold(dn) || base.AncestorOfFold(dn)
}

// matches evaluates a compiled filter (RFC 4511, 4.5.1.7). Values ignore case,
// as they do for every attribute the demo uses. A filter it does not know is
// undefined, which matches nothing.
func matches(f *ber.Packet, e *entry) bool {
	sub := func(p *ber.Packet) bool { return matches(p, e) }
	switch f.Tag {
	case ldap.FilterAnd:
		return !slices.ContainsFunc(f.Children, func(p *ber.Packet) bool { return !sub(p) })
	case ldap.FilterOr:
		return slices.ContainsFunc(f.Children, sub)
	case ldap.FilterNot:
		return len(f.Children) == 1 && !sub(f.Children[0])
	case ldap.FilterPresent:
		return len(e.get(text(f))) > 0
	case ldap.FilterEqualityMatch:
		if len(f.Children) != 2 {
			return false
		}
		want := text(f.Children[1])
		return slices.ContainsFunc(e.get(text(f.Children[0])), func(v string) bool { return strings.EqualFold(v, want) })
	case ldap.FilterSubstrings:
		if len(f.Children) != 2 {
			return false
		}
		parts := f.Children[1].Children
		return slices.ContainsFunc(e.get(text(f.Children[0])), func(v string) bool { return substrings(v, parts) })
	}
	return false
}

// substrings tells whether value begins, goes on and ends with parts.
func substrings(value string, parts []*ber.Packet) bool {
	value = strings.ToLower(value)
	for _, p := range parts {
		piece := strings.ToLower(text(p))
		switch p.Tag {
		case ldap.FilterSubstringsInitial:
			if !strings.HasPrefix(value, piece) {
				return false
			}
			value = value[len(piece):]
		case ldap.FilterSubstringsFinal:
			return strings.HasSuffix(value, piece)
		default:
			at := strings.Index(value, piece)
			if at < 0 {
				return false
			}
			value = value[at+len(piece):]
		}
	}
	return true
}

// text is a packet's value as a string.
func text(p *ber.Packet) string {
	if s, ok := p.Value.(string); ok && s != "" {
		return s
	}
	return p.Data.String()
}
