package wire

import (
	"encoding/json"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// The names of samples for which none is known.
const (
	SampleMethod   = "/acme.user.v2.UserService/AddUser"
	SampleFunction = "preuserinfo"
	SampleEvent    = "user.added"
	SampleOrg      = "org-1"
)

// Sample is a body as a core sends it, for who tries a target: every member that
// bodies of the phase can have, with made-up values. name is the full method,
// the function or the event type, org the organization; empty takes one. The phase
// is one of the four, and name within its grammar.
func Sample(phase action.Phase, instance, org, name string, now time.Time) []byte {
	org = orSample(org, SampleOrg)
	switch phase {
	case action.Function:
		return sampleOfFunction(org, orSample(name, SampleFunction))
	case action.OnEvent:
		return sampleOfEvent(instance, org, orSample(name, SampleEvent), now)
	}
	body := CallBody{
		FullMethod: orSample(name, SampleMethod), InstanceID: instance, OrgID: org, ProjectID: "project-1", UserID: "user-1",
		Request: json.RawMessage(`{"userId":"user-2","username":"gigi","profile":{"givenName":"Gigi","familyName":"Giraffe"},"email":{"email":"gigi@acme.example"}}`),
		Headers: map[string][]string{"Accept": {"application/json"}, "User-Agent": {"sample/1.0"}},
	}
	if phase == action.Response {
		body.Response = json.RawMessage(`{"userId":"user-2","details":{"sequence":"1"}}`)
	}
	return body.Append(nil)
}

func sampleOfFunction(org, name string) []byte {
	raw, _ := encode(struct { // cannot fail
		Function string          `json:"function"`
		OrgID    string          `json:"orgID,omitempty"`
		UserInfo json.RawMessage `json:"userinfo"`
		User     json.RawMessage `json:"user"`
		Metadata json.RawMessage `json:"user_metadata"`
		Org      json.RawMessage `json:"org"`
		Grants   json.RawMessage `json:"user_grants"`
		App      json.RawMessage `json:"application"`
	}{
		"function/" + name, org,
		json.RawMessage(`{"sub":"user-2","name":"Gigi Giraffe","email":"gigi@acme.example","email_verified":true}`),
		json.RawMessage(`{"id":"user-2","username":"gigi","human":{"first_name":"Gigi","last_name":"Giraffe","email":"gigi@acme.example"}}`),
		json.RawMessage(`[{"key":"department","value":"c2FsZXM="}]`),
		json.RawMessage(`{"id":"org-1","name":"ACME","primary_domain":"acme.example"}`),
		json.RawMessage(`[{"id":"grant-1","project_id":"project-1","user_id":"user-2","roles":["reader"]}]`),
		json.RawMessage(`{"client_id":"client-1"}`),
	})
	return raw
}

func sampleOfEvent(instance, org, name string, now time.Time) []byte {
	raw, _ := EncodeEvent(action.Event{ // cannot fail
		AggregateID: "user-2", AggregateType: "user", ResourceOwner: org, InstanceID: instance, Version: "v2", Sequence: 1,
		Type: name, CreatedAt: now.UTC(), UserID: "user-1",
		Payload: json.RawMessage(`{"userName":"gigi","firstName":"Gigi","lastName":"Giraffe","email":"gigi@acme.example"}`),
	})
	return raw
}

func orSample(name, sample string) string {
	if name != "" {
		return name
	}
	return sample
}
