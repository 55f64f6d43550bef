package demo

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"
)

const (
	slapdSuffix = "dc=example,dc=org"
	slapdAdmin  = "cn=admin," + slapdSuffix
)

// startSlapd runs Debian's slapd on a loopback port, with a configuration and a
// database of its own, until the test ends.
func startSlapd(t *testing.T) (url string) {
	t.Helper()
	script := exec.Command("sh", "../../deploy/tools/slapd.sh")
	var said bytes.Buffer
	script.Stderr = &said
	out, err := script.Output()
	require.NoError(t, err, "slapd is not to be had: %s", said.String())
	program := strings.TrimSpace(string(out))

	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "db"), 0o700))
	config := filepath.Join(dir, "slapd.conf")
	root := filepath.Join(filepath.Dir(program), "root")
	require.NoError(t, os.WriteFile(config, []byte(slapdConf(root, dir)), 0o600))

	probe, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url = "ldap://" + probe.Addr().String()
	require.NoError(t, probe.Close())
	// -d 0 keeps it in the foreground.
	slapd := exec.Command(program, "-h", url, "-f", config, "-d", "0")
	log := &watched{}
	slapd.Stderr = log
	slapd.SysProcAttr = diesWithParent()
	require.NoError(t, slapd.Start())
	t.Cleanup(func() {
		_ = slapd.Process.Signal(syscall.SIGTERM)
		_ = slapd.Wait()
		if t.Failed() {
			t.Log("slapd said: ", log.String())
		}
	})
	require.Eventually(t, func() bool {
		c, err := ldap.DialURL(url)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond, "slapd does not listen")
	return url
}

func slapdConf(root, dir string) string {
	modules, _ := filepath.Glob(filepath.Join(root, "usr/lib/ldap"))
	schema := filepath.Join(root, "etc/ldap/schema")
	return fmt.Sprintf(`include %[1]s/core.schema
include %[1]s/cosine.schema
include %[1]s/inetorgperson.schema
modulepath %[2]s
moduleload back_mdb
pidfile %[3]s/slapd.pid
database mdb
suffix "%[4]s"
rootdn "%[5]s"
rootpw "%[6]s"
directory %[3]s/db
`, schema, strings.Join(modules, ":"), dir, slapdSuffix, slapdAdmin, testPassword)
}

func TestDemoWithSlapd(t *testing.T) {
	t.Parallel()
	url := startSlapd(t)
	c := dialLDAP(t, url)
	require.NoError(t, c.Bind(slapdAdmin, testPassword))
	org := ldap.NewAddRequest(slapdSuffix, nil)
	org.Attribute("objectClass", []string{"dcObject", "organization"})
	org.Attribute("dc", []string{"example"})
	org.Attribute("o", []string{"Example"})
	require.NoError(t, c.Add(org))

	// Twice: the second run finds the entry of the first.
	for range 2 {
		var out bytes.Buffer
		require.NoError(t, Run(t.Context(), Options{Out: &out, LDAP: LDAPOptions{
			URL: url, BindDN: slapdAdmin, Password: testPassword,
		}}), out.String())
		require.NotContains(t, out.String(), testPassword)
		require.Contains(t, out.String(), "uid=ada,"+slapdSuffix)
	}
	res, err := search(c, slapdSuffix, ldap.ScopeWholeSubtree, "(uid=ada)")
	require.NoError(t, err)
	require.Len(t, res.Entries, 1)
	require.Equal(t, "Lovelace", res.Entries[0].GetAttributeValue("sn"))
}

// A server that refuses the bind is named as the step it spoils.
func TestDemoWithSlapdAndAWrongPassword(t *testing.T) {
	t.Parallel()
	url := startSlapd(t)
	err := Run(t.Context(), Options{StepTimeout: time.Second, LDAP: LDAPOptions{
		URL: url, BindDN: slapdAdmin, Password: "not " + testPassword, Base: slapdSuffix,
	}})
	requireStep(t, err, storeUser.String(), "invalid credentials")
	require.NotContains(t, err.Error(), testPassword)
}
