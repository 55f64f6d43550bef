package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/callout-hq/callout/pkg/action"
)

// Call is the body of a call: ZITADEL's JSON of the phase, as text, with the
// places of what the engine reads. It stands for one value; With returns a new
// one. It is used by one goroutine.
type Call struct {
	Phase  action.Phase
	Name   string // full method, or function name
	OrgID  string
	raw    []byte
	member string // the member that holds the object: request or response
	start  int    // the object's place in raw; start == end == 0: absent
	end    int
	next   []byte // an object that takes the place of raw's; nil: none
}

// NewCall checks what a core sent. Name and instance come from the subject or
// path, which is authoritative: a body that names others is a mismatch. The body
// of a request or response must name its method, whichever way it came: targets
// read it there, and get the bytes that the core sent. A function's `function`
// member is spliced in; nothing else changes. limit is the size in bytes the
// object may have.
func NewCall(instance string, phase action.Phase, name string, raw []byte, limit int) (*Call, error) {
	var room [8]Member
	members, err := appendMembers(room[:0], raw)
	if err != nil {
		return nil, err
	}
	c := &Call{Phase: phase, Name: name, raw: raw, member: string(phase)}
	naming, named := "fullMethod", false
	want := name
	if phase == action.Function {
		c.member, naming, want = "response", "function", "function/"+name
	}
	for _, m := range members {
		value := raw[m.ValStart:m.ValEnd]
		switch m.Name {
		case "instanceID":
			if !isText(value, instance) {
				return nil, mismatch(m.Name)
			}
		case naming:
			if named = isText(value, want); !named {
				return nil, misnamed(phase, m.Name, value)
			}
		case "orgID":
			org, ok := text(value)
			if !ok || action.CheckID(org) != nil {
				return nil, fieldError("orgID", errNotID)
			}
			c.OrgID = org
		case c.member:
			c.start, c.end = m.ValStart, m.ValEnd
		}
	}
	if err := c.checkObject(limit); err != nil {
		return nil, err
	}
	switch {
	case named:
	case phase != action.Function:
		return nil, misnamed(phase, naming, nil)
	default:
		c.splice(bytes.IndexByte(raw, '{')+1, appendMember(nil, "function", quote("function/"+name)), len(members) > 0)
	}
	return c, nil
}

// misnamed is the error of a body that does not say what it is sent as: of one
// that names no method at all it is that of FullMethod.
func misnamed(phase action.Phase, member string, value []byte) error {
	if name, _ := text(value); phase != action.Function {
		if err := action.CheckMethod(name); err != nil {
			return fieldError(member, err)
		}
	}
	return mismatch(member)
}

// Raw is the body as the next target gets it. It must not be written to.
func (c *Call) Raw() []byte {
	if c.next != nil {
		c.put(c.next)
		c.next = nil
	}
	return c.raw
}

// Size is about how many bytes Raw has, told without building it: at most a
// few too many.
func (c *Call) Size() int { return len(c.raw) + len(c.next) - (c.end - c.start) + len(`,"response":`) }

// Object is what the targets change: the request, the response, or what a
// function's targets returned so far. Nil when there is none yet.
func (c *Call) Object() json.RawMessage {
	switch {
	case c.next != nil:
		return c.next
	case c.start == c.end:
		return nil
	}
	return c.raw[c.start:c.end:c.end]
}

// ObjectWays are the ways of JSON pointers into the body from its object on. One to the
// object as a whole is one to each of its members.
func (c *Call) ObjectWays(pointers []string) Ways {
	if len(pointers) == 0 {
		return nil
	}
	left, ends := WaysOf(pointers).Into(c.member)
	if ends {
		return Ways{"*"}
	}
	return left
}

// With is the call with another object; every other byte stays. The text is
// built when somebody asks for it: the last target's change needs none.
func (c *Call) With(object []byte) *Call {
	next := *c
	next.next = object
	return &next
}

func (c *Call) put(object []byte) {
	if c.start != c.end {
		c.raw = concat(c.raw[:c.start], object, c.raw[c.end:])
		c.end = c.start + len(object)
		return
	}
	closing := bytes.LastIndexByte(c.raw, '}')
	addition := appendMember(nil, c.member, object)
	if before := bytes.TrimRight(c.raw[:closing], " \t\r\n"); before[len(before)-1] != '{' {
		addition = append([]byte{','}, addition...)
	}
	c.raw = concat(c.raw[:closing], addition, c.raw[closing:])
	c.end = closing + len(addition)
	c.start = c.end - len(object)
}

