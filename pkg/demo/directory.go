package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// ldapTimeout bounds one exchange with the LDAP server.
const ldapTimeout = 2 * time.Second

// checkLDAP refuses what can never work.
func checkLDAP(o LDAPOptions) error {
	if o.URL == "" {
		if o != (LDAPOptions{}) {
			return errors.New("an LDAP bind DN, password or base needs the LDAP server's URL")
		}
		return nil
	}
	u, err := url.Parse(o.URL)
	if err != nil || (u.Scheme != "ldap" && u.Scheme != "ldaps") || u.Host == "" {
		return errors.New("an LDAP URL is written ldap://HOST:PORT or ldaps://HOST:PORT")
	}
	if u.User != nil { // it would be shown
		return errors.New("an LDAP URL holds no user and no password; give them as bind DN and password")
	}
	if o.Base != "" {
		if _, err := ldap.ParseDN(o.Base); err != nil {
			return fmt.Errorf("the LDAP base is no DN: %w", err)
		}
	}
	return nil
}

// directory is an LDAP server seen from a client. It keeps no connection: each
// use dials, so that what is read back did not come the way it was written.
type directory struct{ LDAPOptions }

// store writes u and gives the DN it has there. A delivery may come twice, so
// an entry that exists already is brought up to date instead.
func (d *directory) store(ctx context.Context, u User) (string, error) {
	conn, err := d.dial(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	dn, err := d.dn(conn, u.Username)
	if err != nil {
		return "", err
	}
	add := ldap.NewAddRequest(dn, nil)
	change := ldap.NewModifyRequest(dn, nil)
	for _, a := range userAttributes(u) {
		add.Attribute(a.name, a.values)
		change.Replace(a.name, a.values)
	}
	add.Attribute("objectClass", []string{"top", "person", "organizationalPerson", "inetOrgPerson"})
	err = conn.Add(add)
	if ldap.IsErrorWithCode(err, ldap.LDAPResultEntryAlreadyExists) {
		err = conn.Modify(change)
	}
	return dn, err
}

// load reads the user with that name back.
func (d *directory) load(ctx context.Context, username string) (*ldap.Entry, error) {
	conn, err := d.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	dn, err := d.dn(conn, username)
	if err != nil {
		return nil, err
	}
	res, err := conn.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases,
		1, int(ldapTimeout.Seconds()), false, "(objectClass=*)", nil, nil))
	if err != nil {
		return nil, err
	}
	if len(res.Entries) != 1 {
		return nil, fmt.Errorf("%d entries at %s", len(res.Entries), dn)
	}
	return res.Entries[0], nil
}

func (d *directory) dial(ctx context.Context) (*ldap.Conn, error) {
	dialer := &net.Dialer{Timeout: ldapTimeout}
	if deadline, ok := ctx.Deadline(); ok {
		dialer.Deadline = deadline
	}
	conn, err := ldap.DialURL(d.URL, ldap.DialWithDialer(dialer))
	if err != nil {
		return nil, err
	}
	conn.SetTimeout(ldapTimeout)
	if d.BindDN == "" {
		return conn, nil
	}
	if err := conn.Bind(d.BindDN, d.Password); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// dn is where the user with that name belongs.
func (d *directory) dn(conn *ldap.Conn, username string) (string, error) {
	base := d.Base
	if base == "" {
		root, err := conn.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases,
			1, int(ldapTimeout.Seconds()), false, "(objectClass=*)", []string{"namingContexts"}, nil))
		if err != nil {
			return "", err
		}
		if len(root.Entries) == 1 {
			base = root.Entries[0].GetAttributeValue("namingContexts")
		}
		if base == "" {
			return "", errors.New("the LDAP server names no naming context: a base is needed")
		}
	}
	return "uid=" + ldap.EscapeDN(username) + "," + base, nil
}

// ldapFault says in a few words what is wrong with the LDAP server.
func ldapFault(err error) string {
	var errno syscall.Errno
	var refused *ldap.Error
	switch {
	case errors.As(err, &errno):
		return errno.Error()
	case strings.HasSuffix(err.Error(), "EOF"), strings.HasSuffix(err.Error(), syscall.ECONNRESET.Error()):
		return "connection closed" // go-ldap hands this on as text
	case errors.As(err, &refused) && refused.ResultCode < ldap.ErrorNetwork:
		return clean(strings.ToLower(ldap.LDAPResultCodeMap[refused.ResultCode]))
	}
	return clean(err.Error())
}

// userAttributes is a user as an inetOrgPerson (RFC 2798). The id goes into
// employeeNumber, so that an entry can be told from one of an earlier run.
func userAttributes(u User) []attribute {
	out := []attribute{
		{"uid", []string{u.Username}},
		{"cn", []string{u.GivenName + " " + u.FamilyName}},
		{"sn", []string{u.FamilyName}},
		{"givenName", []string{u.GivenName}},
		{"mail", []string{u.Email}},
		{"employeeNumber", []string{u.ID}},
	}
	if department := u.Metadata["department"]; department != "" {
		out = append(out, attribute{"departmentNumber", []string{department}})
	}
	return out
}
