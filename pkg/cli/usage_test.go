package cli_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A command line that cannot be meant: exit code 2, what is wrong, and where
// help is.
func TestUsage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, program string
		args, env     []string
		err           string
	}{
		{"unknown command", "callout", []string{"frob"}, nil, "unknown command \"frob\" for \"callout\"\nSee \"callout --help\".\n"},
		{"misspelled command", "callout", []string{"gte", "targets"}, nil, "unknown command \"gte\" for \"callout\"; did you mean \"get\"?\nSee \"callout --help\".\n"},
		{"misspelled command with flags", "callout", []string{"gte", "targets", "--org", "acme"}, nil, "unknown command \"gte\" for \"callout\"; did you mean \"get\"?\nSee \"callout --help\".\n"},
		{"misspelled noun", "callout", []string{"get", "tragets"}, nil, "unknown command \"tragets\" for \"callout get\"; did you mean \"targets\"?\nSee \"callout get --help\".\n"},
		{"misspelled flag", "callout", []string{"get", "targets", "--instnace", "x"}, nil, "unknown flag: --instnace; did you mean \"--instance\"?\nSee \"callout get targets --help\".\n"},
		{"misspelled flag of the root", "callout", []string{"--versin"}, nil, "unknown flag: --versin; did you mean \"--version\"?\nSee \"callout --help\".\n"},
		{"what a command was called before", "callout", []string{"target", "rotate-key", "audit", "--grace", "1h"}, nil, "unknown command \"rotate-key\" for \"callout target\"; did you mean \"key rotate\"?\nSee \"callout target --help\".\n"},
		{"misspelled step", "callout", []string{"dead", "lits"}, nil, "unknown command \"lits\" for \"callout dead\"; did you mean \"list\"?\nSee \"callout dead --help\".\n"},
		{"unknown flag", "callout", []string{"dev", "--frob"}, nil, "unknown flag: --frob\nSee \"callout dev --help\".\n"},
		{"flag without its value", "callout", []string{"dev", "-f"}, nil, "flag needs an argument: 'f' in -f\nSee \"callout dev --help\".\n"},
		{"value of another type", "callout", []string{"dev", "--ack-wait", "soon"}, nil, "invalid argument \"soon\" for \"--ack-wait\" flag: time: invalid duration \"soon\"\nSee \"callout dev --help\".\n"},
		{"value of another type in a variable", "callout", []string{"dev"}, []string{"CALLOUT_ACK_WAIT=soon"}, "CALLOUT_ACK_WAIT: invalid argument \"soon\" for \"--ack-wait\" flag: time: invalid duration \"soon\"\nSee \"callout dev --help\".\n"},
		{"an argument too many", "callout", []string{"export", "b.yaml"}, nil, "unknown command \"b.yaml\" for \"callout export\"\nSee \"callout export --help\".\n"},
		{"level of logs", "callout", []string{"dev", "--log-level", "loud"}, nil, "--log-level \"loud\": debug, info, warn or error are known\nSee \"callout dev --help\".\n"},
		{"party of the demo", "callout", []string{"demo", "--break", "everything"}, nil, ""},
		{"dispatcher without a broker", "dispatcher", nil, nil, "one of --nats URL and --embedded-nats is needed\nSee \"dispatcher --help\".\n"},
		{"dispatcher with two brokers", "dispatcher", []string{"--embedded-nats", "--nats", "nats://127.0.0.1:1"}, nil, "one of --nats URL and --embedded-nats is needed\nSee \"dispatcher --help\".\n"},
		{"logins of an unknown form", "callout", []string{"auth", "init", "-o", "d", "--nats", "jwt"}, nil, "--nats \"jwt\" is none: write --nats users or --nats accounts\nSee \"callout auth init --help\".\n"},
		{"logins without a place", "callout", []string{"auth", "init", "--nats", "users"}, nil, "-o DIR is missing: where are the files to be written?\nSee \"callout auth init --help\".\n"},
		{"logins of an instance named twice", "callout", []string{"auth", "init", "--nats", "users", "-o", "d", "--instance", "a", "--instance", "a"}, nil, "--instance \"a\" is named twice: name it once\nSee \"callout auth init --help\".\n"},
		{"trial of logins that are nowhere", "callout", []string{"auth", "check"}, nil, "--dir DIR is missing: where are the logins that callout auth init has written?\nSee \"callout auth check --help\".\n"},
		{"trial of logins that are not there", "callout", []string{"auth", "check", "--dir", "none"}, nil, "--dir: open none: no such file or directory: name the directory that callout auth init has written\nSee \"callout auth check --help\".\n"},
		{"worker with a login that is not there", "worker", []string{"--nats-nkey", "none.nk"}, nil, "--nats-nkey none.nk: no such file or directory: name a file that this process may read\nSee \"worker --help\".\n"},
		{"dispatcher with half a certificate", "dispatcher", []string{"--nats", "tls://127.0.0.1:1", "--nats-cert", "a.pem"}, nil, "--nats-key is missing: the certificate of --nats-cert needs its key\nSee \"dispatcher --help\".\n"},
		{"dispatcher with two logins", "dispatcher", []string{"--embedded-nats", "--nats-creds", "a", "--nats-nkey", "b"}, nil, "--nats-nkey cannot be given together with --nats-creds: one of them says who this is\nSee \"dispatcher --help\".\n"},
		{"dispatcher with a configuration of another's broker", "dispatcher", []string{"--nats", "nats://127.0.0.1:1", "--nats-config", "nats.conf"}, nil, "--nats-config is that of --embedded-nats: a server at --nats has its own\nSee \"dispatcher --help\".\n"},
		{"dispatcher with a configuration that is not there", "dispatcher", []string{"--embedded-nats", "--nats-config", "none.conf"}, nil, ""},
		{"dev with a configuration that is not there", "callout", []string{"dev", "--nats-config", "none.conf"}, nil, ""},
		{"dev with a login that is not there", "callout", []string{"dev", "--nats-creds", "none.creds"}, nil, "--nats-creds none.creds: no such file or directory: name a file that this process may read\nSee \"callout dev --help\".\n"},
		{"keys from a directory that is none", "dispatcher", []string{"--embedded-nats", "--keys-dir", "nowhere"}, nil, "--keys-dir \"nowhere\" cannot be read: no such file or directory\nSee \"dispatcher --help\".\n"},
		{"keys of variables that are none", "dispatcher", []string{"--embedded-nats", "--key-env", "MY-"}, nil, "--key-env \"MY-\": the name of a variable begins with letters, digits and _, such as CALLOUT_KEY_\nSee \"dispatcher --help\".\n"},
		{"worker with an address that is no prefix", "worker", []string{"--allow", "ten"}, nil, "--allow \"ten\": an address range is written like 10.0.0.0/8, 10.1.2.3 or fd00::/8\nSee \"worker --help\".\n"},
		{"worker with an address to ask for that is no prefix", "worker", []string{"--allow-egress", "ten"}, nil, "--allow-egress \"ten\": an address range is written like 10.0.0.0/8, 10.1.2.3 or fd00::/8\nSee \"worker --help\".\n"},
		{"worker with an address that is everything", "worker", []string{"--allow", "10.0.0.0/8,1.2.3.4/0"}, nil, "--allow \"1.2.3.4/0\": the range has bits behind its length: write 1.2.3.4/32 for the one address, or 0.0.0.0/0 for the whole range\nSee \"worker --help\".\n"},
		{"worker without a slot", "worker", []string{"--slots", "0"}, nil, "--slots is 1 to 1024\nSee \"worker --help\".\n"},
		{"dev with more slots than there are", "callout", []string{"dev", "--slots", "1025"}, nil, "--slots is 1 to 1024\nSee \"callout dev --help\".\n"},
		{"worker with a flag of the dispatcher", "worker", []string{"-f", "x"}, nil, "unknown shorthand flag: 'f' in -f\nSee \"worker --help\".\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := runWith(t, tt.program, runOptions{env: tt.env, dir: t.TempDir()}, tt.args...)
			require.Equal(t, 2, got.code, got.err)
			require.Empty(t, got.out)
			if tt.err != "" {
				require.Equal(t, "callout: "+tt.err, got.err)
			}
			require.Regexp(t, `\nSee "[a-z ]+ --help"\.\n$`, got.err)
		})
	}
}

// A variable sets the flag of its name; the flag itself wins.
func TestVariables(t *testing.T) {
	t.Parallel()
	o := runOptions{dir: examples, env: []string{"CALLOUT_FILE=epic-mended.yaml"}}
	require.Equal(t, result{0, "epic-mended.yaml: 0 errors, 0 warnings\n", ""}, runWith(t, "callout", o, "check"))
	require.Equal(t, result{0, "callout.yaml: 0 errors, 0 warnings\n", ""}, runWith(t, "callout", o, "check", "-f", "callout.yaml"))
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"callout", "dispatcher", "worker"} {
		require.Equal(t, result{0, program + " version test\n", ""}, run(t, program, "--version"))
	}
}
