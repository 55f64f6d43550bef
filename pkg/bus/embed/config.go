package embed

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/conf"
	"github.com/nats-io/nats-server/v2/server"
)

// What a configuration may say beside what is its own: settings that the embedded
// server has from elsewhere are not taken from it, so that a plain server can have
// the same file; those that open another door, or lead elsewhere, are refused.
var (
	settledElsewhere = map[string]string{
		"listen": listenFlag, "host": listenFlag, "net": listenFlag, "port": listenFlag,
		"server_name": "always callout", "store_dir": "--data", "storedir": "--data", "jetstream": "--data and --sync-always",
		"max_payload": "--max-object", "max_pending": "always 256 MiB",
		"logfile": logFlag, "log_file": logFlag, "debug": logFlag, "trace": logFlag, "trace_verbose": logFlag, "syslog": logFlag, "remote_syslog": logFlag,
	}
	opensElsewhere = []string{"cluster", "gateway", "leaf", "leafnodes", "websocket", "ws", "mqtt", "pidfile", "pid_file", "ports_file_dir", "prof_port",
		"default_js_domain"}
	// ofJetStream is what counts of the block of that name: encryption at rest. What
	// else may stand there is settled elsewhere.
	ofJetStream      = []string{"key", "ek", "encryption_key", "prev_key", "prev_ek", "prev_encryption_key", "cipher"}
	jetStreamSettled = []string{"enable", "enabled", "store", "store_dir", "storedir", "sync", "sync_interval", "max_memory_store", "max_mem_store", "max_mem", "max_file_store", "max_file"}
)

const (
	listenFlag = "--nats-listen"
	logFlag    = "--log-level and --log-format"
)

// BadConfig is the error of a configuration that the embedded server cannot have.
type BadConfig struct {
	File string
	Err  error
}

func (e *BadConfig) Error() string { return fmt.Sprintf("--nats-config %s: %v", e.File, e.Err) }

// Unwrap gives the cause.
func (e *BadConfig) Unwrap() error { return e.Err }

// configured reads a server's configuration: who may log in, accounts, TLS, the
// monitoring port. It also tells what of it does not count, and why. Without a file
// it is empty.
func configured(file string) (o *server.Options, ignored []string, err error) {
	if file == "" {
		return &server.Options{}, nil, nil
	}
	settings, err := conf.ParseFile(file)
	if err != nil {
		return nil, nil, &BadConfig{file, err}
	}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		name := strings.ToLower(key)
		if slices.Contains(opensElsewhere, name) {
			return nil, nil, &BadConfig{file, fmt.Errorf("%s is not for an embedded NATS: take it out, or run a nats-server with it and give its URL with --nats", key)}
		}
		if whose, settled := settledElsewhere[name]; settled {
			ignored = append(ignored, key+" ("+whose+")")
		}
		if block, is := settings[key].(map[string]any); is && name == "jetstream" {
			if err := checkJetStream(block); err != nil {
				return nil, nil, &BadConfig{file, err}
			}
		}
	}
	if o, err = server.ProcessConfigFile(file); err != nil {
		return nil, nil, &BadConfig{file, err}
	}
	return o, ignored, nil
}

func checkJetStream(block map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(block)) {
		if name := strings.ToLower(key); !slices.Contains(ofJetStream, name) && !slices.Contains(jetStreamSettled, name) {
			return fmt.Errorf("jetstream.%s is not for an embedded NATS: take it out, or run a nats-server with it and give its URL with --nats", key)
		}
	}
	return nil
}

// asksWho tells whether nobody gets in who is not known.
func asksWho(o *server.Options) bool {
	known := len(o.Users) > 0 || len(o.Nkeys) > 0 || o.Username != "" || o.Authorization != "" || len(o.TrustedOperators) > 0 ||
		o.AuthCallout != nil || o.TLSConfig != nil && o.TLSConfig.ClientAuth == tls.RequireAndVerifyClientCert
	return known && o.NoAuthUser == ""
}

// errNotLoopback is why an address may not be listened on.
var errNotLoopback = errors.New("is not a loopback address: where nobody is asked who he is only 127.0.0.1, ::1 or localhost may be listened on " +
	"(choose another with --nats-listen, or say who may log in with --nats-config FILE, users or accounts without no_auth_user)")
