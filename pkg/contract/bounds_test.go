package contract

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/callout-hq/callout/pkg/catalog"
)

// declared is a core of a service p.S, whose methods all take and give the message p.m0.
func declared(t *testing.T, core string, methods int, messages ...*descriptorpb.DescriptorProto) catalog.Declaration {
	t.Helper()
	d := catalog.Declaration{Core: core}
	s := &descriptorpb.ServiceDescriptorProto{Name: proto.String("S")}
	for i := range methods {
		s.Method = append(s.Method, &descriptorpb.MethodDescriptorProto{Name: proto.String(fmt.Sprint("M", i)), InputType: proto.String(".p.m0"), OutputType: proto.String(".p.m0")})
		d.Methods = append(d.Methods, fmt.Sprint("/p.S/M", i))
	}
	raw, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{{
		Name: proto.String("a"), Package: proto.String("p"), Syntax: proto.String("proto3"), MessageType: messages, Service: []*descriptorpb.ServiceDescriptorProto{s},
	}}})
	require.NoError(t, err)
	d.Descriptors = zipped(t, raw)
	_, err = d.Encode()
	require.NoError(t, err, "it is declared, since only what is unpacked is too much")
	return d
}

// inRow are messages that hold the next one each.
func inRow(n int) []*descriptorpb.DescriptorProto {
	var all []*descriptorpb.DescriptorProto
	for i := range n {
		all = append(all, &descriptorpb.DescriptorProto{Name: proto.String(fmt.Sprint("m", i)), Field: []*descriptorpb.FieldDescriptorProto{{
			Name: proto.String("f"), Number: proto.Int32(1), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
			Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), TypeName: proto.String(fmt.Sprint(".p.m", min(i+1, n-1))),
		}}})
	}
	return all
}

func wide(fields int) *descriptorpb.DescriptorProto {
	m := &descriptorpb.DescriptorProto{Name: proto.String("m0")}
	for i := range fields {
		m.Field = append(m.Field, &descriptorpb.FieldDescriptorProto{Name: proto.String(fmt.Sprint("f", i)), Number: proto.Int32(int32(i + 1)),
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum()})
	}
	return m
}

func deep(levels int, name string) *descriptorpb.DescriptorProto {
	m := &descriptorpb.DescriptorProto{Name: proto.String("m0")}
	for range levels {
		m = &descriptorpb.DescriptorProto{Name: proto.String(name), NestedType: []*descriptorpb.DescriptorProto{m}}
	}
	return m
}

// TestWhatIsTooMuchIsLeftOut: a declaration of some kilobytes can stand for gigabytes of a
// contract. It is left out, and harms no other core.
func TestWhatIsTooMuchIsLeftOut(t *testing.T) {
	t.Parallel()
	good := typed(t)
	for says, bad := range map[string]catalog.Declaration{
		"at most 100000 messages, fields and":           declared(t, "a", 1, inRow(60_000)...),
		"schemas of its bodies have more than 16777216": declared(t, "a", 500, wide(5000)),
		"in another one at most 32 deep":                declared(t, "a", 1, wide(1), deep(40, "m")),
		"a name has at most 1024 bytes":                 declared(t, "a", 1, wide(1), deep(20, "a2345678901234567890123456789012345678901234567890123456789")),
	} {
		types, err := TypesOf("", bad, good)
		require.ErrorContains(t, err, says)
		raw, err := json.Marshal(Targets(types))
		require.NoError(t, err)
		require.Less(t, len(raw), 2<<20)
		require.Len(t, Targets(types).Under("webhooks"), len(hooks)+6, says)
	}
}

// TestManyMessagesAreRead without looking each of them up among all.
func TestManyMessagesAreRead(t *testing.T) {
	t.Parallel()
	types, err := TypesOf("", declared(t, "a", 1, inRow(40_000)...))
	require.NoError(t, err)
	require.Greater(t, len(types.schemas), 40_000)
}

// TestAllCoresTogetherAreBounded: those that no room is left for are named.
func TestAllCoresTogetherAreBounded(t *testing.T) {
	t.Parallel()
	var cores []catalog.Declaration
	for i := range 6 {
		cores = append(cores, declared(t, fmt.Sprint("c", i), 60, wide(4000)))
	}
	types, err := TypesOf("", cores...)
	require.ErrorContains(t, err, "ask for this core alone")
	require.NotEmpty(t, types.left)
	require.Less(t, len(types.left), len(cores)-1)
}

// TestIDsOfOneForm are numbered, however many differ in a sign alone.
func TestIDsOfOneForm(t *testing.T) {
	t.Parallel()
	types, _ := TypesOf("")
	seen := map[string]bool{}
	for range 50_000 {
		id := types.idOf("OnEventAB")
		require.False(t, seen[id])
		seen[id] = true
	}
	require.True(t, seen["OnEventAB2"])
}
