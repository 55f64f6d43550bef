package main

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const ldapTimeout = 2 * time.Second

// store writes a user to LDAP. A delivery may come twice: an entry that exists is brought up to date.
func store(ctx context.Context, u user) error {
	dialer := &net.Dialer{Timeout: ldapTimeout}
	dialer.Deadline, _ = ctx.Deadline()
	conn, err := ldap.DialURL(os.Getenv("LDAP_URL"), ldap.DialWithDialer(dialer))
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetTimeout(ldapTimeout)
	if bind := os.Getenv("LDAP_BIND_DN"); bind != "" {
		if err := conn.Bind(bind, os.Getenv("LDAP_PASSWORD")); err != nil {
			return err
		}
	}
	base, err := baseOf(conn)
	if err != nil {
		return err
	}
	dn := "uid=" + ldap.EscapeDN(u.Username) + "," + base
	add, change := ldap.NewAddRequest(dn, nil), ldap.NewModifyRequest(dn, nil)
	add.Attribute("objectClass", []string{"top", "person", "organizationalPerson", "inetOrgPerson"})
	for name, value := range map[string]string{"uid": u.Username, "cn": u.GivenName + " " + u.FamilyName, "sn": u.FamilyName, "givenName": u.GivenName,
		"mail": u.Email, "employeeNumber": u.ID, "departmentNumber": u.Metadata.Department} {
		add.Attribute(name, []string{value})
		change.Replace(name, []string{value})
	}
	err = conn.Add(add)
	if ldap.IsErrorWithCode(err, ldap.LDAPResultEntryAlreadyExists) {
		err = conn.Modify(change)
	}
	return err
}

// baseOf is where users belong: what the environment says, or the server's first naming context.
func baseOf(conn *ldap.Conn) (string, error) {
	if base := os.Getenv("LDAP_BASE"); base != "" {
		return base, nil
	}
	root, err := conn.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, int(ldapTimeout.Seconds()), false, "(objectClass=*)", []string{"namingContexts"}, nil))
	if err != nil {
		return "", err
	}
	if len(root.Entries) != 1 || root.Entries[0].GetAttributeValue("namingContexts") == "" {
		return "", errors.New("the LDAP server names no naming context: set LDAP_BASE")
	}
	return root.Entries[0].GetAttributeValue("namingContexts"), nil
}
