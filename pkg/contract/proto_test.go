package contract

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// compiled is the schema of a message, with those that it refers to. A strict one has
// nothing beside the members of messages, so that one under another name is seen.
func compiled(t testing.TB, d protoreflect.MessageDescriptor, strict bool) *jsonschema.Schema {
	t.Helper()
	m := newMessages()
	top := m.schemaOf(d)
	for i, s := range m.schemas {
		if o, _ := s.Value.(Object); strict && o.Get("properties") != nil && o.Get("additionalProperties") == nil {
			m.schemas[i].Value = append(o, Member{"additionalProperties", false})
		}
	}
	raw, err := json.Marshal(Pairs("components", Pairs("schemas", m.schemas), "top", top))
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	require.NoError(t, c.AddResource("callout:///all.json", value))
	schema, err := c.Compile("callout:///all.json#/top")
	require.NoError(t, err)
	return schema
}

// resolver finds the message of the test beside those that are linked.
type resolver struct{ of protoreflect.MessageType }

func (r resolver) FindMessageByName(name protoreflect.FullName) (protoreflect.MessageType, error) {
	if name == r.of.Descriptor().FullName() {
		return r.of, nil
	}
	return protoregistry.GlobalTypes.FindMessageByName(name)
}

func (r resolver) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	return r.FindMessageByName(protoreflect.FullName(url[bytes.LastIndexByte([]byte(url), '/')+1:]))
}

func (resolver) FindExtensionByName(name protoreflect.FullName) (protoreflect.ExtensionType, error) {
	return protoregistry.GlobalTypes.FindExtensionByName(name)
}

func (resolver) FindExtensionByNumber(m protoreflect.FullName, n protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	return protoregistry.GlobalTypes.FindExtensionByNumber(m, n)
}

// TestRandomMessagesAreValid: what protojson writes of 10,000 random messages, with every
// kind of field in every place, is as the schema says, with no member beside.
func TestRandomMessagesAreValid(t *testing.T) {
	t.Parallel()
	d := allMessage(t)
	schema := compiled(t, d, true)
	write := protojson.MarshalOptions{Resolver: resolver{dynamicpb.NewMessageType(d)}}
	largest, members := 0, map[string]bool{}
	for seed := range uint64(10000) {
		r := maker{rand.New(rand.NewPCG(seed, 1)), d}
		raw, err := write.Marshal(r.message(d, 0))
		require.NoError(t, err)
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(value), "seed %d: %s", seed, raw)
		largest = max(largest, len(raw))
		object, _ := value.(map[string]any)
		for name := range object {
			members[name] = true
		}
	}
	t.Logf("%d of %d members seen, the largest of %d bytes", len(members), d.Fields().Len(), largest)
	require.NotContains(t, members, "oneNull", "it has one value, which is the default")
	require.Len(t, members, d.Fields().Len()-1, "every other member was written once")
}

// TestOtherSpellingsAreRefused: the schema says what protojson writes, not what it reads.
func TestOtherSpellingsAreRefused(t *testing.T) {
	t.Parallel()
	schema := compiled(t, allMessage(t), false)
	for body, good := range map[string]bool{
		`{"oneInt64":"7"}`: true, `{"oneInt64":7}`: false, `{"oneUint64":"-7"}`: false, `{"oneInt32":7}`: true, `{"oneInt32":"7"}`: false,
		`{"oneDuration":"1.500s"}`: true, `{"oneDuration":"PT1.5S"}`: false, `{"oneTimestamp":"2026-01-02T03:00:00Z"}`: true, `{"oneTimestamp":"yesterday"}`: false,
		`{"oneMask":"userName,a.bC"}`: true, `{"oneMask":{"paths":["a"]}}`: false, `{"oneColor":"RED"}`: true, `{"oneColor":"GREEN"}`: false, `{"oneNull":null}`: true, `{"oneNull":0}`: false,
		`{"oneDouble":1.5}`: true, `{"oneDouble":"NaN"}`: true, `{"oneDouble":"1.5"}`: false, `{"oneInt64Value":"7"}`: true, `{"oneInt64Value":{"value":"7"}}`: false,
		`{"oneAny":{"@type":"a/b"}}`: true, `{"oneAny":{}}`: false, `{"oneStruct":{"a":1}}`: true, `{"oneStruct":{"fields":{}}}`: true, `{"oneStruct":[1]}`: false,
		`{"oneBytes":"AP8="}`: true, `{"oneBytes":"_-8"}`: false, `{"oneAll":{"oneAll":{"oneBool":true}}}`: true, `{"oneAll":{"oneAll":{"oneBool":1}}}`: false,
		`{"manyBool":[true]}`: true, `{"manyBool":true}`: false, `{"mapBool":{"a":true}}`: true, `{"mapBool":[true]}`: false, `{"oneBool":null}`: false, `{}`: true, `[]`: false,
		`{"oneUint32":4294967296}`: false, `{"oneEmpty":{}}`: true, `{"oneEmpty":null}`: false, `{"oneBytesValue":"AA=="}`: true, `{"oneBoolValue":{}}`: false,
	} {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(body)))
		require.NoError(t, err)
		require.Equal(t, good, schema.Validate(value) == nil, body)
	}
}

// TestNothingIsRequired but what every Any has, a choice names the others, and comments
// are descriptions.
func TestNothingIsRequired(t *testing.T) {
	t.Parallel()
	m := newMessages()
	require.Equal(t, Reference("all.v1.All"), m.schemaOf(allMessage(t)))
	for _, s := range m.schemas {
		o, _ := s.Value.(Object)
		require.Equal(t, s.Name == "google.protobuf.Any", o.Get("required") != nil, s.Name)
		require.NotNil(t, o, s.Name)
	}
	all := m.schemas.Under("all.v1.All")
	require.Equal(t, "All is everything.", all.Get("description"))
	require.Contains(t, all.Under("properties").Under("choiceBool").Get("description"), "At most one of these comes: choiceBool, choiceInt32,")
	require.Equal(t, Reference("all.v1.All"), all.Under("properties").Get("oneAll"), "one that holds itself is named")
}
