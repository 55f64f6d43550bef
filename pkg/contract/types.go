package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Types are those of cores: schemas of their messages, and the webhooks that have them.
type Types struct {
	title   string
	hooks   []hook
	keys    map[string]bool // of hooks
	schemas Object
	at      map[string]int // where one stands among schemas
	written int            // about how many bytes schemas are
	read    int            // bytes of descriptors
	ids     map[string]int // how often one was asked for
	left    []string       // why a core is left out
}

// TypesOf reads what declarations say of bodies. A core whose types cannot be read, or
// contradict those of one before it, is left out, and the document says so; of several the
// first error is given, which is malformed, with the core as its field.
func TypesOf(title string, cores ...catalog.Declaration) (*Types, error) {
	all := &Types{title: title, keys: map[string]bool{}, at: map[string]int{}, ids: map[string]int{}}
	var first error
	for i := range cores {
		if !cores[i].IsTyped() {
			continue
		}
		err := all.addCore(&cores[i])
		if err != nil {
			said := fmt.Sprintf("the types of the core %s cannot be used: %v", catalog.Quote(cores[i].Core), err)
			all.left = append(all.left, said)
			if first == nil {
				first = action.NewError(action.CodeMalformed, action.StageDecode, said).WithField(cores[i].Core)
			}
		}
	}
	return all, first
}

// addCore takes in the types of a core, whole or not at all.
func (t *Types) addCore(core *catalog.Declaration) error {
	if t.read >= maxAllDescriptors || t.written >= maxAllWritten {
		return errTooManyCores
	}
	of, err := typesOf(core)
	if of != nil && of.files != nil {
		t.read += of.files.size
	}
	if err != nil {
		return err
	}
	return t.add(of)
}

func (t *Types) add(of *reading) error {
	for _, s := range of.schemas {
		at, have := t.at[s.Name]
		if have && !same(t.schemas[at].Value, s.Value) {
			return fmt.Errorf("another core declares %s differently", s.Name)
		}
	}
	t.written += of.written
	for _, s := range of.schemas {
		if _, have := t.at[s.Name]; !have {
			t.at[s.Name] = len(t.schemas)
			t.schemas = append(t.schemas, s)
		}
	}
	for _, h := range of.hooks {
		if !t.keys[h.key] {
			t.keys[h.key] = true
			h.id = t.idOf(h.id)
			t.hooks = append(t.hooks, h)
		}
	}
	return nil
}

func same(a, b any) bool {
	one, err := json.Marshal(a)
	other, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(one, other)
}

// idOf makes an id the only one: names that differ in a sign alone have one id.
func (t *Types) idOf(id string) string {
	next := id
	for t.ids[next] > 0 {
		t.ids[id]++
		next = fmt.Sprint(id, t.ids[id])
	}
	t.ids[next] = 1
	return next
}

// reading is the types of one core as they are read.
type reading struct {
	*messages
	core  *catalog.Declaration
	files *registered
	given given
	hooks []hook
}

func typesOf(core *catalog.Declaration) (*reading, error) {
	r := &reading{messages: newMessages(), core: core, given: given{map[string]bool{}, map[string]Object{}, map[string]string{}}}
	var err error
	if r.files, err = register(core.Descriptors); err != nil {
		return nil, err
	}
	if err = r.all(); err == nil && r.over {
		err = errTooLarge
	}
	return r, err
}

// all reads all that the core has declared, as far as there is room for it.
func (r *reading) all() error {
	core := r.core
	for _, method := range core.Methods {
		if err := r.method(method); err != nil || r.over {
			return err
		}
	}
	for _, name := range core.EventTypes {
		if err := r.event(name); err != nil || r.over {
			return err
		}
	}
	for _, name := range core.Functions {
		if err := r.function(name); err != nil || r.over {
			return err
		}
	}
	return nil
}

