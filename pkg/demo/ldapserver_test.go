package demo

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"
)

const testPassword = "a password"

// startLDAP gives a running server with a bound administrator's connection.
func startLDAP(t *testing.T) (*LDAPServer, *ldap.Conn) {
	t.Helper()
	s, err := StartLDAP(testPassword)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	s.Up()
	c := dialLDAP(t, s.URL())
	require.NoError(t, c.Bind(ldapAdmin, testPassword))
	return s, c
}

func dialLDAP(t *testing.T, url string) *ldap.Conn {
	t.Helper()
	c, err := ldap.DialURL(url)
	require.NoError(t, err)
	c.SetTimeout(5 * time.Second)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func person(uid string, attributes map[string][]string) *ldap.AddRequest {
	add := ldap.NewAddRequest("uid="+uid+","+ldapPeople, nil)
	add.Attribute("objectClass", []string{"inetOrgPerson"})
	add.Attribute("uid", []string{uid})
	for name, values := range attributes {
		add.Attribute(name, values)
	}
	return add
}

func search(c *ldap.Conn, base string, scope int, filter string, attributes ...string) (*ldap.SearchResult, error) {
	return c.Search(ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil))
}

func TestLDAPBind(t *testing.T) {
	t.Parallel()
	s, _ := startLDAP(t)
	for _, c := range []struct {
		name, dn, password string
		ok                 bool
	}{
		{"administrator", ldapAdmin, testPassword, true},
		{"administrator in other letters", "CN=Admin, DC=callout,DC=demo", testPassword, true},
		{"wrong password", ldapAdmin, "another", false},
		{"somebody else", "cn=eve," + ldapSuffix, testPassword, false},
		{"no name", "", testPassword, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := dialLDAP(t, s.URL()).Bind(c.dn, c.password)
			if c.ok {
				require.NoError(t, err)
				return
			}
			require.True(t, ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials), "%v", err)
		})
	}
	anonymous := dialLDAP(t, s.URL())
	require.NoError(t, anonymous.UnauthenticatedBind(""))
	require.Error(t, anonymous.UnauthenticatedBind(ldapAdmin), "a name without a password must not look like a bind")
}

func TestLDAPOnlyTheAdministratorWrites(t *testing.T) {
	t.Parallel()
	s, _ := startLDAP(t)
	c := dialLDAP(t, s.URL())
	refused := func(err error) {
		t.Helper()
		require.True(t, ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights), "%v", err)
	}
	change := ldap.NewModifyRequest(ldapPeople, nil)
	change.Replace("ou", []string{"nobody"})
	refused(c.Add(person("ada", nil)))
	refused(c.Modify(change))
	refused(c.Del(ldap.NewDelRequest(ldapPeople, nil)))
	res, err := search(c, ldapPeople, ldap.ScopeBaseObject, "(ou=people)")
	require.NoError(t, err)
	require.Len(t, res.Entries, 1)
}

func TestLDAPAddModifyDelete(t *testing.T) {
	t.Parallel()
	_, c := startLDAP(t)
	ada := "uid=ada," + ldapPeople
	require.NoError(t, c.Add(person("ada", map[string][]string{"sn": {"Lovelace"}, "mail": {"a@example.com", "b@example.com"}})))
	require.True(t, ldap.IsErrorWithCode(c.Add(person("ada", nil)), ldap.LDAPResultEntryAlreadyExists))
	require.True(t, ldap.IsErrorWithCode(c.Add(ldap.NewAddRequest("uid=eve,ou=nowhere,"+ldapSuffix, nil)), ldap.LDAPResultNoSuchObject))
	bare := ldap.NewAddRequest("uid=eve,"+ldapPeople, nil)
	bare.Attribute("uid", []string{"eve"})
	require.True(t, ldap.IsErrorWithCode(c.Add(bare), ldap.LDAPResultObjectClassViolation))

	change := ldap.NewModifyRequest(ada, nil)
	change.Replace("sn", []string{"King"})
	change.Add("givenName", []string{"Ada", "Augusta"})
	change.Delete("mail", []string{"a@example.com"})
	require.NoError(t, c.Modify(change))
	res, err := search(c, ada, ldap.ScopeBaseObject, "(objectClass=*)")
	require.NoError(t, err)
	require.Equal(t, "King", res.Entries[0].GetAttributeValue("sn"))
	require.Equal(t, []string{"Ada", "Augusta"}, res.Entries[0].GetAttributeValues("givenName"))
	require.Equal(t, []string{"b@example.com"}, res.Entries[0].GetAttributeValues("mail"))

	half := ldap.NewModifyRequest(ada, nil)
	half.Replace("sn", []string{"changed"})
	half.Delete("noSuch", nil)
	require.True(t, ldap.IsErrorWithCode(c.Modify(half), ldap.LDAPResultNoSuchAttribute))
	res, err = search(c, ada, ldap.ScopeBaseObject, "(sn=King)")
	require.NoError(t, err)
	require.Len(t, res.Entries, 1, "a change that fails half-way must change nothing")

	require.True(t, ldap.IsErrorWithCode(c.Del(ldap.NewDelRequest(ldapPeople, nil)), ldap.LDAPResultNotAllowedOnNonLeaf))
	require.NoError(t, c.Del(ldap.NewDelRequest(ada, nil)))
	require.True(t, ldap.IsErrorWithCode(c.Del(ldap.NewDelRequest(ada, nil)), ldap.LDAPResultNoSuchObject))
}

