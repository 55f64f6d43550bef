package demo

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// forge makes the timeline of a play in which everything happened as planned.
func forge(broken string) []Step {
	var steps []Step
	for i, w := range plan(broken) {
		s := Step{Arrow: w.Arrow, Attempt: w.attempt, At: time.Duration(i) * 1234 * time.Microsecond}
		s.Body, s.Status, s.Detail = forgedContent(w.Arrow)
		steps = append(steps, s)
	}
	return steps
}

const forgedID = "01J00000000000000000000000"

// forgedContent is what goes along an arrow when all is well.
func forgedContent(a Arrow) (body json.RawMessage, status int, detail string) {
	sent, changed := newcomer, newcomer
	changed.Metadata = addedMetadata
	stored := changed
	stored.ID = forgedID
	call := map[string]any{"fullMethod": createUserMethod, "instanceID": instance, "orgID": organization}
	switch a {
	case createUser:
		return encode(sent), 0, brief(encode(sent))
	case findRequest, findResponse:
		return encode(createUserMethod), 0, createUserMethod
	case requestInfo:
		call["request"] = sent
		return encode(call), 0, "username=ada"
	case addMetadata:
		return encode(addedMetadata), 0, brief(encode(addedMetadata))
	case updatedUser:
		return encode(changed), 200, "metadata={" + brief(encode(addedMetadata)) + "}"
	case storeEvents:
		return encode(stored), 0, "user.added  " + forgedID
	case findEvent:
		return encode(userAdded), 0, "published to JetStream"
	case eventStored:
		return encode(2), 0, "sequence 2"
	case sendEvent:
		return encode(action.Event{AggregateID: forgedID, ResourceOwner: organization, Type: userAdded, Payload: encode(stored)}), 0, "user.added  " + forgedID
	case storeUser:
		return encode(map[string]string{"dn": "uid=ada," + ldapPeople, "id": forgedID}), 0, "uid=ada," + ldapPeople
	case hookOK:
		return nil, http.StatusOK, "200 OK"
	case responseInfo:
		call["request"], call["response"] = changed, stored
		return encode(call), 0, "id=" + forgedID
	case clientOK:
		return encode(stored), http.StatusCreated, briefStatus(201, encode(stored))
	case logUserID:
		return encode(forgedID), 0, forgedID
	}
	return forgedFailure(a)
}

func forgedFailure(a Arrow) (body json.RawMessage, status int, detail string) {
	switch a {
	case metadataFails, stateHookFails:
		return nil, 500, "500 Internal Server Error"
	case refuseClient:
		return nil, 502, "502 Bad Gateway"
	case hookFails:
		return nil, 503, "503 Service Unavailable"
	case ldapFails:
		return nil, 0, "connection refused"
	case deadLetter:
		return encode(action.DeadLetter{Target: string(UserAddedHook), Attempts: 1, LastStatus: 400, Reason: action.CodeStatus}), 0, "reason status"
	}
	return nil, 0, ""
}
