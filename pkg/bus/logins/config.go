package logins

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// Form is how a server keeps roles apart.
type Form string

// Users are in one account, with lists of what each may do. With Accounts each
// instance's cores are in one of their own besides, where nothing else is to be
// seen.
const (
	Users    Form = "users"
	Accounts Form = "accounts"
)

// Forms are both.
var Forms = []Form{Users, Accounts}

// account is where streams and buckets are.
const account = "CALLOUT"

// Config is the configuration of a NATS server that knows these logins and nobody
// else. There is no secret in it.
func Config(form Form, logins []Login) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# The NATS server of an installation of Callout, with a login for each role: written by
# "callout auth init --nats %s". A plain nats-server reads it, and so does the
# embedded NATS of Callout (--nats-config), which has the first three settings from
# its flags.

listen: "127.0.0.1:4222"
# A body, a request and a response of %d bytes each, see --max-object.
max_payload: %d
jetstream: {store_dir: "nats-data"}

# The server's own account: nobody of Callout is in it.
system_account: SYS

accounts: {
  SYS: {}
`, form, action.DefaultObject, 2*action.DefaultObject+128<<10)
	fmt.Fprintf(&b, "  %s: {\n    jetstream: enabled\n    users: [\n", account)
	for _, l := range logins {
		if form == Users || l.Role != access.RoleCore {
			writeUser(&b, l)
		}
	}
	b.WriteString("    ]\n")
	if form == Accounts {
		writeExports(&b, logins)
	}
	b.WriteString("  }\n")
	if form == Accounts {
		for _, l := range logins {
			if l.Role == access.RoleCore {
				writeAccount(&b, l)
			}
		}
	}
	b.WriteString("}\n")
	return b.String()
}

func writeUser(b *strings.Builder, l Login) {
	fmt.Fprintf(b, "      # %s\n      {nkey: %s, permissions: {\n", l.Name(), l.Public)
	for _, list := range []struct {
		name     string
		subjects []string
	}{{"publish", l.Publish}, {"subscribe", l.Subscribe}} {
		fmt.Fprintf(b, "        %s: [\n", list.name)
		for _, subject := range list.subjects {
			fmt.Fprintf(b, "          %s\n", strconv.Quote(subject))
		}
		b.WriteString("        ]\n")
	}
	b.WriteString("      }}\n")
}

// accountOf is the account of an instance's cores.
func accountOf(g access.Grant) string { return "CORE_" + wire.ShortToken(g.Instance) }

// services and streams are what the account of a core imports: all that it may
// publish, and what it may hear beside its inbox.
func services(g access.Grant) []string { return g.Publish }

func streams(g access.Grant) []string {
	return slices.DeleteFunc(slices.Clone(g.Subscribe), func(subject string) bool { return strings.HasPrefix(subject, g.Inbox+".") })
}

func writeExports(b *strings.Builder, logins []Login) {
	of := map[string][]string{} // accounts by subject
	var subjects, heard []string
	for _, l := range logins {
		if l.Role != access.RoleCore {
			continue
		}
		for _, subject := range services(l.Grant) {
			if of[subject] == nil {
				subjects = append(subjects, subject)
			}
			of[subject] = append(of[subject], strconv.Quote(accountOf(l.Grant)))
		}
		for _, subject := range streams(l.Grant) {
			heard = append(heard, fmt.Sprintf("      {stream: %q, accounts: [%q]}\n", subject, accountOf(l.Grant)))
		}
	}
	b.WriteString("    exports: [\n")
	for _, subject := range subjects {
		fmt.Fprintf(b, "      {service: %q, accounts: [%s]}\n", subject, strings.Join(of[subject], ", "))
	}
	b.WriteString(strings.Join(heard, "") + "    ]\n")
}

func writeAccount(b *strings.Builder, l Login) {
	fmt.Fprintf(b, "  %q: {\n    users: [\n", accountOf(l.Grant))
	writeUser(b, l)
	b.WriteString("    ]\n    imports: [\n")
	for _, subject := range services(l.Grant) {
		fmt.Fprintf(b, "      {service: {account: %s, subject: %q}}\n", account, subject)
	}
	for _, subject := range streams(l.Grant) {
		fmt.Fprintf(b, "      {stream: {account: %s, subject: %q}}\n", account, subject)
	}
	b.WriteString("    ]\n  }\n")
}
