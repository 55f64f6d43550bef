package invoke

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
	"github.com/callout-hq/callout/pkg/wire"
)

// BenchmarkSecure is what it costs to make a request of 1 KiB safe: both signatures, the
// guard of one address, and three pointers of what is not sent; of an event, also its
// attributes as headers, or the structured form.
func BenchmarkSecure(b *testing.B) {
	object, err := json.Marshal(map[string]any{"name": "Ada", "password": "hunter2", "profile": map[string]any{"nick": "a", "ssn": "1"},
		"users": []any{map[string]any{"id": 1, "email": "a@a.example"}, map[string]any{"id": 2, "email": "b@a.example"}}, "note": strings.Repeat("n", 700)})
	require.NoError(b, err)
	body := wire.CallBody{FullMethod: "/acme.user.v1.UserService/CreateUser", InstanceID: "default", OrgID: "acme", UserID: "u1", Request: object}
	raw := body.Append(nil)
	require.InDelta(b, 1024, len(raw), 100)
	event := append([]byte(`{"aggregateID":"u1","event_type":"user.added","event_payload":`), append(object, '}')...)
	facts, err := wire.ReadEvent(event)
	require.NoError(b, err)
	told := wire.CloudEventOf(&facts, "default", "acme", "01M8PGMH39XF0BBSGWF2NVK48S", 7, time.Now())
	for _, c := range []struct {
		name   string
		change func(*Call)
	}{
		{"plain", func(*Call) {}},
		{"redacted", func(c *Call) {
			c.Target.Redact = []string{"/request/password", "/request/profile/ssn", "/request/users/*/email"}
		}},
		{"event", func(c *Call) { c.Body, c.Event, c.Sequence = event, &told, 7 }},
		{"structured", func(c *Call) {
			c.Body, c.Event, c.Sequence, c.Target.Payload = event, &told, 7, action.PayloadCloudEvents
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			i := New(Options{AllowLocal: true})
			defer i.Close()
			call := Call{Target: &action.Target{Name: "hook", Kind: action.CallOut, URL: "http://127.0.0.1:9", Timeout: time.Second}, Keys: []string{sign.NewKey()},
				Body: raw, ID: "01M8PGMH39XF0BBSGWF2NVK48S", Attempt: 1, Instance: "default", Org: "acme"}
			c.change(&call)
			cl, refused := i.newClient(i.definition(&call))
			require.Nil(b, refused)
			guard := NewTargetGuard(i.options, nil)
			b.ReportAllocs()
			for b.Loop() {
				if err := guard.Check("tcp4", "127.0.0.1:9"); err != nil {
					b.Fatal(err)
				}
				ex := &exchange{}
				if refused := i.prepare(b.Context(), ex, cl, call); refused != nil {
					b.Fatal(refused)
				}
				ex.end()
			}
		})
	}
}
