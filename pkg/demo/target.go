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
	hook     hook          // what the target does
	serve    func(w http.ResponseWriter, r *http.Request, in delivered)
}

// hook is what a developer writes: it takes a request that is genuine, and answers. It is
// the demo's own, or a program's that Options.Hooks names.
type hook func(r *http.Request, in delivered) hookAnswer

// hookAnswer is what a hook did.
type hookAnswer struct {
	status int
	body   json.RawMessage // nil where there is none
	detail string          // in a few words, for who watches
}

func (a hookAnswer) isOK() bool { return a.status/100 == 2 }

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

// statusText is a status as a person reads it, such as "503 Service Unavailable".
func statusText(status int) string { return strconv.Itoa(status) + " " + http.StatusText(status) }

// answerJSON sends a JSON body with status 200.
func answerJSON(w http.ResponseWriter, body json.RawMessage) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}
