package wire_test

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// The golden bodies are ZITADEL's: a target written for it reads ours
// unchanged. Keys stand in its order, empty ones are left out.

func fullBody() wire.CallBody {
	return wire.CallBody{
		FullMethod: method, InstanceID: "default", OrgID: "acme", ProjectID: "p1", UserID: "u1",
		Request: json.RawMessage(`{"username":"gigi<&>", "n" : 9007199254740993,"f":1.0,"u":"\u00e9"}`),
		Headers: map[string][]string{"X-B": {"1", "2"}, "Accept": {"a/b;q=0.9 <&>"}},
	}
}

func TestCallBodyOfARequest(t *testing.T) {
	full := fullBody()
	raw := full.Append(nil)
	golden(t, "request.json", string(raw))
	call, err := wire.NewCall("default", action.Request, method, raw, 1<<20)
	require.NoError(t, err)
	require.Equal(t, `{"username":"gigi<&>", "n" : 9007199254740993,"f":1.0,"u":"\u00e9"}`, string(call.Object()), "its bytes are the core's")
	require.Equal(t, "acme", call.OrgID)
}

func TestCallBodyOfAResponse(t *testing.T) {
	body := fullBody()
	body.Response = json.RawMessage(`{"userId" :"1"}`)
	raw := body.Append(nil)
	golden(t, "response.json", string(raw))
	call, err := wire.NewCall("default", action.Response, method, raw, 1<<20)
	require.NoError(t, err)
	require.Equal(t, `{"userId" :"1"}`, string(call.Object()))
}

func TestCallBodyOfAFunction(t *testing.T) {
	call, err := wire.NewCall("default", action.Function, "preuserinfo",
		[]byte(`{"userinfo":{"sub":"1"},"user":{"id":"1"},"user_metadata":[],"org":{"id":"o","name":"ACME","primary_domain":"acme.example"}}`), 1<<20)
	require.NoError(t, err)
	golden(t, "function.json", string(call.With([]byte(`{"append_claims":[{"key":"k","value":1}]}`)).Raw()))
}

func TestEmptyFieldsAreLeftOut(t *testing.T) {
	for _, c := range []struct {
		body wire.CallBody
		want string
	}{
		{wire.CallBody{}, `{}`},
		{wire.CallBody{Headers: map[string][]string{}, Request: json.RawMessage{}}, `{}`},
		{wire.CallBody{UserID: "u"}, `{"userID":"u"}`},
		{wire.CallBody{FullMethod: "/s/m", Request: json.RawMessage(`{}`)}, `{"fullMethod":"/s/m","request":{}}`},
		{wire.CallBody{OrgID: "a\"b\\<&>\u2028ü"}, "{\"orgID\":\"a\\\"b\\\\<&>\u2028ü\"}"},
	} {
		require.Equal(t, c.want, string(c.body.Append(nil)))
		require.NoError(t, wire.CheckJSON(c.body.Append(nil)))
	}
}

func TestEncodeEvent(t *testing.T) {
	raw, err := wire.EncodeEvent(action.Event{
		ID: "never in the body", AggregateID: "u1", AggregateType: "user", ResourceOwner: "acme", InstanceID: "default",
		Version: "v2", Sequence: 18446744073709551615, Type: "user.human.added",
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 6789000, time.UTC), UserID: "u<&>2",
		Payload: json.RawMessage(`{"displayName":"<Gigi & Co>","n":9007199254740993,"f":1.0,"u":"\u00e9"}`),
	})
	require.NoError(t, err)
	golden(t, "event.json", string(raw))
	facts, err := wire.ReadEvent(raw)
	require.NoError(t, err)
	require.Equal(t, wire.EventFacts{AggregateID: "u1", Org: "acme", InstanceID: "default", Type: "user.human.added", CreatedAt: "2026-01-02T03:04:05.006789Z", PayloadSize: 71}, facts)
}

func TestEncodeEventLeavesOutWhatIsEmpty(t *testing.T) {
	for _, c := range []struct {
		event action.Event
		want  string
	}{
		{action.Event{}, `{"aggregateID":"","event_type":""}`},
		{action.Event{AggregateID: "a", Type: "t", ID: "i"}, `{"aggregateID":"a","event_type":"t"}`},
		{action.Event{AggregateID: "a", Type: "t", Sequence: 1, Payload: json.RawMessage(`null`)}, `{"aggregateID":"a","sequence":1,"event_type":"t","event_payload":null}`},
		{action.Event{AggregateID: "a", Type: "t", CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))},
			`{"aggregateID":"a","event_type":"t","created_at":"2026-01-02T03:04:05+01:00"}`},
		{action.Event{AggregateID: "a", Type: "t", CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 100, time.UTC)},
			`{"aggregateID":"a","event_type":"t","created_at":"2026-01-02T03:04:05.0000001Z"}`},
	} {
		raw, err := wire.EncodeEvent(c.event)
		require.NoError(t, err)
		require.Equal(t, c.want, string(raw))
	}
}

func TestEncodeEventRefuses(t *testing.T) {
	for field, event := range map[string]action.Event{
		"aggregateID":   {AggregateID: "\xff", Type: "t"},
		"userID":        {AggregateID: "a", Type: "t", UserID: "u\xc3"},
		"event_payload": {AggregateID: "a", Type: "t", Payload: json.RawMessage(`{"a":`)},
		"created_at":    {AggregateID: "a", Type: "t", CreatedAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		_, err := wire.EncodeEvent(event)
		var e *action.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, []any{action.CodeMalformed, field}, []any{e.Code, e.Field})
	}
}

// countedBody is a body that knows how much was read of it before it was told that
// nobody keeps that.
type countedBody struct {
	io.Reader
	read, wasted int
}

func (c *countedBody) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += n
	return n, err
}

func (c *countedBody) Waste() { c.wasted = c.read }

// TestReadBody: a body that is too large is read on without being kept, but not for
// ever; whatever else ends it early is told apart.
func TestReadBody(t *testing.T) {
	t.Parallel()
	const limit = 1 << 10
	body := func(size int, end error) *countedBody {
		return &countedBody{Reader: io.MultiReader(bytes.NewReader(make([]byte, size)), iotest.ErrReader(end))}
	}
	for _, tt := range []struct {
		name         string
		from         *countedBody
		code         action.Code
		read, wasted int
	}{
		{"none", body(0, io.EOF), "", 0, 0},
		{"as large as may be", body(limit, io.EOF), "", limit, 0},
		{"too large", body(limit+1, io.EOF), action.CodeTooLarge, limit + 1, limit + 1},
		{"far too large", body(1<<20, io.EOF), action.CodeTooLarge, 5*limit + 1, limit + 1},
		{"cut off", body(10, io.ErrUnexpectedEOF), action.CodeMalformed, 10, 0},
		{"bounded by the server", body(10, action.NewError(action.CodeBusy, action.StageDecode, "")), action.CodeBusy, 10, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			raw, err := wire.ReadBody(tt.from, limit)
			require.Equal(t, []any{tt.code, tt.read, tt.wasted}, []any{action.CodeOf(err), tt.from.read, tt.from.wasted}, "%v", err)
			require.Equal(t, tt.code == "", len(raw) == tt.read)
		})
	}
}
