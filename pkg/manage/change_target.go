package manage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/callout-hq/callout/pkg/catalog"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// targetChange is what an UpdateTarget asks for.
type targetChange struct {
	subject
	wanted *calloutv1.Target
	whole  bool                             // every setting is set
	mask   [][]protoreflect.FieldDescriptor // or those that it names
	rename string                           // the new name; "" leaves it
	doubts []catalog.Problem
}

// GetOrg, GetName and GetId say which target is meant: by its id, when there
// is one, the name may be a new one.
func (c *targetChange) GetOrg() string { return c.wanted.GetOrg() }

// GetId is the id of the target, if it is meant by that.
func (c *targetChange) GetId() string { return c.wanted.GetId() } //nolint:staticcheck // as the generated code has it

// GetName is the name of the target, if it is meant by that.
func (c *targetChange) GetName() string {
	if c.GetId() != "" {
		return ""
	}
	return c.wanted.GetName()
}

func newTargetChange(req *calloutv1.UpdateTargetRequest) (*targetChange, error) {
	c := &targetChange{subject: subject{field: "target"}, wanted: req.GetTarget(), whole: len(req.GetUpdateMask().GetPaths()) == 0}
	if c.wanted == nil {
		return nil, missing("target", "a target is needed")
	}
	var wrong []catalog.Problem
	for _, path := range req.GetUpdateMask().GetPaths() {
		fields, fault := maskPath(path)
		switch {
		case fault != "":
			wrong = append(wrong, catalog.Problem{Path: "update_mask", Severity: catalog.Error, Code: catalog.ProblemUnknownKey, Message: fault})
		case fields == nil && c.GetId() != "":
			c.rename = c.wanted.GetName()
		case fields == nil: // the name says which target is meant
		default:
			c.mask = append(c.mask, fields)
		}
	}
	if len(wrong) > 0 {
		return nil, badFields(wrong)
	}
	if slices.Contains(req.GetUpdateMask().GetPaths(), "name") && c.wanted.GetName() == "" {
		return nil, missing("target.name", "a target has a name")
	}
	return c, nil
}

// maskPath reads one path of a mask; it is nil for the name.
func maskPath(path string) (fields []protoreflect.FieldDescriptor, fault string) {
	m := (*calloutv1.Target)(nil).ProtoReflect().Descriptor()
	for i, name := range strings.Split(path, ".") {
		var f protoreflect.FieldDescriptor
		if m != nil {
			f = m.Fields().ByName(protoreflect.Name(name))
		}
		switch {
		case f == nil && i > 0:
			return nil, fmt.Sprintf("%q names no field; %s is set as a whole", path, strings.TrimSuffix(path, "."+name))
		case f == nil:
			return nil, fmt.Sprintf("%q is no field of a target", path)
		case i == 0 && besideTarget[f.Name()] && path != "name":
			return nil, fmt.Sprintf("%s cannot be set", f.Name())
		case path == "name":
			return nil, ""
		}
		fields = append(fields, f)
		m = nil
		if f.Message() != nil && !f.IsMap() && !f.IsList() && f.Message().ParentFile() == calloutv1.File_callout_v1_target_proto {
			m = f.Message()
		}
	}
	return fields, ""
}

// make gives the catalog with the change.
func (c *targetChange) make(_ context.Context, current *catalog.Snapshot) (*catalog.Snapshot, error) {
	place, err := targetMeant(current, c, current.FindID)
	if err != nil {
		return nil, within("target", err)
	}
	was := current.Scopes[place.Org].Targets[place.Name]
	if err := sameEtag(c.wanted.GetEtag(), catalog.Etag(was), "the target", "target.etag"); err != nil {
		return nil, err
	}
	name := place.Name
	switch given := c.wanted.GetName(); {
	case c.rename != "":
		name = c.rename
	case given != "" && given != name && c.rename == "":
		return nil, badField("target.name", "another name is given by putting name into update_mask")
	}
	c.place = targetAt(place.Org, name)
	t, reading := readTarget(place.Org, name, c.over(targetMessage(place.Org, &was, catalog.Meta{})))
	c.reading = reading
	var next *catalog.Snapshot
	if name == place.Name {
		next = current.WithTarget(place.Org, t)
	} else {
		var fault string
		if next, fault = current.Renamed(place.Org, place.Name, t); fault != "" {
			return nil, badField("target.name", fault)
		}
	}
	if c.doubts, err = c.check(next); err != nil {
		return nil, err
	}
	if name == place.Name && catalog.Etag(t) == catalog.Etag(was) {
		return current, nil
	}
	return next, nil
}

// over gives the target with the fields that are set.
func (c *targetChange) over(current *calloutv1.Target) *calloutv1.Target {
	if c.whole {
		return c.wanted
	}
	for _, path := range c.mask {
		setField(current.ProtoReflect(), c.wanted.ProtoReflect(), path)
	}
	return current
}

// setField sets or clears one field as another message has it. A message within
// that is left with nothing is cleared too.
func setField(into, from protoreflect.Message, path []protoreflect.FieldDescriptor) {
	f := path[0]
	switch {
	case len(path) > 1 && (from.Has(f) || into.Has(f)):
		inner := into.Mutable(f).Message()
		setField(inner, from.Get(f).Message(), path[1:])
		if proto.Size(inner.Interface()) == 0 {
			into.Clear(f)
		}
	case from.Has(f):
		into.Set(f, from.Get(f))
	default:
		into.Clear(f)
	}
}
