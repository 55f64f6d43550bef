package calloutproto

import "google.golang.org/protobuf/reflect/protoreflect"

// carry sets in m what differs between before and after. before is m without
// what JSON does not carry.
func carry(m, before, after protoreflect.Message) {
	before.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if !after.Has(field) {
			m.Clear(field)
		}
		return true
	})
	after.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case !before.Has(field):
			m.Set(field, value)
		case value.Equal(before.Get(field)):
		case field.IsMap() && field.MapValue().Message() != nil:
			carryMap(m.Mutable(field).Map(), before.Get(field).Map(), value.Map())
		case field.IsList() && field.Message() != nil:
			carryList(m.Mutable(field).List(), before.Get(field).List(), value.List())
		case field.Message() == nil, field.IsMap(), isAny(field.Message()): // a whole, or a value beside the name of its type
			m.Set(field, value)
		default:
			carry(m.Mutable(field).Message(), before.Get(field).Message(), value.Message())
		}
		return true
	})
}

// carryMap is carry for the messages of a map, by their keys.
func carryMap(m, before, after protoreflect.Map) {
	before.Range(func(key protoreflect.MapKey, _ protoreflect.Value) bool {
		if !after.Has(key) {
			m.Clear(key)
		}
		return true
	})
	after.Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		switch {
		case !before.Has(key), isAny(value.Message().Descriptor()):
			m.Set(key, value)
		default:
			carry(m.Mutable(key).Message(), before.Get(key).Message(), value.Message())
		}
		return true
	})
}

// carryList keeps of a list of messages the elements at its two ends that are as
// they were. What stands between is taken as it came: nobody can tell which
// element it was before.
func carryList(m, before, after protoreflect.List) {
	same := func(i, j int) bool { return before.Get(i).Equal(after.Get(j)) }
	shorter, front, back := min(before.Len(), after.Len()), 0, 0
	for front < shorter && same(front, front) {
		front++
	}
	for back < shorter-front && same(before.Len()-1-back, after.Len()-1-back) {
		back++
	}
	tail := make([]protoreflect.Value, 0, back)
	for i := before.Len() - back; i < before.Len(); i++ {
		tail = append(tail, m.Get(i))
	}
	m.Truncate(front)
	for i := front; i < after.Len()-back; i++ {
		m.Append(after.Get(i))
	}
	for _, kept := range tail {
		m.Append(kept)
	}
}
