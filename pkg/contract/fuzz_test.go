package contract

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// mostFuzzed bounds how many methods and messages are declared of descriptors that a fuzzer
// has made.
const mostFuzzed = 8

// declarationOf is a core that declares what descriptors have, as far as they can be read,
// and a schema for a body of each phase.
func declarationOf(descriptors, schema []byte) catalog.Declaration {
	d := catalog.Declaration{Core: "c", Methods: []string{"/s.S/M"}, Functions: []string{"f"}, EventTypes: []string{"a", "b"}, Descriptors: descriptors}
	if len(schema) > 0 {
		d.Schemas = map[string]json.RawMessage{"event/a": schema, "function/f": schema, "request/s.S/M": schema, "response/s.S/M": schema}
	}
	var set descriptorpb.FileDescriptorSet
	if proto.Unmarshal(descriptors, &set) != nil {
		return d
	}
	for _, file := range set.GetFile() {
		within := strings.TrimPrefix(file.GetPackage()+".", ".")
		for _, s := range file.GetService() {
			for _, m := range s.GetMethod() {
				if name := "/" + within + s.GetName() + "/" + m.GetName(); len(d.Methods) < mostFuzzed && action.CheckMethod(name) == nil {
					d.Methods = append(d.Methods, name)
				}
			}
		}
		for _, m := range file.GetMessageType() {
			if len(d.EventMessages) == 0 && m.GetName() != "" {
				d.EventMessages = map[string]string{"b": within + m.GetName()}
			}
		}
	}
	return d
}

// referencesIn are all that a document refers to.
func referencesIn(value any, found map[string]bool) {
	switch v := value.(type) {
	case Object:
		for _, m := range v {
			if to, isText := m.Value.(string); isText && isReference(m.Name) {
				found[to] = true
			}
			referencesIn(m.Value, found)
		}
	case []any:
		for _, one := range v {
			referencesIn(one, found)
		}
	}
}

// FuzzTypesOf makes a contract of descriptors and schemas that somebody declares. A core is
// left out with the reason, or the document can be read again, and refers to nothing that
// is not in it.
func FuzzTypesOf(f *testing.F) {
	all, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{allFile()}})
	require.NoError(f, err)
	small, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{{
		Name: proto.String("a"), Package: proto.String("p"), Syntax: proto.String("proto3"), MessageType: inRow(2),
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("S"), Method: []*descriptorpb.MethodDescriptorProto{{Name: proto.String("M"), InputType: proto.String(".p.m0"), OutputType: proto.String(".p.m1")}}}},
	}}})
	require.NoError(f, err)
	for _, schema := range []string{``, `{}`, `{"type":"object","properties":{"a":{"$ref":"#/$defs/B"}},"$defs":{"B":{"type":["string","null"]}}}`, `{"$ref":"#/$defs/nobody"}`,
		`{"$defs":{"B":true}}`, `{"$dynamicRef":"#/$defs/B","$defs":{"B":{"$dynamicAnchor":"x"}}}`, `{"properties":{"$ref":{"type":"string"}}}`, `{"enum":[{"$ref":"x"}],"$id":"y","allOf":[{"not":{}}]}`} {
		f.Add(small, []byte(schema))
		f.Add([]byte(nil), []byte(schema))
	}
	f.Add(all, []byte(nil))
	f.Add(zipped(f, small), []byte(nil))
	f.Add(zipped(f, small)[:20], []byte(nil))
	f.Fuzz(func(t *testing.T, descriptors, schema []byte) {
		d := declarationOf(descriptors, schema)
		raw, err := d.Encode()
		if err != nil {
			return // it is not declared
		}
		d, err = catalog.DecodeDeclaration(raw)
		require.NoError(t, err)
		types, err := TypesOf("the instance", d)
		if err != nil {
			refusal := action.AsError(err, action.StageDecode)
			require.Equal(t, action.CodeMalformed, refusal.Code, "%v", err)
			require.NotEmpty(t, types.left)
		}
		text, err := json.Marshal(Targets(types))
		require.NoError(t, err)
		document, err := ReadDocument(text)
		require.NoError(t, err)
		found := map[string]bool{}
		referencesIn(document.object, found)
		for to := range found {
			if name, isSchema := strings.CutPrefix(to, components); isSchema {
				require.NotNil(t, document.component(name), "it refers to %q", to)
			} else {
				require.True(t, strings.HasPrefix(to, "#/components/"), "it refers to %q", to)
			}
		}
		for _, phase := range action.Phases {
			for _, name := range document.Typed(phase) {
				_, typed, err := document.SchemaFor(phase, name)
				require.NoError(t, err)
				require.True(t, typed)
				document.Has(phase, name, "/request/a/0")
			}
		}
	})
}
