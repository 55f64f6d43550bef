package cli_test

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestActUsage: command lines that cannot be meant are refused before anybody
// is asked.
func TestActUsage(t *testing.T) {
	t.Parallel()
	const which = "which ones? name them by ID, choose them by --target, --org, --reason, --type, --event-org, --aggregate, --since or --until, or give --all"
	const when = "one of --from-sequence N, counted from 1, and --since TIME is needed"
	for _, tt := range []struct{ args, err, command string }{
		{"get frob", `unknown command "frob" for "callout get"`, "callout get"},
		{"get subscriptions a b", "callout get subscriptions takes the NAME of one subscription or none, not 2", "callout get subscriptions"},
		{"get subscriptions -o xml", `--output "xml": table, wide, name, json, yaml are known`, "callout get subscriptions"},
		{"subscription frob", `unknown command "frob" for "callout subscription"`, "callout subscription"},
		{"subscription skip", "callout subscription skip takes the NAME of one subscription, not 0", "callout subscription skip"},
		{"subscription pause a b", "callout subscription pause takes the NAME of one subscription, not 2", "callout subscription pause"},
		{"subscription pause a --lane -1", `invalid argument "-1" for "--lane" flag: strconv.ParseUint: parsing "-1": invalid syntax`, "callout subscription pause"},
		{"dead redrive", which, "callout dead redrive"},
		{"dead discard --limit 3", which, "callout dead discard"},
		{"dead discard --all --target a", "--all goes without an ID and without a filter", "callout dead discard"},
		{"dead redrive x --all", "--all goes without an ID and without a filter", "callout dead redrive"},
		{"dead list --since soon", `--since "soon" is no time: write 2026-11-30T09:00:00Z, or how long ago, such as 15m, 2h or 7d`, "callout dead list"},
		{"dead list --limit -1", "--limit -1 is less than none", "callout dead list"},
		{"dead show", `callout dead show takes the ID of one dead letter, not 0; "callout dead list" shows them`, "callout dead show"},
		{"events replay", "callout events replay takes the NAME of one subscription, not 0", "callout events replay"},
		{"events replay a", when, "callout events replay"},
		{"events replay a --from-sequence 0", when, "callout events replay"},
		{"events replay a --since 1h --from-sequence 1", when, "callout events replay"},
		{"events tail x", `unknown command "x" for "callout events tail"`, "callout events tail"},
		{"events publish --server localhost", `--server "localhost" is no URL, such as http://127.0.0.1:8080`, "callout events publish"},
	} {
		got := run(t, "callout", strings.Fields(tt.args)...)
		require.Equal(t, result{2, "", "callout: " + tt.err + "\nSee \"" + tt.command + " --help\".\n"}, got, tt.args)
	}
}

// TestActServerAway: exit code 3 when nobody answers.
func TestActServerAway(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	for _, args := range []string{"get subscriptions", "subscription pause x", "dead list", "dead show x", "dead discard --all", "events tail", "events publish", "events replay x --since 1h"} {
		got := runWith(t, "callout", runOptions{stdin: userAdded}, append(strings.Fields(args), "--server", nobody)...)
		require.Equal(t, 3, got.code, args)
		require.Empty(t, got.out)
		require.Regexp(t, `^callout: no dispatcher answers at `+nobody+`: dial tcp \S+: connect: connection refused \(start one with "callout dev", or give another --server URL\)\n$`, got.err)
	}
}

// TestHelpTeaches: every command says what it does and how it is called.
func TestHelpTeaches(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"get subscriptions", "subscription pause", "subscription resume", "subscription retry-now", "subscription skip",
		"dead list", "dead show", "dead redrive", "dead discard", "events publish", "events tail", "events replay"} {
		got := run(t, "callout", append(strings.Fields(command), "--help")...)
		require.Zero(t, got.code)
		require.Contains(t, got.out, "Examples:\n  ", command)
		require.Contains(t, got.out, "callout "+command, command)
		require.Contains(t, got.out, "--server URL", command)
	}
}
