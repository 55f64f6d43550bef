package calloutproto

import (
	"bytes"
	"compress/gzip"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Descriptors are protobuf files with all that they import, for the declaration of a core:
// by them it is known what is in a request, a response and an event, and those who write
// targets get types of it.
//
//	&callout.Declaration{Core: "users", Methods: calloutproto.Methods(files...), Descriptors: calloutproto.Descriptors(files...),
//		EventTypes: []string{"user.added"}, EventMessages: map[string]string{"user.added": "acme.user.v1.UserAdded"}}
//
// They are a google.protobuf.FileDescriptorSet by gzip. Comments are not in what protoc
// generates, and so not in this. The declaration as a whole has at most 1 MiB.
func Descriptors(files ...protoreflect.FileDescriptor) []byte {
	set, seen := &descriptorpb.FileDescriptorSet{}, map[string]bool{}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] || f.IsPlaceholder() {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
	}
	for _, f := range files {
		add(f)
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		panic(err) // of descriptors that are linked
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(raw) // a Buffer takes everything
	_ = w.Close()
	return out.Bytes()
}
