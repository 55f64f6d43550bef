package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// createIDToken is the function of the core that a target completes.
const createIDToken = "create_id_token"

// completeTokenHook appends the user's id to the claims, in the form that ZITADEL's
// functions expect.
func completeTokenHook(_ *http.Request, in delivered) hookAnswer {
	var info struct {
		User User `json:"user"`
	}
	if json.Unmarshal(in.body, &info) != nil {
		return hookAnswer{status: http.StatusBadRequest}
	}
	return hookAnswer{status: http.StatusOK, body: claimUID(info.User.ID)}
}

func claimUID(id string) json.RawMessage {
	return encode(map[string]any{"append_claims": []map[string]string{{"key": "uid", "value": id}}})
}

// tokenTarget is CompleteToken. The diagram does not have it, so no arrow is drawn.
func tokenTarget(t *target) *target {
	t.serve = func(w http.ResponseWriter, r *http.Request, in delivered) {
		a := t.hook(r, in)
		if !a.isOK() {
			http.Error(w, http.StatusText(a.status), a.status)
			return
		}
		answerJSON(w, a.body)
	}
	return t
}

// proveToken has the core complete a token. It comes last: it is no part of the sequence.
func (s *stage) proveToken(ctx context.Context, _ []Step) (proof, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.StepTimeout)
	defer cancel()
	p := proof{"the function create_id_token appended a claim", "uid"}
	body := encode(map[string]any{"orgID": organization, "user": map[string]string{"id": "u1"}})
	// The core has known of the configuration since it stored the user. Where it was refused
	// before that, it may still have to hear of it.
	var res action.Result
	for {
		var err error
		if res, err = s.core.engine.Function(ctx, createIDToken, body); err != nil {
			return p, err
		}
		if res.Object != nil || ctx.Err() != nil || res.Outcome != action.Continue {
			break
		}
		time.Sleep(publishPause)
	}
	if err := equal("token", res.Object, claimUID("u1")); err != nil {
		return p, &StepError{Step: string(CompleteToken), Why: fmt.Sprintf("%s (outcome %s)", err, res.Outcome)}
	}
	return p, nil
}
