package contract

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

var update = flag.Bool("update", false, "write the files anew that are made from others")

// allSet are the descriptors of allFile with all that it imports.
func allSet(t testing.TB) []byte {
	t.Helper()
	set := &descriptorpb.FileDescriptorSet{}
	for _, known := range []proto.Message{&anypb.Any{}, &durationpb.Duration{}, &emptypb.Empty{}, &fieldmaskpb.FieldMask{}, &structpb.Struct{}, &timestamppb.Timestamp{}, &wrapperspb.BoolValue{}} {
		set.File = append(set.File, protodesc.ToFileDescriptorProto(known.ProtoReflect().Descriptor().ParentFile()))
	}
	set.File = append(set.File, allFile())
	raw, err := proto.Marshal(set)
	require.NoError(t, err)
	return raw
}

func zipped(t testing.TB, raw []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(raw)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// typed is a core that has described everything, in both ways.
func typed(t testing.TB) catalog.Declaration {
	t.Helper()
	d := catalog.Declaration{Core: "all", Methods: []string{"/all.v1.AllService/Do", "/other.Service/Do", "/untyped.Service/Do"},
		EventTypes: []string{"all.done", "orders/create", "untyped"}, Functions: []string{"create_id_token", "untyped"},
		Descriptors: zipped(t, allSet(t)), EventMessages: map[string]string{"all.done": "all.v1.All"},
		Schemas: map[string]json.RawMessage{
			"event/orders/create":      json.RawMessage(`{"type":"object","required":["total"],"properties":{"total":{"$ref":"#/$defs/Money"}},"$defs":{"Money":{"type":"object","properties":{"cents":{"type":"integer"}}}}}`),
			"request/other.Service/Do": json.RawMessage(`{"type":"object","properties":{"name":{"type":"string"}}}`),
			"function/create_id_token": json.RawMessage(`{"type":"object","properties":{"user":{"type":"object"}}}`),
		}}
	raw, err := d.Encode()
	require.NoError(t, err)
	again, err := catalog.DecodeDeclaration(raw)
	require.NoError(t, err)
	return again
}

// at compiles the body of a webhook of a document.
func at(t testing.TB, document Object, key string) *jsonschema.Schema {
	t.Helper()
	raw, err := json.Marshal(document)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	require.NoError(t, c.AddResource("callout:///d.json", value))
	hook, _ := document.Under("webhooks").Get(key).(Object)
	require.NotNil(t, hook, key)
	for _, m := range hook.Under("post").Under("requestBody").Under("content") {
		content, _ := m.Value.(Object)
		ref, _ := content.Under("schema").Get("$ref").(string)
		schema, err := c.Compile("callout:///d.json" + ref)
		require.NoError(t, err)
		return schema
	}
	return nil
}

func valid(t testing.TB, schema *jsonschema.Schema, body string) bool {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	require.NoError(t, err, body)
	return schema.Validate(value) == nil
}

// TestTypedContract: what a core has described has a webhook of its own, with the bodies
// as they come; what it has not has none.
func TestTypedContract(t *testing.T) {
	t.Parallel()
	types, err := TypesOf("the core all", typed(t))
	require.NoError(t, err)
	document := Targets(types)
	var keys []string
	for _, m := range document.Under("webhooks")[len(hooks):] {
		keys = append(keys, m.Name)
	}
	require.Equal(t, []string{"request./all.v1.AllService/Do", "response./all.v1.AllService/Do", "request./other.Service/Do",
		"event.all.done", "event.orders/create", "function.create_id_token"}, keys)
	for _, c := range []struct {
		key, body string
		good      bool
	}{
		{keys[0], `{"fullMethod":"/all.v1.AllService/Do","request":{"oneInt64":"7"}}`, true},
		{keys[0], `{"fullMethod":"/all.v1.AllService/Do","request":{"oneInt64":7}}`, false},
		{keys[0], `{"fullMethod":"/all.v1.AllService/Other","request":{}}`, false},
		{keys[1], `{"fullMethod":"/all.v1.AllService/Do","response":{"oneDuration":"1.5s"}}`, true},
		{keys[1], `{"fullMethod":"/all.v1.AllService/Do","request":{"oneBool":1},"response":{}}`, false},
		{keys[2], `{"fullMethod":"/other.Service/Do","request":{"name":"a"}}`, true},
		{keys[2], `{"fullMethod":"/other.Service/Do","request":{"name":5}}`, false},
		{keys[3], `{"aggregateID":"u1","event_type":"all.done","event_payload":{"oneTimestamp":"2026-01-02T03:00:00Z"}}`, true},
		{keys[3], `{"aggregateID":"u1","event_type":"all.done","event_payload":{"oneTimestamp":1}}`, false},
		{keys[3], `{"aggregateID":"u1","event_type":"other","event_payload":{}}`, false},
		{keys[4], `{"aggregateID":"u1","event_type":"orders/create","event_payload":{"total":{"cents":5}}}`, true},
		{keys[4], `{"aggregateID":"u1","event_type":"orders/create","event_payload":{"total":{"cents":"5"}}}`, false},
		{keys[5], `{"function":"function/create_id_token","user":{}}`, true},
		{keys[5], `{"function":"function/create_id_token","user":1}`, false},
	} {
		require.Equal(t, c.good, valid(t, at(t, document, c.key), c.body), "%s: %s", c.key, c.body)
	}
	raw, err := json.MarshalIndent(document, "", " ")
	require.NoError(t, err)
	const golden = "testdata/all.openapi.json"
	if *update {
		require.NoError(t, os.WriteFile(golden, append(raw, '\n'), 0o644))
	}
	have, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(have), string(raw)+"\n", "run: task generate")
}

