package demo

import (
	"encoding/json"
	"net/http"

	"github.com/callout-hq/callout/pkg/action"
)

// storeUserHook writes the user of a user.added event to LDAP, and succeeds only when
// LDAP has it. An LDAP server that does not take it is a 503: the engine tries again,
// in order.
func storeUserHook(dir *directory) hook {
	return func(r *http.Request, in delivered) hookAnswer {
		u, ok := userOf(in.body)
		if !ok {
			return hookAnswer{status: http.StatusBadRequest}
		}
		dn, err := dir.store(r.Context(), u)
		if err != nil {
			return hookAnswer{status: http.StatusServiceUnavailable, detail: ldapFault(err)}
		}
		return hookAnswer{status: http.StatusOK, detail: dn}
	}
}

// userAddedTarget is UserAddedHook: it takes the event, and has LDAP hold the user.
func userAddedTarget(t *target, outage *outage, broken bool) *target {
	t.serve = func(w http.ResponseWriter, r *http.Request, in delivered) {
		t.line.Add(Step{Arrow: sendEvent, Attempt: in.attempt, Detail: briefEvent(in.body), Body: in.body})
		u, ok := userOf(in.body)
		if !ok || broken {
			t.fail(w, hookFails, in, http.StatusBadRequest, "400 Bad Request")
			return
		}
		a := t.hook(r, in)
		if !a.isOK() {
			t.line.Add(Step{Arrow: ldapFails, Attempt: in.attempt, Detail: a.detail})
			t.fail(w, hookFails, in, a.status, statusText(a.status))
			outage.noticed()
			return
		}
		t.line.Add(Step{Arrow: storeUser, Attempt: in.attempt, Detail: a.detail, Body: encode(map[string]string{"dn": a.detail, "id": u.ID})})
		t.line.Add(Step{Arrow: hookOK, Attempt: in.attempt, Status: http.StatusOK, Detail: "200 OK"})
		w.WriteHeader(http.StatusOK)
	}
	return t
}

// userOf is the user in an event's payload.
func userOf(body json.RawMessage) (u User, ok bool) {
	var e action.Event
	return u, json.Unmarshal(body, &e) == nil && json.Unmarshal(e.Payload, &u) == nil
}

func briefEvent(body json.RawMessage) string {
	var e action.Event
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	return clean(e.Type + "  " + e.AggregateID)
}
