package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestPlainNATS reads events, lines and backlog with the plain `nats` command
// line, which knows nothing of Callout. Building it the first time takes half
// a minute and more.
func TestPlainNATS(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	tg.answer = func(_ http.ResponseWriter, a arrival) {
		select { // the line stands at its first event
		case <-a.done:
		case <-tg.closing:
		}
	}
	p := dev(t, tg, configuration(t, fill(tg, `
targets:
  audit: {type: webhook, url: "URL", timeout: 270s, KEY}
events:
  "user.*": {targets: [{target: audit}]}
`)), "--data", t.TempDir())
	const event = `{"id":"c-1","aggregateID":"u1","event_type":"user.added","event_payload":{"name":"Ada"}}`
	const more = `{"aggregateID":"u2","event_type":"user.removed"}`
	nats := natsTool(t, p.ready["nats"])
	nats("--version") // builds it, before anything waits
	got := post(t, p.ready["http"]+"/v1/instances/default/events", "["+event+","+more+","+more+"]")
	require.Equal(t, 202, got.status, got.body)
	first := read[stored](t, got.body).Events[0].Sequence
	tg.awaitCount(t, 1)

	const name = "CALLOUT_EVENTS_default"
	require.Contains(t, strings.Fields(nats("stream", "ls", "--names")), name)
	type info struct {
		Config struct{ Metadata map[string]string }
		State  struct{ Messages int }
	}
	var streamInfo info
	require.NoError(t, json.Unmarshal([]byte(nats("stream", "info", name, "--json")), &streamInfo))
	require.Equal(t, "default", streamInfo.Config.Metadata["callout_instance"])
	require.Equal(t, 5, streamInfo.State.Messages, "three events and two markers")

	consumers := strings.Fields(nats("consumer", "ls", name, "--names"))
	require.Len(t, consumers, 1)
	line := consumers[0]
	report := nats("consumer", "report", name)
	require.Regexp(t, `│ `+line+` +│ Pull +│ Explicit +│ 5\.00s +│ 1 +│ 0 +│ 2 / 40% +│`, report, "one in work, two waiting")
	var lineInfo struct {
		Config struct {
			Metadata    map[string]string
			Description string
		}
		Pending int `json:"num_pending"`
		InWork  int `json:"num_ack_pending"`
	}
	require.NoError(t, json.Unmarshal([]byte(nats("consumer", "info", name, line, "--json")), &lineInfo))
	require.Equal(t, "audit", lineInfo.Config.Metadata["callout_target"])
	require.Equal(t, "user.*", lineInfo.Config.Metadata["callout_condition"])
	require.Equal(t, "user.* to audit", lineInfo.Config.Description)
	require.Equal(t, 2, lineInfo.Pending)
	require.Equal(t, 1, lineInfo.InWork)

	require.Contains(t, nats("stream", "get", name, strconv.FormatUint(first, 10)), event)
}

// natsTool is the nats command line, as `task nats` runs it, against one server
// and with no settings of its own.
func natsTool(t *testing.T, url string) func(args ...string) string {
	home := t.TempDir()
	return func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "go", append([]string{"tool", "-modfile=deploy/tools/go.mod", "nats", "--server", url}, args...)...)
		cmd.Dir = "../.."
		cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+home)
		var out, log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &log
		require.NoError(t, cmd.Run(), "nats %v: %s%s", args, log.String(), out.String())
		return out.String()
	}
}
