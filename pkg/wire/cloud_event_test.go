package wire_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

var storedAt = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

// told is what a target is told of an event, whose body is given.
func told(t require.TestingT, body, id string) map[string]string {
	facts, err := wire.ReadEvent([]byte(body))
	require.NoError(t, err)
	e := wire.CloudEventOf(&facts, "default", facts.Org, id, 42, storedAt)
	of := map[string]string{}
	for _, a := range e.Attributes(nil) {
		of[a.Name] = a.Value
	}
	return of
}

// TestCloudEventOf: what stands where, and what takes the place of what is not said.
func TestCloudEventOf(t *testing.T) {
	require.Equal(t, map[string]string{
		"specversion": "1.0", "id": "e1", "source": "/instances/default/events/acme/u1/user.added", "type": "user.added", "subject": "u1",
		"time": "2025-12-31T23:59:59+01:00", "instance": "default", "org": "acme", "sequence": "00000000000000000042",
	}, told(t, `{"aggregateID":"u1","resourceOwner":"acme","event_type":"user.added","created_at":"2025-12-31T23:59:59+01:00"}`, "e1"))
	plain := `{"aggregateID":"u 1","event_type":"orders/create"}`
	require.Equal(t, map[string]string{
		"specversion": "1.0", "id": "42-1767323045678000000", "source": "/instances/default/events/=/u=201/orders=2Fcreate", "type": "orders/create", "subject": "u 1",
		"time": "2026-01-02T03:04:05.678Z", "instance": "default", "sequence": "00000000000000000042",
	}, told(t, plain, ""))
	require.Equal(t, "mine", told(t, `{"id":"mine",`+plain[1:], "")["id"])
	for _, created := range []string{`"yesterday"`, "7", `""`, `"2026-01-02T03:04:05,5Z"`, `"2026-01-02 03:04:05Z"`, `"2026-01-02t03:04:05z"`, `"2026-13-02T03:04:05Z"`} {
		require.Equal(t, "2026-01-02T03:04:05.678Z", told(t, `{"created_at":`+created+","+plain[1:], "x")["time"], created)
	}
	require.Equal(t, "urn:x", told(t, `{"cloudevent":{"source":"urn:x"},`+plain[1:], "x")["source"])
	for _, source := range []string{`7`, `{}`, `{"source":7}`, `{"source":"a b"}`, `{"source":"\u0007"}`, `{"source":"%zz"}`, `{"source":"` + strings.Repeat("s", 2049) + `"}`, `[]`, `"source"`} {
		require.Equal(t, "/instances/default/events/=/u=201/orders=2Fcreate", told(t, `{"cloudevent":`+source+","+plain[1:], "x")["source"], source)
	}
}

// TestSourcesAndIDsAreUnlike: two events that may share an id never share a source too.
func TestSourcesAndIDsAreUnlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.OneOf(rapid.SampledFrom([]string{"a", "a/b", "b", "=", ""}), rapid.StringN(0, 5, -1).Filter(func(s string) bool { return action.CheckID(s) == nil }))
		draw := func(n int) wire.CloudEvent {
			return wire.CloudEvent{ID: "1", Instance: id.Draw(t, fmt.Sprint("instance", n)), Org: id.Draw(t, fmt.Sprint("org", n)),
				Subject: id.Draw(t, fmt.Sprint("aggregate", n)), Type: eventTypes().Draw(t, fmt.Sprint("type", n))}
		}
		a, b := draw(1), draw(2)
		require.Equal(t, a == b, a.Attributes(nil)[2] == b.Attributes(nil)[2], "%+v %+v", a, b)
	})
}

func TestCloudHeader(t *testing.T) {
	for value, want := range map[string]string{"plain": "plain", "a b": "a%20b", `"100%"`: "%22100%25%22", "Zürich€": "Z%C3%BCrich%E2%82%AC", "": ""} {
		require.Equal(t, want, string(wire.AppendCloudHeader(nil, value)))
	}
}

// TestAppendCloudEvent: the structured form has the body as it is.
func TestAppendCloudEvent(t *testing.T) {
	body := `{ "aggregateID":"u1", "event_type":"a\"b", "n":1.50 }`
	e := wire.CloudEvent{ID: `i"1`, Source: "/s", Type: `a"b`, Subject: "u1", Time: "2026-01-02T03:04:05Z", Org: "acme", Sequence: 7}
	require.Equal(t, `{"specversion":"1.0","id":"i\"1","source":"/s","type":"a\"b","subject":"u1","time":"2026-01-02T03:04:05Z","org":"acme",`+
		`"sequence":"00000000000000000007","datacontenttype":"application/json","data":`+body+`}`, string(e.Append(nil, []byte(body))))
}