// TestRandomCallsAreValid by the served contract, not by the schema of the message alone.
func TestRandomCallsAreValid(t *testing.T) {
	t.Parallel()
	types, err := TypesOf("", typed(t))
	require.NoError(t, err)
	schema, d := at(t, Targets(types), "request./all.v1.AllService/Do"), allMessage(t)
	write := protojson.MarshalOptions{Resolver: resolver{dynamicpb.NewMessageType(d)}}
	for seed := range uint64(500) {
		r := maker{rand.New(rand.NewPCG(seed, 2)), d}
		raw, err := write.Marshal(r.message(d, 0))
		require.NoError(t, err)
		require.True(t, valid(t, schema, fmt.Sprintf(`{"fullMethod":"/all.v1.AllService/Do","request":%s}`, raw)), "seed %d: %s", seed, raw)
	}
}

// TestWhatCannotBeReadIsLeftOut and named, and harms no other core.
func TestWhatCannotBeReadIsLeftOut(t *testing.T) {
	t.Parallel()
	good := typed(t)
	contradicts := good
	contradicts.Core, contradicts.Schemas = "twin", map[string]json.RawMessage{"event/orders/create": json.RawMessage(`{"type":"string"}`)}
	for says, bad := range map[string]catalog.Declaration{
		"no google.protobuf.FileDescriptorSet": {Core: "a", Methods: []string{"/a.S/Do"}, Descriptors: []byte("\x0a\xff\xff")},
		"gzip":                                 {Core: "a", Methods: []string{"/a.S/Do"}, Descriptors: []byte("\x1f\x8b12345678901234567890")},
		"at most 8388608 bytes":                {Core: "a", Methods: []string{"/a.S/Do"}, Descriptors: zipped(t, make([]byte, maxDescriptors+1))},
		"there is no message":                  {Core: "a", EventTypes: []string{"x"}, Descriptors: allSet(t), EventMessages: map[string]string{"x": "all.v1.Nothing"}},
		"of its $defs, which is not there":     {Core: "a", EventTypes: []string{"x"}, Schemas: map[string]json.RawMessage{"event/x": json.RawMessage(`{"items":[{"$ref":"#/$defs/Nobody"}]}`)}},
		"beside its own $defs":                 {Core: "a", EventTypes: []string{"x"}, Schemas: map[string]json.RawMessage{"event/x": json.RawMessage(`{"items":[{"$ref":"https://a.example/b"}]}`)}},
		"another core declares":                contradicts,
	} {
		types, err := TypesOf("", good, bad)
		require.ErrorContains(t, err, says)
		require.Equal(t, action.CodeMalformed, action.CodeOf(err))
		document := Targets(types)
		require.Len(t, document.Under("webhooks"), len(hooks)+6, says)
		require.Contains(t, fmt.Sprint(document.Get("x-callout-left-out")), says)
	}
	types, err := TypesOf("", good, good)
	require.NoError(t, err, "the same twice is no contradiction")
	require.Len(t, Targets(types).Under("webhooks"), len(hooks)+6)
}
