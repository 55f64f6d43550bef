package cli

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
)

// busFlags are what a process of a fleet needs to find the others.
type busFlags struct {
	url       string
	login     bus.Login
	maxObject int
	ackWait   time.Duration
}

func (b *busFlags) add(cmd *cobra.Command, url string) {
	f := cmd.Flags()
	f.StringVar(&b.url, "nats", url, "`URL` of NATS, such as nats://127.0.0.1:4222")
	addLogin(cmd, &b.login)
	f.IntVar(&b.maxObject, "max-object", 1<<20, "`BYTES` an object or payload may have, up to 8388608")
	f.DurationVar(&b.ackWait, "ack-wait", bus.DefaultAckWait, "how long the broker waits for a worker that holds a delivery; at least 500ms, the same in the whole fleet")
}

// addLogin adds the flags that say who a process is to a NATS server, and how it
// knows the server.
func addLogin(cmd *cobra.Command, l *bus.Login) {
	addIdentity(cmd, l)
	addServer(cmd, l)
}

// addServer adds the flags that say how a NATS server is known and spoken to.
func addServer(cmd *cobra.Command, l *bus.Login) {
	f := cmd.Flags()
	f.StringVar(&l.CA, "nats-ca", "", "speak TLS with NATS, whose certificate those in this `FILE` have signed (PEM)")
	f.StringVar(&l.Cert, "nats-cert", "", "show NATS the certificate in this `FILE` (PEM)")
	f.StringVar(&l.Key, "nats-key", "", "the `FILE` with the key of --nats-cert (PEM)")
	f.BoolVar(&l.TLSFirst, "nats-tls-first", false, "begin with TLS, for a NATS server whose TLS has handshake_first")
}

// addIdentity adds the flags that say who a process is to a NATS server.
func addIdentity(cmd *cobra.Command, l *bus.Login) {
	f := cmd.Flags()
	f.StringVar(&l.Creds, "nats-creds", "", "log in to NATS with this credentials `FILE`: a user's JWT and the seed of its key; read anew at every connection")
	f.StringVar(&l.NKey, "nats-nkey", "", "log in to NATS with the seed of an nkey in this `FILE`, such as those of callout auth init")
}

// addNATSConfig adds the flag of an embedded server's configuration.
func addNATSConfig(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "nats-config", "", "the configuration `FILE` of the embedded NATS, in nats-server's form: who may log in, accounts, TLS, monitoring")
}

// badConfig makes a usage error of a configuration that cannot be meant.
func badConfig(err error) error {
	var bad *embed.BadConfig
	if errors.As(err, &bad) {
		return &usageError{err}
	}
	return err
}

// check refuses what is out of bounds.
func (b *busFlags) check() error {
	if b.maxObject < 1 || b.maxObject > action.CeilingObject {
		return &usageError{fmt.Errorf("--max-object is 1 to %d bytes, not %d", action.CeilingObject, b.maxObject)}
	}
	if err := b.login.Check(); err != nil {
		return &usageError{err}
	}
	if b.url == "" {
		return nil
	}
	for server := range strings.SplitSeq(b.url, ",") {
		u, err := url.Parse(strings.TrimSpace(server))
		split := err == nil && u.User == nil && strings.Contains(server, "@") // a token with a slash: its beginning would be looked up as a host
		if err != nil || split || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
			return &usageError{errors.New("--nats is a URL such as nats://127.0.0.1:4222, or several with commas between them; in a password / is written %2F")}
		}
	}
	return nil
}

func (b *busFlags) options(name, inbox string, log zerolog.Logger) bus.Options {
	return bus.Options{URL: b.url, Login: b.login, Name: name, InboxPrefix: inbox, Log: log, MaxObject: b.maxObject, AckWait: b.ackWait}
}
