package demo

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/callout-hq/callout/pkg/sign"
)

// maxTargetBody bounds what a target reads: an object of 1 MiB and what is
// around it.
const maxTargetBody = 2 << 20

// target is a user's HTTP endpoint. It believes nothing that does not carry
// both signatures.
type target struct {
	name     Party
	key      string
	line     *Timeline
	verified *atomic.Int64 // requests whose signatures held
	serve    func(w http.ResponseWriter, r *http.Request, in delivered)
}

// delivered is a request whose signatures hold.
type delivered struct {
	body    json.RawMessage
	attempt int // 0 for a call
}

// ServeHTTP reads the body whole, verifies it and hands it on.
func (t *target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTargetBody))
	if err != nil {
		http.Error(w, "the body could not be read", http.StatusBadRequest)
		return
	}
	now := time.Now()
	err = sign.VerifyZitadel(r.Header.Get("ZITADEL-Signature"), body, now, t.key)
	if err == nil {
		err = sign.VerifyStandard(r.Header, body, now, t.key)
	}
	if err != nil {
		t.line.Add(Step{Arrow: unsigned(t.name), Status: http.StatusUnauthorized, Detail: clean(err.Error())})
		http.Error(w, "the signature does not hold", http.StatusUnauthorized)
		return
	}
	t.verified.Add(1)
	attempt, _ := strconv.Atoi(r.Header.Get("Callout-Attempt"))
	t.serve(w, r, delivered{body: body, attempt: attempt})
}

// fail records a failed answer and sends it. The step comes first, so that it
// cannot be overtaken by the next attempt.
func (t *target) fail(w http.ResponseWriter, arrow Arrow, in delivered, status int, detail string) {
	t.line.Add(Step{Arrow: arrow, Status: status, Attempt: in.attempt, Detail: detail})
	http.Error(w, http.StatusText(status), status)
}

// answerJSON sends a JSON body with status 200.
func answerJSON(w http.ResponseWriter, body json.RawMessage) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}
