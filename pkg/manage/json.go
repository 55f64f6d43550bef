package manage

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// strictJSON reads the JSON of requests and refuses a member that it does not
// know: a misspelled dryRun would otherwise be an edit.
type strictJSON struct{ name string }

// Name is the one under which Connect finds the codec, from the Content-Type.
func (c strictJSON) Name() string { return c.name }

// Marshal writes an answer.
func (strictJSON) Marshal(v any) ([]byte, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no message", v)
	}
	return protojson.Marshal(m)
}

// Unmarshal reads a request. An empty body is one without members.
func (strictJSON) Unmarshal(raw []byte, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no message", v)
	}
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	return protojson.Unmarshal(raw, m)
}
