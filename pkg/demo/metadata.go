package demo

import (
	"encoding/json"
	"net/http"
)

// addedMetadata is what AddMetadataToUser knows about every new user.
var addedMetadata = map[string]string{"department": "analytics", "costCenter": "1843"}

// metadataTarget is AddMetadataToUser: the core waits for it, and what it
// answers is merged into the request.
func metadataTarget(t *target, broken bool) *target {
	t.serve = func(w http.ResponseWriter, _ *http.Request, in delivered) {
		t.line.Add(Step{Arrow: requestInfo, Detail: briefRequest(in.body), Body: in.body})
		if broken {
			// The core draws the failure when the engine tells it.
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			return
		}
		metadata := encode(addedMetadata)
		t.line.Add(Step{Arrow: addMetadata, Detail: brief(metadata), Body: metadata})
		answerJSON(w, encode(map[string]json.RawMessage{"metadata": metadata}))
	}
	return t
}

// briefRequest shows whom a call is about.
func briefRequest(body json.RawMessage) string {
	var info struct {
		Request  User `json:"request"`
		Response User `json:"response"`
	}
	if json.Unmarshal(body, &info) != nil {
		return ""
	}
	if info.Response.ID != "" {
		return clean("id=" + info.Response.ID)
	}
	return clean("username=" + info.Request.Username)
}
