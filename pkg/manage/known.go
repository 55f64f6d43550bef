package manage

import (
	"encoding/json"
	"net/http"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
)

// refusals words what is refused before a request is read, in the protocol that its
// sender speaks.
var refusals = connect.NewErrorWriter()

// known lets nobody pass who did not say who he is: of a stranger no body is read.
func known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := access.From(r.Context()); err != nil {
			refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// may lets those pass who may do something that is about no instance.
func may(o access.Operation, next http.Handler) http.Handler {
	return known(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, err := access.From(r.Context()); err != nil || !p.May(o, p.Scope) {
			refuse(w, r, access.Forbidden(o, access.Scope{}))
			return
		}
		next.ServeHTTP(w, r)
	}))
}

func refuse(w http.ResponseWriter, r *http.Request, err error) {
	if action.CodeOf(err) == action.CodeUnauthenticated {
		w.Header().Set("WWW-Authenticate", `Bearer realm="callout"`)
	}
	worded := failure(err)
	if refusals.IsSupported(r) && refusals.Write(w, r, worded) == nil {
		return
	}
	fault := action.AsError(err, action.StageAccess)
	raw, _ := json.Marshal(map[string]any{"code": worded.Code().String(), "message": worded.Message()}) // of texts
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(fault.Status)
	_, _ = w.Write(append(raw, '\n')) // who went away needs none
}