// checkObject refuses an object that is no JSON object, for nothing could be
// merged into it, and one that is too large.
func (c *Call) checkObject(limit int) error {
	if size := len(c.Object()); size > limit {
		return action.NewError(action.CodeTooLarge, action.StageDecode, "").WithField(c.member).
			WithCause(fmt.Errorf("%d bytes, %d are allowed", size, limit))
	}
	if object := c.Object(); object != nil && object[0] != '{' {
		return fieldError(c.member, errNotObject)
	}
	if c.Phase != action.Function && c.Object() == nil {
		return fieldError(c.member, errMissing)
	}
	return nil
}

// splice puts an addition at offset at, followed by a comma if more members
// come behind it.
func (c *Call) splice(at int, addition []byte, more bool) {
	if more {
		addition = append(addition, ',')
	}
	c.raw = concat(c.raw[:at], addition, c.raw[at:])
	if c.start != c.end {
		c.start += len(addition)
		c.end += len(addition)
	}
}

// FullMethod reads the method that the body of a request or response names.
func FullMethod(raw []byte) (string, error) {
	members, err := Members(raw)
	if err != nil {
		return "", err
	}
	for _, m := range members {
		if m.Name == "fullMethod" {
			name, ok := text(raw[m.ValStart:m.ValEnd])
			if !ok {
				break
			}
			return name, fieldError("fullMethod", action.CheckMethod(name))
		}
	}
	return "", fieldError("fullMethod", action.CheckMethod(""))
}

// CallBody is what a core that speaks Go sends: the fields of FullBody in
// ZITADEL's order, empty ones left out.
type CallBody struct {
	FullMethod string
	InstanceID string
	OrgID      string
	ProjectID  string
	UserID     string
	Request    json.RawMessage
	Headers    map[string][]string
	Response   json.RawMessage
}

// Append appends the body to dst. The objects are copied as they are.
func (b *CallBody) Append(dst []byte) []byte {
	out := append(slices.Grow(dst, len(b.Request)+len(b.Response)+bodyRoom), '{')
	next := func() {
		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
	}
	for _, f := range [...]struct{ name, value string }{
		{"fullMethod", b.FullMethod}, {"instanceID", b.InstanceID}, {"orgID", b.OrgID},
		{"projectID", b.ProjectID}, {"userID", b.UserID},
	} {
		if f.value != "" {
			next()
			out = appendText(out, f.name, f.value)
		}
	}
	add := func(name string, value []byte) {
		next()
		out = appendMember(out, name, value)
	}
	if len(b.Request) > 0 {
		add("request", b.Request)
	}
	if len(b.Headers) > 0 {
		headers, _ := encode(b.Headers) // a map of strings cannot fail
		add("headers", headers)
	}
	if len(b.Response) > 0 {
		add("response", b.Response)
	}
	return append(out, '}')
}

// bodyRoom is about what a body has besides its objects.
const bodyRoom = 512

func appendMember(dst []byte, name string, value []byte) []byte {
	dst, _ = jsontext.AppendQuote(dst, name)
	return append(append(dst, ':'), value...)
}

// appendText appends a member that is a text.
func appendText(dst []byte, name, value string) []byte {
	dst, _ = jsontext.AppendQuote(dst, name)
	dst, _ = jsontext.AppendQuote(append(dst, ':'), value)
	return dst
}

// quote writes a JSON string; bad UTF-8 becomes U+FFFD, which a check of ids
// has refused before.
func quote(s string) []byte {
	out, _ := jsontext.AppendQuote(nil, s)
	return out
}

// Text reads a JSON string that was checked before.
func Text(value []byte) (string, error) {
	if s, ok := text(bytes.Trim(value, " \t\r\n")); ok {
		return s, nil
	}
	return "", errNotText
}

// AppendName appends a member's name and the colon.
func AppendName(dst []byte, name string) []byte {
	dst, _ = jsontext.AppendQuote(dst, name)
	return append(dst, ':')
}

// isText tells whether a JSON string is want.
func isText(value []byte, want string) bool {
	if inner := len(value) - 2; inner == len(want) && value[0] == '"' && string(value[1:1+inner]) == want && strings.IndexByte(want, '\\') < 0 {
		return true // it stands for itself
	}
	have, ok := text(value)
	return ok && have == want
}

// plain tells whether the inside of a JSON string stands for itself: it has
// nothing that would have to be written otherwise.
func plain(inside []byte) bool {
	for _, c := range inside {
		if c < ' ' || c == '"' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// text reads a JSON string.
func text(value []byte) (string, bool) {
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	if last := len(value) - 1; last > 0 && value[last] == '"' && bytes.IndexByte(value, '\\') < 0 && plain(value[1:last]) {
		return word(value[1:last]), true
	}
	out, err := jsontext.AppendUnquote(nil, value)
	return string(out), err == nil
}

func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
