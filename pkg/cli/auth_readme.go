package cli

import (
	"fmt"
	"strings"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/bus/logins"
	"github.com/callout-hq/callout/pkg/scaffold"
)

// authReadme says what auth init has written, and how to start with it.
func authReadme(f *authInitFlags) string {
	var cores strings.Builder
	var named []string
	for _, instance := range f.instances {
		core := access.Core(instance)
		named = append(named, "--instance "+scaffold.ShellWord(instance))
		fmt.Fprintf(&cores, "| `%s` | cores of the instance `%s`: its calls, events, declaration and conditions; answered at `%s.>` |\n", logins.SeedFile(core), instance, core.Inbox)
	}
	first := f.instances[0]
	return strings.NewReplacer("FORM", f.form, "CORES", cores.String(), "SEED", logins.SeedFile(access.Core(first)), "INSTANCE", first, "INBOX", access.Core(first).Inbox,
		"ARGUMENTS", strings.Join(named, " "), "ACCOUNT", accountText[logins.Form(f.form)], "'''", "```", "~", "`").Replace(readmeText)
}

var accountText = map[logins.Form]string{
	logins.Users: "All are users of the account `CALLOUT`, with lists of what each may do.",
	logins.Accounts: "Dispatcher, workers and observer are users of the account `CALLOUT`, where streams and buckets are. The cores of an\n" +
		"instance are in an account of their own, which imports what they need and nothing else, under the same subjects.\n" +
		"A call whose caller goes away ends by its deadline there: workers know a caller of another account by another name.",
}

const readmeText = `# Logins of Callout

Written by ~callout auth init --nats FORM ARGUMENTS~. Whoever has a file that ends in ~.nk~ can do what its role may:
give each process its own, readable for it alone, and keep the rest away from it.

| file | what it is |
|---|---|
| ~operator.token~ | the token of the operator, for HTTP: who has it may do everything, and make others |
| ~secrets.key~ | opens signing keys and other secrets of targets that are sealed: for workers alone. Without it what is sealed is lost: keep a copy |
| ~secrets.pub~ | seals them: for dispatchers |
| ~nats.conf~ | the configuration of the NATS server; there is no secret in it |
| ~dispatcher.nk~ | dispatchers: everything in their account, since they make the streams |
| ~worker.nk~ | workers: calls and deliveries of these instances, their signing keys and other secrets |
| ~observer.nk~ | who looks at figures: states of streams and consumers, no message |
CORES
ACCOUNT

## Start

A NATS server of its own, and a fleet:

'''
nats-server -c nats.conf
dispatcher --nats nats://127.0.0.1:4222 --nats-nkey dispatcher.nk --token-file operator.token --seal-to secrets.pub -f callout.yaml
worker --nats nats://127.0.0.1:4222 --nats-nkey worker.nk --open-with secrets.key
'''

Or NATS within the dispatcher:

'''
dispatcher --embedded-nats --nats-config nats.conf --nats-nkey dispatcher.nk --token-file operator.token --seal-to secrets.pub -f callout.yaml
'''

A core in Go:

'''go
client, err := callout.Connect(ctx, callout.Options{URL: "nats://127.0.0.1:4222", Instance: "INSTANCE", Login: bus.Login{NKey: "SEED"}})
'''

A core in another language logs in with the same seed, and has its client use the inbox prefix ~INBOX~.

Whether the server keeps to all of that:

'''
callout auth check --nats nats://127.0.0.1:4222 --dir .
'''

## Go on

- TLS: add a ~tls~ block to nats.conf, and give the processes --nats-ca; see ~dispatcher --help~ and the documentation of
  nats-server. Without TLS a login is safe from who listens, since the seed is never sent, but what is sent is not.
- Another address: ~listen~ in nats.conf, or --nats-listen.
- Another instance: ~callout auth add-instance NAME -o DIR~ adds its login and its rows, and leaves all others as they are.
  An embedded NATS reads nats.conf anew by itself, or at SIGHUP. To a nats-server say ~nats-server --signal reload~ twice:
  what a new account imports leads nowhere until the second. Until then its cores cannot log in, or hear no answer, and
  workers do not work for it.
- Another key: write its public key into nats.conf, have the server read it anew, and start the process anew.
- Monitoring: ~http: "127.0.0.1:8222"~ in nats.conf opens the server's own figures, which ask nobody who he is; a user in
  the account SYS sees those of all accounts.
`
