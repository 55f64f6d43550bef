package catalog

import (
	"net/netip"
	"regexp"

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
	if fault := checkServerName(t.TLS.ServerName); fault != "" {
		r.errorf(JoinPath(path, "server_name"), ProblemBadValue, "%s", fault)
	}
	switch t.TLS.MinVersion {
	case "", action.TLS12, action.TLS13:
	default:
		r.errorf(JoinPath(path, "min_version"), ProblemBadValue, "min_version is \"1.2\" or \"1.3\"")
	}
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
