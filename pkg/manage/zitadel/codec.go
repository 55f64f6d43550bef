package zitadel

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// jsonCodec carries documents in JSON through Connect and gRPC, as they are.
type jsonCodec struct{ name string }

// Name is the one under which the codec is found, from the Content-Type.
func (c jsonCodec) Name() string { return c.name }

// Marshal hands a document out.
func (jsonCodec) Marshal(v any) ([]byte, error) {
	d, ok := v.(*document)
	if !ok {
		return nil, fmt.Errorf("%T is no document", v)
	}
	return d.raw, nil
}

// Unmarshal takes a document in; the bytes are Connect's to use again.
func (jsonCodec) Unmarshal(raw []byte, v any) error {
	d, ok := v.(*document)
	if !ok {
		return fmt.Errorf("%T is no document", v)
	}
	d.raw = bytes.Clone(raw)
	return nil
}

// binaryCodec carries the documents of one call as its messages of protobuf.
type binaryCodec struct{ method protoreflect.MethodDescriptor }

// Name is the one under which the codec is found, from the Content-Type.
func (binaryCodec) Name() string { return "proto" }

// Marshal writes an answer, or what gRPC tells of an error.
func (c binaryCodec) Marshal(v any) ([]byte, error) {
	switch v := v.(type) {
	case *document:
		return asBinary(v.raw, c.method.Output())
	case proto.Message:
		return proto.Marshal(v)
	}
	return nil, fmt.Errorf("%T is no document", v)
}

// Unmarshal takes a request in, and leaves it to the call to read it: what is wrong
// with it is worded there. The bytes are Connect's to use again.
func (c binaryCodec) Unmarshal(raw []byte, v any) error {
	d, ok := v.(*document)
	if !ok {
		return fmt.Errorf("%T is no document", v)
	}
	d.raw, d.binary = bytes.Clone(raw), c.method.Input()
	return nil
}
