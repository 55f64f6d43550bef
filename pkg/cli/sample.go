package cli

import (
	"encoding/json"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// sampleBody is what a target is sent when nobody says what: the body of a call
// or an event, with every member that a core fills in.
func sampleBody(instance string, phase action.Phase, name, org string, now time.Time) ([]byte, error) {
	object := json.RawMessage(`{"user":{"userId":"sample-user","displayName":"Ada Sample","email":"ada@example.com"}}`)
	switch phase {
	case action.OnEvent:
		return wire.EncodeEvent(action.Event{
			AggregateID: "sample-aggregate", AggregateType: "sample", ResourceOwner: org, InstanceID: instance, Version: "v1", Sequence: 1,
			Type: name, CreatedAt: now.UTC(), UserID: "sample-user", Payload: object,
		})
	case action.Function:
		return json.Marshal(struct {
			Function string          `json:"function"`
			OrgID    string          `json:"orgID,omitempty"`
			User     json.RawMessage `json:"user"`
		}{"function/" + name, org, json.RawMessage(`{"id":"sample-user","username":"ada"}`)})
	}
	body := wire.CallBody{FullMethod: name, InstanceID: instance, OrgID: org, UserID: "sample-user", Request: object,
		Headers: map[string][]string{"User-Agent": {"callout"}}}
	if phase == action.Response {
		body.Response = object
	}
	return body.Append(nil), nil
}