// method adds the calls of a method whose messages are known.
func (r *reading) method(name string) error {
	service, short, _ := action.SplitMethod(name)
	request, err := r.named("request" + name)
	response, err2 := r.named("response" + name)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	if d := r.files.method(service, short); d != nil {
		if request == nil {
			request = r.schemaOf(d.Input())
		}
		if response == nil {
			response = r.schemaOf(d.Output())
		}
	}
	about := service + "." + short
	own := func(body string) Object {
		return member(r.copyOf(body), "fullMethod", Pairs("type", "string", "enum", []string{name}))
	}
	if request != nil {
		r.put("RequestCall."+about, member(own("RequestCall"), "request", request))
		r.put("RequestChange."+about, r.changeOf(request))
		r.hooks = append(r.hooks, hook{"request." + name, "OnRequest" + pascal(about), "Before " + name + " is handled", OfCall, "", "RequestCall." + about, "RequestChange." + about})
	}
	if response != nil {
		answered := member(own("ResponseCall"), "response", response)
		if request != nil {
			answered = member(answered, "request", request)
		}
		r.put("ResponseCall."+about, answered)
		r.put("ResponseChange."+about, r.changeOf(response))
		r.hooks = append(r.hooks, hook{"response." + name, "OnResponse" + pascal(about), "Before the caller of " + name + " gets the response", OfCall, "", "ResponseCall." + about, "ResponseChange." + about})
	}
	return nil
}

func (r *reading) event(name string) error {
	payload, err := r.named("event/" + name)
	if err != nil {
		return err
	}
	if message := r.core.EventMessages[name]; payload == nil && message != "" {
		d := r.files.message(message)
		if d == nil {
			return fmt.Errorf("event_messages: there is no message %s in the descriptors", catalog.Quote(message))
		}
		payload = r.schemaOf(d)
	}
	if payload == nil {
		return nil
	}
	body := r.given.bodyOf("Event", name)
	of := member(r.copyOf("Event"), "event_type", Pairs("type", "string", "enum", []string{name}))
	r.put(body, member(of, "event_payload", payload))
	r.hooks = append(r.hooks, hook{"event." + name, "OnEvent" + pascal(name), "The event " + name, OfEvent, "", body, ""})
	return nil
}

func (r *reading) function(name string) error {
	own, err := r.named("function/" + name)
	if err != nil || own == nil {
		return err
	}
	body := r.given.bodyOf("FunctionCall", name)
	r.put(body, Pairs("allOf", []any{Reference("FunctionCall"), own}))
	r.hooks = append(r.hooks, hook{"function." + name, "OnFunction" + pascal(name), "Inside the function " + name, OfCall, "", body, "Changed"})
	return nil
}

// copyOf is the schema of a body, to be made a core's own.
func (r *reading) copyOf(name string) Object {
	all := Components(name)
	return all.Under(name).Without("examples")
}

// member is a schema with another one for a member that it has.
func member(o Object, name string, schema Object) Object {
	before := o.Under("properties")
	if says := before.Under(name).Get("description"); says != nil && schema.Get("description") == nil {
		schema = schema.With("description", says)
	}
	return o.With("properties", before.With(name, schema))
}

// changeOf is what a target may answer where the object is of a type: members of it. It is
// no refusal, as Changed.
func (r *reading) changeOf(of Object) Object {
	changed := BodyOf("Changed").Schema
	name, _ := of.Get("$ref").(string)
	properties, _ := r.of(strings.TrimPrefix(name, components)).Get("properties").(Object)
	properties = append(append(Object{}, properties...), changed.Under("properties")...)
	return Pairs("type", "object", "description", "Members that are to be in the object. One that is to be taken out is answered as null, which the type does not say.", "properties", properties)
}

// component is a name as that of a component: letters, digits, dots, _ and -.
func component(name string) string {
	return strings.Map(func(c rune) rune {
		if c == '.' || c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			return c
		}
		return '_'
	}, name)
}

// pascal is a name as a part of an identifier.
func pascal(name string) string {
	var b strings.Builder
	for _, part := range strings.FieldsFunc(component(name), func(c rune) bool { return c == '.' || c == '_' || c == '-' }) {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}
