package demo

import (
	"encoding/json"
	"net/http"
)

// addedMetadata is what AddMetadataToUser knows about every new user.
var addedMetadata = map[string]string{"department": "analytics", "costCenter": "1843"}

// addMetadataHook answers the metadata of a new user, whoever it is.
func addMetadataHook(*http.Request, delivered) hookAnswer {
	return hookAnswer{status: http.StatusOK, body: encode(map[string]any{"metadata": addedMetadata})}
}

// metadataTarget is AddMetadataToUser: the core waits for it, and what it
// answers is merged into the request.
func metadataTarget(t *target, broken bool) *target {
	t.serve = func(w http.ResponseWriter, r *http.Request, in delivered) {
		t.line.Add(Step{Arrow: requestInfo, Detail: briefRequest(in.body), Body: in.body})
		a := hookAnswer{status: http.StatusInternalServerError}
		if !broken {
			a = t.hook(r, in)
		}
		if !a.isOK() {
			// The core draws the failure when the engine tells it.
			http.Error(w, http.StatusText(a.status), a.status)
			return
		}
		var said struct {
			Metadata json.RawMessage `json:"metadata"`
		}
		_ = json.Unmarshal(a.body, &said) // what it did not say is found out where the step is checked
		t.line.Add(Step{Arrow: addMetadata, Detail: brief(said.Metadata), Body: said.Metadata})
		answerJSON(w, a.body)
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