func TestLDAPSearch(t *testing.T) {
	t.Parallel()
	_, c := startLDAP(t)
	require.NoError(t, c.Add(person("ada", map[string][]string{"cn": {"Ada Lovelace"}, "departmentNumber": {"analytics"}})))
	require.NoError(t, c.Add(person("grace", map[string][]string{"cn": {"Grace Hopper"}})))
	for _, tc := range []struct {
		base   string
		scope  int
		filter string
		want   []string
	}{
		{ldapPeople, ldap.ScopeWholeSubtree, "(uid=ada)", []string{"ada"}},
		{ldapPeople, ldap.ScopeWholeSubtree, "(UID=ADA)", []string{"ada"}},
		{ldapSuffix, ldap.ScopeWholeSubtree, "(uid=*)", []string{"ada", "grace"}},
		{ldapSuffix, ldap.ScopeSingleLevel, "(uid=*)", nil},
		{ldapPeople, ldap.ScopeSingleLevel, "(objectClass=*)", []string{"ada", "grace"}},
		{"uid=ada," + ldapPeople, ldap.ScopeBaseObject, "(objectClass=*)", []string{"ada"}},
		{ldapPeople, ldap.ScopeWholeSubtree, "(&(uid=*)(!(departmentNumber=*)))", []string{"grace"}},
		{ldapPeople, ldap.ScopeWholeSubtree, "(|(cn=Ada*)(cn=*Hopper))", []string{"ada", "grace"}},
		{ldapPeople, ldap.ScopeWholeSubtree, "(cn=A*love*ace)", []string{"ada"}},
		{ldapPeople, ldap.ScopeWholeSubtree, "(cn=A*love*x)", nil},
		{ldapPeople, ldap.ScopeWholeSubtree, "(uid>=a)", nil},
	} {
		t.Run(tc.filter, func(t *testing.T) {
			res, err := search(c, tc.base, tc.scope, tc.filter, "uid")
			require.NoError(t, err)
			var got []string
			for _, e := range res.Entries {
				got = append(got, e.GetAttributeValue("uid"))
				require.Len(t, e.Attributes, 1, "only what was asked for")
			}
			require.Equal(t, tc.want, got)
		})
	}
	_, err := search(c, "uid=nobody,"+ldapPeople, ldap.ScopeBaseObject, "(objectClass=*)")
	require.True(t, ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject), "%v", err)
	_, err = c.Search(ldap.NewSearchRequest(ldapPeople, ldap.ScopeWholeSubtree, 0, 1, 0, false, "(uid=*)", nil, nil))
	require.True(t, ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded), "%v", err)
	root, err := search(c, "", ldap.ScopeBaseObject, "(objectClass=*)", "namingContexts")
	require.NoError(t, err)
	require.Equal(t, ldapSuffix, root.Entries[0].GetAttributeValue("namingContexts"))
}

func TestLDAPIsBounded(t *testing.T) {
	t.Parallel()
	tr := newTree()
	class := []attribute{{"objectClass", []string{"top"}}}
	for n := len(tr.entries); n < maxEntries; n++ {
		tr.put(fmt.Sprintf("uid=u%d,%s", n, ldapPeople), class)
	}
	require.Equal(t, ldap.LDAPResultAdminLimitExceeded, tr.add("uid=one-more,"+ldapPeople, class))
}

// A server that is down closes connections, comes up at the same address, and
// stops although a client stays connected.
func TestLDAPDownUpAndStop(t *testing.T) {
	t.Parallel()
	s, err := StartLDAP(testPassword)
	require.NoError(t, err)
	d := &directory{LDAPOptions{URL: s.URL(), BindDN: ldapAdmin, Password: testPassword, Base: ldapPeople}}
	_, err = d.store(t.Context(), newcomer)
	require.Error(t, err)
	s.Up()
	dn, err := d.store(t.Context(), newcomer)
	require.NoError(t, err)
	require.Equal(t, "uid=ada,"+ldapPeople, dn)
	idle := dialLDAP(t, s.URL())
	require.NoError(t, idle.Bind(ldapAdmin, testPassword))

	stopped := make(chan error, 1)
	go func() { stopped <- s.Close() }()
	select {
	case err := <-stopped:
		require.NoError(t, err)
	case <-time.After(5 * time.Second):
		t.Fatal("the server waits for its idle client")
	}
}

// A delivery may come twice: the second one brings the entry up to date.
func TestDirectoryStoresTwice(t *testing.T) {
	t.Parallel()
	s, _ := startLDAP(t)
	d := &directory{LDAPOptions{URL: s.URL(), BindDN: ldapAdmin, Password: testPassword}}
	d.Base = ldapPeople
	u := newcomer
	u.ID = "1"
	_, err := d.store(t.Context(), u)
	require.NoError(t, err)
	u.ID, u.Metadata = "2", addedMetadata
	_, err = d.store(t.Context(), u)
	require.NoError(t, err)
	entry, err := d.load(t.Context(), u.Username)
	require.NoError(t, err)
	require.Equal(t, "2", entry.GetAttributeValue("employeeNumber"))
	require.Equal(t, "analytics", entry.GetAttributeValue("departmentNumber"))
}
