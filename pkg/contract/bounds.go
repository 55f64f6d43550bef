package contract

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/types/descriptorpb"
)

// Bounds of a typed contract, in bytes. A core that passes one is left out.
const (
	maxWritten        = 16 << 20 // of the schemas of one core, about
	maxAllWritten     = 48 << 20 // of those of all: no core is begun behind it
	maxAllDescriptors = 64 << 20 // of the descriptors of all, unpacked: the same
)

var (
	errTooLarge     = fmt.Errorf("the schemas of its bodies have more than %d bytes", maxWritten)
	errTooManyCores = errors.New("what other cores have declared is all that is written into one document: ask for this core alone")
)

// weight is about how many bytes a value is as JSON.
func weight(value any) int {
	switch v := value.(type) {
	case Object:
		n := 2
		for _, m := range v {
			n += len(m.Name) + 4 + weight(m.Value)
		}
		return n
	case []any:
		n := 2
		for _, one := range v {
			n += 1 + weight(one)
		}
		return n
	case []string:
		n := 2
		for _, one := range v {
			n += len(one) + 3
		}
		return n
	case string:
		return len(v) + 2
	}
	return 8
}

// names counts what descriptors name, before each of them is given its full name: those of
// many messages deep in others take gigabytes.
type names struct{ count int }

// checkNames holds descriptors against the bounds of their names.
func checkNames(set *descriptorpb.FileDescriptorSet) error {
	var n names
	for _, f := range set.GetFile() {
		at := len(f.GetPackage())
		if at > maxFullName {
			return errLongName
		}
		if err := n.messages(at, 1, f.GetMessageType()); err != nil {
			return err
		}
		if err := n.enums(at, f.GetEnumType()); err != nil {
			return err
		}
		if err := n.fields(at, f.GetExtension()); err != nil {
			return err
		}
		for _, s := range f.GetService() {
			if err := n.add(at, s); err != nil {
				return err
			}
			if err := each(&n, at+1+len(s.GetName()), s.GetMethod()); err != nil {
				return err
			}
		}
	}
	return nil
}

var (
	errManyNames = fmt.Errorf("descriptors: at most %d messages, fields and other names are taken", maxNames)
	errLongName  = fmt.Errorf("descriptors: a name has at most %d bytes, with all that is before it", maxFullName)
	errDeep      = fmt.Errorf("descriptors: a message is declared in another one at most %d deep", maxNested)
)

// add counts one name, behind so many bytes.
func (n *names) add(at int, of interface{ GetName() string }) error {
	if n.count++; n.count > maxNames {
		return errManyNames
	}
	if at+1+len(of.GetName()) > maxFullName {
		return errLongName
	}
	return nil
}

func each[T interface{ GetName() string }](n *names, at int, all []T) error {
	for _, one := range all {
		if err := n.add(at, one); err != nil {
			return err
		}
	}
	return nil
}

func (n *names) fields(at int, all []*descriptorpb.FieldDescriptorProto) error {
	return each(n, at, all)
}

func (n *names) enums(at int, all []*descriptorpb.EnumDescriptorProto) error {
	for _, e := range all {
		if err := n.add(at, e); err != nil {
			return err
		}
		if err := each(n, at+1+len(e.GetName()), e.GetValue()); err != nil {
			return err
		}
	}
	return nil
}

func (n *names) messages(at, depth int, all []*descriptorpb.DescriptorProto) error {
	if depth > maxNested && len(all) > 0 {
		return errDeep
	}
	for _, m := range all {
		if err := n.add(at, m); err != nil {
			return err
		}
		in := at + 1 + len(m.GetName())
		err := errors.Join(n.fields(in, m.GetField()), n.fields(in, m.GetExtension()), each(n, in, m.GetOneofDecl()),
			n.enums(in, m.GetEnumType()), n.messages(in, depth+1, m.GetNestedType()))
		if err != nil {
			return err
		}
	}
	return nil
}
