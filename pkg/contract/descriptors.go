package contract

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Bounds of the descriptors of a core, once they are unpacked. A passed one is an error.
const (
	maxDescriptors = 8 << 20 // bytes
	maxFiles       = 2000
	maxNames       = 100_000 // messages, fields, enums and all else that has a name
	maxNested      = 32      // messages in messages
	maxFullName    = 1024    // bytes, with the package and the messages around it
)

// registered are the descriptors of a core; nil has none.
type registered struct {
	*protoregistry.Files
	size int // of the descriptors, in bytes
}

// register reads a FileDescriptorSet, as it is or by gzip.
func register(raw []byte) (*registered, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) {
		var err error
		if raw, err = unzip(raw); err != nil {
			return nil, fmt.Errorf("descriptors: %w", err)
		}
	}
	if len(raw) > maxDescriptors {
		return nil, errTooManyBytes
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(raw, &set); err != nil {
		return nil, errors.New("descriptors: they are no google.protobuf.FileDescriptorSet")
	}
	if len(set.GetFile()) > maxFiles {
		return nil, fmt.Errorf("descriptors: at most %d files are taken", maxFiles)
	}
	if err := checkNames(&set); err != nil {
		return nil, err
	}
	files, err := (protodesc.FileOptions{AllowUnresolvable: true}).NewFiles(&set)
	if err != nil {
		return nil, fmt.Errorf("descriptors: %w", err)
	}
	return &registered{files, len(raw)}, nil
}

var errTooManyBytes = fmt.Errorf("descriptors: at most %d bytes are taken", maxDescriptors)

func unzip(raw []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(r, maxDescriptors+1))
	if err != nil {
		return nil, err
	}
	return out, nil
}

// method gives the description of a method; nil = there is none.
func (r *registered) method(service, name string) protoreflect.MethodDescriptor {
	if r == nil {
		return nil
	}
	d, err := r.FindDescriptorByName(protoreflect.FullName(service))
	s, ok := d.(protoreflect.ServiceDescriptor)
	if err != nil || !ok {
		return nil
	}
	return s.Methods().ByName(protoreflect.Name(name))
}

// message gives the description of a message; nil = there is none.
func (r *registered) message(name string) protoreflect.MessageDescriptor {
	if r == nil {
		return nil
	}
	d, err := r.FindDescriptorByName(protoreflect.FullName(name))
	m, ok := d.(protoreflect.MessageDescriptor)
	if err != nil || !ok {
		return nil
	}
	return m
}
