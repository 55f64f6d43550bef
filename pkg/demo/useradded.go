package demo

import (
	"encoding/json"
	"net/http"

	"github.com/callout-hq/callout/pkg/action"
)

// userAddedTarget is UserAddedHook: it writes the user of a user.added event to
// LDAP and answers ok only when LDAP has it. An LDAP server that does not take
// it is a 503: the engine tries again, in order.
func userAddedTarget(t *target, dir *directory, outage *outage, broken bool) *target {
	t.serve = func(w http.ResponseWriter, r *http.Request, in delivered) {
		var e action.Event
		var u User
		t.line.Add(Step{Arrow: sendEvent, Attempt: in.attempt, Detail: briefEvent(in.body), Body: in.body})
		if json.Unmarshal(in.body, &e) != nil || json.Unmarshal(e.Payload, &u) != nil || broken {
			t.fail(w, hookFails, in, http.StatusBadRequest, "400 Bad Request")
			return
		}
		dn, err := dir.store(r.Context(), u)
		if err != nil {
			t.line.Add(Step{Arrow: ldapFails, Attempt: in.attempt, Detail: ldapFault(err)})
			t.fail(w, hookFails, in, http.StatusServiceUnavailable, "503 Service Unavailable")
			outage.noticed()
			return
		}
		t.line.Add(Step{Arrow: storeUser, Attempt: in.attempt, Detail: dn, Body: encode(map[string]string{"dn": dn, "id": u.ID})})
		t.line.Add(Step{Arrow: hookOK, Attempt: in.attempt, Status: http.StatusOK, Detail: "200 OK"})
		w.WriteHeader(http.StatusOK)
	}
	return t
}

func briefEvent(body json.RawMessage) string {
	var e action.Event
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	return clean(e.Type + "  " + e.AggregateID)
}
