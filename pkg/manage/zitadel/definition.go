package zitadel

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/callout-hq/callout/pkg/action"
	definition "github.com/callout-hq/callout/schemas/zitadel"
)

// Files are the protobuf files of ZITADEL's action services. They stand in no
// registry of the process, where ZITADEL's own may be.
var Files = readFiles()

func readFiles() *protoregistry.Files {
	set := new(descriptorpb.FileDescriptorSet)
	err := proto.Unmarshal(definition.Descriptors, set)
	if err != nil {
		panic(fmt.Sprintf("the definition of ZITADEL's services cannot be read: %v", err))
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		panic(fmt.Sprintf("the definition of ZITADEL's services is not complete: %v", err))
	}
	return files
}

// methodOf gives the definition of a call.
func methodOf(service, name string) protoreflect.MethodDescriptor {
	found, err := Files.FindDescriptorByName(protoreflect.FullName(service + "." + name))
	method, ok := found.(protoreflect.MethodDescriptor)
	if err != nil || !ok {
		panic(fmt.Sprintf("%s has no call %s", service, name)) // of names in this package only
	}
	return method
}

// document is the JSON of a request or an answer. What is in it is read and
// written by the endpoint, in one way for all forms.
type document struct {
	raw    []byte
	binary protoreflect.MessageDescriptor // what raw is a message of; nil: it is JSON
}

// json gives the JSON of a document.
func (d *document) json() ([]byte, error) {
	if d.binary == nil {
		return d.raw, nil
	}
	message := dynamicpb.NewMessage(d.binary)
	err := proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(d.raw, message)
	var raw []byte
	if err == nil {
		raw, err = protojson.Marshal(message)
	}
	if err != nil {
		return nil, action.NewError(action.CodeMalformed, action.StageDecode, fmt.Sprintf("the body is no message %s", d.binary.FullName())).WithCause(err)
	}
	return raw, nil
}

// asBinary writes the JSON of an answer as a message.
func asBinary(raw []byte, kind protoreflect.MessageDescriptor) ([]byte, error) {
	message := dynamicpb.NewMessage(kind)
	if err := protojson.Unmarshal(raw, message); err != nil {
		return nil, fmt.Errorf("an answer is no message %s: %w", kind.FullName(), err)
	}
	return proto.Marshal(message)
}