const aCloudEvent = `{"specversion":"1.0","id":"e1","source":"https://acme.example/shop","type":"com.acme.order/paid","subject":"order-7",` +
	`"time":"2026-01-02T03:04:05Z","datacontenttype":"application/json","org":"acme","instance":"default","sequence":"007","userid":"u9","aggregatetype":"order",` +
	`"traceparent":"00-a-b-01","partitionkey":"p","data":{ "b":1.50, "a":[1,2] }}`

// TestReadCloudEvent: each attribute has its member, in the usual order, the data its
// bytes, and what has no member stands in one of its own.
func TestReadCloudEvent(t *testing.T) {
	got, err := wire.ReadCloudEvent([]byte(aCloudEvent))
	require.NoError(t, err)
	require.Equal(t, `{"id":"e1","aggregateID":"order-7","aggregateType":"order","resourceOwner":"acme","instanceID":"default","sequence":7,`+
		`"event_type":"com.acme.order/paid","created_at":"2026-01-02T03:04:05Z","userID":"u9","event_payload":{ "b":1.50, "a":[1,2] },`+
		`"cloudevent":{"source":"https://acme.example/shop","datacontenttype":"application/json","traceparent":"00-a-b-01","partitionkey":"p"}}`, string(got))
	require.Equal(t, "https://acme.example/shop", told(t, string(got), "e1")["source"], "which its targets are told again")

	headers := []wire.Attribute{{"specversion", "1.0"}, {"id", "e%201"}, {"source", "/shop"}, {"type", "order/paid"}, {"subject", "Z%C3%BCrich"}, {"partitionkey", "p"}}
	got, err = wire.ReadCloudHeaders(headers, "application/vnd.order+json; charset=utf-8", []byte(`[1]`))
	require.NoError(t, err)
	require.Equal(t, `{"id":"e 1","aggregateID":"Zürich","event_type":"order/paid","event_payload":[1],"cloudevent":{"source":"/shop","partitionkey":"p",`+
		`"datacontenttype":"application/vnd.order+json; charset=utf-8"}}`, string(got))
	got, err = wire.ReadCloudHeaders(headers[:4], "", nil)
	require.NoError(t, err)
	require.Equal(t, `{"id":"e 1","aggregateID":"/shop","event_type":"order/paid","cloudevent":{"source":"/shop"}}`, string(got), "without a subject the source is what it is of")
	got, err = wire.ReadCloudEvent([]byte(`{"specversion":"1.0","id":"e","source":"/s","type":"t","subject":null,"partitionkey":null,"datacontenttype":"text/xml"}`))
	require.NoError(t, err, "null is none, and without data nobody asks what they are")
	require.Equal(t, `{"id":"e","aggregateID":"/s","event_type":"t","cloudevent":{"source":"/s","datacontenttype":"text/xml"}}`, string(got))
}

