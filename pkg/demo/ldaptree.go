package demo

import (
	"slices"
	"strings"
	"sync"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/jimlambrt/gldap"
)

// maxEntries bounds the tree; past it an add is refused with
// adminLimitExceeded.
const maxEntries = 10_000

// attribute is one attribute of an entry, with its name as it was written.
type attribute struct {
	name   string
	values []string
}

// entry is one node of the tree.
type entry struct {
	dn         string
	parsed     *ldap.DN
	attributes []attribute
}

// get gives the values of an attribute; names ignore case.
func (e *entry) get(name string) []string {
	for _, a := range e.attributes {
		if strings.EqualFold(a.name, name) {
			return a.values
		}
	}
	return nil
}

// selected gives the attributes a search asked for: all of them for none or *,
// none for 1.1 (RFC 4511, 4.5.1.8).
func (e *entry) selected(names []string) []attribute {
	if len(names) == 0 || slices.Contains(names, "*") {
		return e.attributes
	}
	var out []attribute
	for _, a := range e.attributes {
		if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, a.name) }) {
			out = append(out, a)
		}
	}
	return out
}

// tree is the map behind the LDAP server. Safe for concurrent use; entries are
// replaced, never changed, so a found one may be read without the lock. The
// numbers its methods return are LDAP result codes.
type tree struct {
	mu      sync.RWMutex
	entries []*entry // in the order in which they were added
}

func newTree() *tree {
	t := &tree{}
	t.put(ldapSuffix, []attribute{{"objectClass", []string{"top", "dcObject", "organization"}}, {"dc", []string{"callout"}}, {"o", []string{"Callout demo"}}})
	t.put(ldapPeople, []attribute{{"objectClass", []string{"top", "organizationalUnit"}}, {"ou", []string{"people"}}})
	return t
}

func (t *tree) put(dn string, attributes []attribute) {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		panic(err) // a constant of ours
	}
	t.entries = append(t.entries, &entry{dn: dn, parsed: parsed, attributes: attributes})
}

// find is the index of the entry at dn, or -1. The caller holds the lock.
func (t *tree) find(dn *ldap.DN) int {
	return slices.IndexFunc(t.entries, func(e *entry) bool { return e.parsed.EqualFold(dn) })
}

func (t *tree) add(dn string, attributes []attribute) int {
	parsed, err := ldap.ParseDN(dn)
	if err != nil || len(parsed.RDNs) == 0 {
		return gldap.ResultInvalidDNSyntax
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &entry{dn: dn, parsed: parsed, attributes: attributes}
	switch {
	case t.find(parsed) >= 0:
		return gldap.ResultEntryAlreadyExists
	case t.find(&ldap.DN{RDNs: parsed.RDNs[1:]}) < 0:
		return gldap.ResultNoSuchObject
	case len(e.get("objectClass")) == 0:
		return gldap.ResultObjectClassViolation
	case len(t.entries) >= maxEntries:
		return gldap.ResultAdminLimitExceeded
	}
	t.entries = append(t.entries, e)
	return gldap.ResultSuccess
}

func (t *tree) delete(dn string) int {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return gldap.ResultInvalidDNSyntax
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.find(parsed)
	if at < 0 {
		return gldap.ResultNoSuchObject
	}
	if slices.ContainsFunc(t.entries, func(e *entry) bool { return parsed.AncestorOfFold(e.parsed) }) {
		return gldap.ResultNotAllowedOnNonLeaf
	}
	t.entries = slices.Delete(t.entries, at, at+1)
	return gldap.ResultSuccess
}

// modify applies all changes or none.
func (t *tree) modify(dn string, changes []gldap.Change) int {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return gldap.ResultInvalidDNSyntax
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.find(parsed)
	if at < 0 {
		return gldap.ResultNoSuchObject
	}
	changed := &entry{dn: t.entries[at].dn, parsed: parsed, attributes: slices.Clone(t.entries[at].attributes)}
	for _, c := range changes {
		if code := changed.apply(int(c.Operation), c.Modification); code != gldap.ResultSuccess {
			return code
		}
	}
	t.entries[at] = changed
	return gldap.ResultSuccess
}

// apply is one change of a modify request (RFC 4511, 4.6).
func (e *entry) apply(operation int, m gldap.PartialAttribute) int {
	at := slices.IndexFunc(e.attributes, func(a attribute) bool { return strings.EqualFold(a.name, m.Type) })
	named, err := changeValues(m.Vals)
	if err != nil {
		return gldap.ResultProtocolError
	}
	var values []string
	switch operation {
	case gldap.ReplaceAttribute:
		values = named
	case gldap.AddAttribute:
		values = append(slices.Clone(e.get(m.Type)), named...)
	case gldap.DeleteAttribute:
		if at < 0 {
			return gldap.ResultNoSuchAttribute
		}
		if len(named) > 0 {
			values = slices.DeleteFunc(slices.Clone(e.get(m.Type)), func(v string) bool { return slices.Contains(named, v) })
		}
	default:
		return gldap.ResultProtocolError
	}
	switch {
	case at < 0 && len(values) > 0:
		e.attributes = append(e.attributes, attribute{m.Type, values})
	case at >= 0 && len(values) > 0:
		e.attributes[at] = attribute{e.attributes[at].name, values}
	case at >= 0:
		e.attributes = slices.Delete(e.attributes, at, at+1)
	}
	return gldap.ResultSuccess
}

// changeValues reads the values of a change. gldap hands them on as they were
// on the wire: the octet strings of the whole set, one behind the other.
func changeValues(sets []string) ([]string, error) {
	var values []string
	for _, set := range sets {
		rest := strings.NewReader(set)
		for rest.Len() > 0 {
			p, err := ber.ReadPacket(rest)
			if err != nil {
				return nil, err
			}
			values = append(values, p.Data.String())
		}
	}
	return values, nil
}

func attributesOf(in []gldap.Attribute) []attribute {
	out := make([]attribute, 0, len(in))
	for _, a := range in {
		out = append(out, attribute{a.Type, a.Vals})
	}
	return out
}

func sameDN(a, b string) bool {
	x, errX := ldap.ParseDN(a)
	y, errY := ldap.ParseDN(b)
	return errX == nil && errY == nil && x.EqualFold(y)
}
