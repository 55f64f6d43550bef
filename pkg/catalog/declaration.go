package catalog

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// Bounds of what cores declare.
const (
	MaxDeclared      = 20000   // names of one core
	MaxDeclaredBytes = 1 << 20 // of one core's declaration, as JSON
	MaxCores         = 100     // cores of an instance that declare anything
)

// Declaration is what a core can be extended at. It announces it at its start.
type Declaration struct {
	// Core names the core: 1 to 100 letters, digits, spaces or _ - . * /. What
	// several processes of one core declare is the same; the last one counts.
	Core string `json:"core"`
	// Methods are written /package.Service/Method. Their services are declared
	// with them.
	Methods    []string `json:"methods,omitempty"`
	Functions  []string `json:"functions,omitempty"`
	EventTypes []string `json:"event_types,omitempty"`
	// Descriptors are a google.protobuf.FileDescriptorSet, as it is or by gzip, of the
	// services of Methods and of what EventMessages names, with all that they import.
	// What a target gets and may answer is typed by them.
	Descriptors []byte `json:"descriptors,omitempty"`
	// EventMessages says of types of events which message of Descriptors their payload is.
	EventMessages map[string]string `json:"event_messages,omitempty"`
	// Schemas are JSON Schemas (2020-12) of bodies, where there are no Descriptors:
	// of event/TYPE the payload, of request/package.Service/Method the request and of
	// response/package.Service/Method the response, of function/NAME what is in the body.
	// They refer to nothing but their own $defs.
	Schemas map[string]json.RawMessage `json:"schemas,omitempty"`
	// Declared is when it was stored; not part of what is announced.
	Declared time.Time `json:"-"`
}

// Names is how many names a declaration has. One without any takes back what
// the core declared before.
func (d *Declaration) Names() int { return len(d.Methods) + len(d.Functions) + len(d.EventTypes) }

// Check tells whether a declaration is within its grammar and its bounds. The
// error is an *action.Error with the field: bad_field, such as of methods[3],
// or too_large.
func (d *Declaration) Check() error {
	if err := action.CheckName(d.Core); err != nil {
		return declarationError("core", err)
	}
	if n := d.Names(); n > MaxDeclared {
		return tooMuchDeclared(fmt.Sprintf("a core declares at most %d names, here are %d", MaxDeclared, n))
	}
	for _, kind := range []struct {
		field string
		names []string
		check func(string) error
	}{
		{"methods", d.Methods, action.CheckMethod}, {"functions", d.Functions, action.CheckFunction},
		{"event_types", d.EventTypes, action.CheckEventType},
	} {
		for i, name := range kind.names {
			if err := kind.check(name); err != nil {
				return declarationError(IndexPath(kind.field, i), err)
			}
		}
	}
	return d.checkTypes()
}

// Encode checks a declaration and writes it down as it is stored. The errors
// are those of Check.
func (d *Declaration) Encode() ([]byte, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(d)
	if err == nil && len(raw) > MaxDeclaredBytes {
		return nil, tooMuchDeclared(fmt.Sprintf("what a core declares has at most %d bytes, this has %d", MaxDeclaredBytes, len(raw)))
	}
	return raw, err
}

// DecodeDeclaration reads what Encode, or a core in another language, wrote. The
// error is newer for the member format of a version that is not known here.
func DecodeDeclaration(raw []byte) (Declaration, error) {
	var d Declaration
	if len(raw) > MaxDeclaredBytes {
		return d, tooMuchDeclared("")
	}
	read := struct {
		*Declaration
		Format int `json:"format"`
	}{Declaration: &d}
	if err := wire.Unmarshal(raw, &read); err != nil {
		return d, action.NewError(action.CodeMalformed, action.StageDecode, "").WithCause(err)
	}
	if err := action.CheckFormat(read.Format); err != nil {
		return Declaration{}, err
	}
	return d, d.Check()
}

// declarationMembers are those that a declaration may have.
var declarationMembers = []string{"core", "methods", "functions", "event_types", "descriptors", "event_messages", "schemas", "format"}

// StrangeInDeclaration names a member that means nothing in a declaration, and what may
// have been meant; "" when there is none, or when it cannot be read at all.
func StrangeInDeclaration(raw []byte) string {
	if len(raw) > MaxDeclaredBytes {
		return ""
	}
	members, err := wire.Members(raw)
	if err != nil {
		return ""
	}
	for _, m := range members {
		if !slices.Contains(declarationMembers, m.Name) {
			return "it has no member " + Quote(m.Name) + hint(Nearest(m.Name, declarationMembers))
		}
	}
	return ""
}

func declarationError(field string, err error) error {
	return action.NewError(action.CodeBadField, action.StageDecode, field+": "+err.Error()).WithField(field)
}

func tooMuchDeclared(message string) error {
	return action.NewError(action.CodeTooLarge, action.StageDecode, message)
}