// TestReadCloudEventRefuses names the attribute, and what is wrong with it.
func TestReadCloudEventRefuses(t *testing.T) {
	with := func(name string, value any) string {
		var of map[string]any
		require.NoError(t, json.Unmarshal([]byte(aCloudEvent), &of))
		if of[name] = value; value == nil {
			delete(of, name)
		}
		raw, err := json.Marshal(of)
		require.NoError(t, err)
		return string(raw)
	}
	many := strings.TrimSuffix(aCloudEvent, "}")
	for n := range 70 {
		many += fmt.Sprintf(`,"x%d":1`, n)
	}
	for body, field := range map[string]string{
		with("specversion", nil): "specversion", with("specversion", "0.3"): "specversion", with("id", ""): "id", with("id", 7): "id", with("id", strings.Repeat("i", 201)): "id",
		with("source", nil): "source", with("source", "a b"): "source", with("source", strings.Repeat("s", 2049)): "source", with("source", true): "source",
		with("type", nil): "type", with("type", "a b"): "type", with("type", "a..b"): "type", with("type", "a.*"): "type",
		with("subject", strings.Repeat("s", 201)): "subject", with("subject", "a\n"): "subject", with("time", "yesterday"): "time", with("time", 7): "time",
		with("datacontenttype", "text/xml"): "datacontenttype", with("sequence", "-1"): "sequence", with("sequence", "1.5"): "sequence", with("sequence", true): "sequence",
		with("data_base64", "AAE="): "data_base64", with("Upper", "x"): "Upper", with("with-dash", "x"): "with-dash", with("", "x"): "attribute",
		with("ext", 1.5): "ext", with("ext", []int{1}): "ext", with("ext", map[string]int{}): "ext", with("ext", strings.Repeat("x", 4097)): "ext",
		with(strings.Repeat("x", 101), "x"): "attribute", many + "}": "x50", with("org", strings.Repeat("o", 201)): "org", with("userid", "\u0001"): "userid",
	} {
		_, err := wire.ReadCloudEvent([]byte(body))
		if field == "attribute" {
			require.ErrorContains(t, err, "lower-case letters and digits", body)
			continue
		}
		requireField(t, err, field)
		require.ErrorContains(t, err, field+": ")
	}
	large := strings.TrimSuffix(aCloudEvent, "}")
	for n := range 5 {
		large += fmt.Sprintf(`,"x%d":%q`, n, strings.Repeat("x", 4000))
	}
	for body, says := range map[string]string{
		large + "}": "the attributes of a CloudEvent have at most 16384 bytes",
		`{"specversion":"1.0","id":"e","type":"t","source":"/` + strings.Repeat("s", 200) + `"}`: "subject: is missing: it is the aggregate",
	} {
		_, err := wire.ReadCloudEvent([]byte(body))
		require.Equal(t, action.CodeBadField, action.CodeOf(err))
		require.ErrorContains(t, err, says)
	}
	for _, body := range []string{"", "[]", "7", `{"id":"a","id":"b"}`, aCloudEvent + "x"} {
		_, err := wire.ReadCloudEvent([]byte(body))
		require.Equal(t, action.CodeMalformed, action.CodeOf(err), body)
	}
	for field, headers := range map[string][]wire.Attribute{
		"ce-id":     {{"specversion", "1.0"}, {"id", "a"}, {"id", "b"}},
		"ce-type":   {{"specversion", "1.0"}, {"id", "a"}, {"source", "/s"}, {"type", "100%"}},
		"ce-source": {{"specversion", "1.0"}, {"id", "a"}, {"type", "t"}},
		"ce-data":   {{"data", "x"}},

		"ce-datacontenttype": {{"datacontenttype", "application/json"}},
		"ce-a-b":             {{"a-b", "x"}},
		"ce-fallback":        {{"fallback", "%0A"}},
	} {
		_, err := wire.ReadCloudHeaders(headers, "application/json", []byte("{}"))
		requireField(t, err, field)
	}
	_, err := wire.ReadCloudHeaders([]wire.Attribute{{"specversion", "1.0"}}, "application/json", []byte("{"))
	requireMalformed(t, err, "data")
}

func requireMalformed(t *testing.T, err error, field string) {
	t.Helper()
	refusal := action.AsError(err, action.StageDecode)
	require.Equal(t, action.CodeMalformed, refusal.Code)
	require.Equal(t, field, refusal.Field)
}

// FuzzReadCloudEvent: what is taken is the body of an event, whose data are the bytes
// that were sent, or an error of its sender's.
func FuzzReadCloudEvent(f *testing.F) {
	f.Add([]byte(aCloudEvent))
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"s","type":"t","data":null,"x":-7,"y":true}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := wire.ReadCloudEvent(raw)
		if err != nil {
			require.Contains(t, []action.Code{action.CodeMalformed, action.CodeBadField, action.CodeTooDeep}, action.CodeOf(err))
			return
		}
		facts, err := wire.ReadEvent(got)
		require.NoError(t, err, "%s", got)
		require.NotEmpty(t, facts.ID)
		require.NotEmpty(t, told(t, string(got), "x")["source"])
	})
}

// FuzzReadCloudHeaders: as FuzzReadCloudEvent, of what stands in headers.
func FuzzReadCloudHeaders(f *testing.F) {
	for _, c := range [][2]string{{"subject", "u%201"}, {"org", "%C3%BC"}, {"x", "%"}, {"time", "2026-01-02T15:04:05Z"}, {"sequence", "7"}, {"id", "2"}, {"data", "x"}} {
		f.Add(c[0], c[1], "application/json; charset=utf-8", []byte(`{"a":1}`))
		f.Add(c[0], c[1], "", []byte{})
	}
	f.Fuzz(func(t *testing.T, name, value, media string, data []byte) {
		attributes := []wire.Attribute{{"specversion", "1.0"}, {"id", "1"}, {"source", "s"}, {"type", "t"}, {name, value}}
		got, err := wire.ReadCloudHeaders(attributes, media, data)
		if err != nil {
			require.Contains(t, []action.Code{action.CodeMalformed, action.CodeBadField, action.CodeTooDeep}, action.CodeOf(err))
			return
		}
		facts, err := wire.ReadEvent(got)
		require.NoError(t, err, "%s", got)
		require.Equal(t, "1", facts.ID)
		if len(data) > 0 {
			require.Contains(t, string(got), string(data))
		}
	})
}
