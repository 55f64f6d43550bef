package demo

import (
	"encoding/json"
	"net/http"
	"time"
)

const (
	// stateWork is how long ResponseStateAsyncHook is at work at least.
	stateWork = 300 * time.Millisecond
	// stateFailures is how often it fails under --break async.
	stateFailures = 2
)

// logStateHook has nothing more to do than to be there: what it would log is drawn.
func logStateHook(*http.Request, delivered) hookAnswer { return hookAnswer{status: http.StatusOK} }

// stateTarget is ResponseStateAsyncHook: it logs the id of the user in a
// response. It takes its time, and it does not finish before the client has its
// answer (or the step's time is over): a client that waited for it would wait
// in vain, and be found out.
func stateTarget(t *target, answered <-chan struct{}, patience time.Duration, broken bool) *target {
	t.serve = func(w http.ResponseWriter, r *http.Request, in delivered) {
		t.line.Add(Step{Arrow: responseInfo, Attempt: in.attempt, Detail: briefRequest(in.body), Body: in.body})
		if broken && in.attempt <= stateFailures {
			t.fail(w, stateHookFails, in, http.StatusInternalServerError, "500 Internal Server Error")
			return
		}
		var info struct {
			Response User `json:"response"`
		}
		if json.Unmarshal(in.body, &info) != nil || info.Response.ID == "" {
			t.fail(w, stateHookFails, in, http.StatusBadRequest, "400 Bad Request")
			return
		}
		work := time.NewTimer(stateWork)
		defer work.Stop()
		limit := time.NewTimer(patience)
		defer limit.Stop()
		select {
		case <-work.C:
		case <-r.Context().Done():
			return
		}
		select {
		case <-answered:
		case <-limit.C:
		case <-r.Context().Done():
			return
		}
		if a := t.hook(r, in); !a.isOK() {
			t.fail(w, stateHookFails, in, a.status, statusText(a.status))
			return
		}
		t.line.Add(Step{Arrow: logUserID, Attempt: in.attempt, Detail: clean(info.Response.ID), Body: encode(info.Response.ID)})
		w.WriteHeader(http.StatusOK)
	}
	return t
}
