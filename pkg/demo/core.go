package demo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
)

const (
	maxBody      = 64 << 10               // bytes of a POST /users
	publishPause = 100 * time.Millisecond // between two tries to publish
)

// core is the application that is being extended. It has one method, and only
// the lines that call its engine client make it extensible.
type core struct {
	engine  *callout.Client
	store   *store
	line    *Timeline
	timeout time.Duration // of a whole CreateUser
	// guests is set once the demo's own client is done: from then on the core
	// draws the client's arrows too, for clients it does not know.
	guests atomic.Bool
}

func (c *core) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /users", c.createUser)
	return mux
}

// createUser is the method CreateUser over HTTP.
func (c *core) createUser(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		c.refuse(w, action.NewError(action.CodeTooLarge, action.StageDecode, "").WithCause(err))
		return
	}
	if _, err := parseUser(raw); err != nil {
		c.refuse(w, err)
		return
	}
	if c.guests.Load() {
		c.line.Add(Step{Arrow: createUser, Detail: brief(raw), Body: raw})
	}
	// A client that goes away cancels its call.
	ctx, cancel := context.WithTimeout(r.Context(), c.timeout)
	defer cancel()
	answer, err := c.run(ctx, raw)
	if err != nil {
		c.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(append(answer, '\n'))
	if c.guests.Load() {
		c.line.Add(Step{Arrow: clientOK, Status: http.StatusCreated, Detail: briefStatus(http.StatusCreated, answer), Body: answer})
	}
}

// run is the story of CreateUser: request execution, store, event, response
// execution.
func (c *core) run(ctx context.Context, raw json.RawMessage) (json.RawMessage, error) {
	user, object, err := c.onRequest(ctx, raw)
	if err != nil {
		return nil, err
	}
	user, event, err := c.store.add(user)
	if err != nil {
		return nil, err
	}
	c.line.Add(Step{Arrow: storeEvents, Detail: event.Type + "  " + user.ID, Body: event.Payload})
	if err := c.publish(ctx, event); err != nil {
		return nil, err
	}
	return c.onResponse(ctx, object, encode(user))
}

// onRequest lets the request's targets change the user, and validates what
// they made of it.
func (c *core) onRequest(ctx context.Context, raw json.RawMessage) (User, json.RawMessage, error) {
	c.line.Add(Step{Arrow: findRequest, Detail: createUserMethod, Body: encode(createUserMethod)})
	res, err := c.engine.Request(ctx, callout.Call{
		Method: createUserMethod, OrgID: organization, UserID: "admin", Request: raw,
	})
	if err != nil {
		return User{}, nil, err
	}
	if res.Outcome != action.Continue {
		c.line.Add(Step{Arrow: metadataFails, Status: lastStatus(res), Detail: failure(res)})
		return User{}, nil, refusal(res)
	}
	object := raw
	if res.Object != nil {
		object = res.Object
		c.line.Add(Step{Arrow: updatedUser, Status: lastStatus(res), Detail: brief(changes(raw, object)), Body: object})
	}
	user, err := parseUser(object)
	return user, object, err
}

// publish hands the event to the stream, again and again until it is
// acknowledged or the core's time is over. No try takes all of that: what was
// on its way when the connection broke is never answered. The event has its id,
// so the stream keeps it once.
func (c *core) publish(ctx context.Context, e action.Event) error {
	c.line.Add(Step{Arrow: findEvent, Detail: "published to JetStream", Body: encode(e.Type)})
	for {
		stored, err := c.tryPublish(ctx, e)
		if err == nil && len(stored) == 1 {
			seq := stored[0].StreamSequence
			c.line.Add(Step{Arrow: eventStored, Detail: "sequence " + strconv.FormatUint(seq, 10), Body: encode(seq)})
			return nil
		}
		select {
		case <-ctx.Done():
			c.line.Add(Step{Arrow: coreCannotStore, Detail: codeText(err)})
			return errors.Join(action.NewError(action.CodeNotStored, action.StageStore, ""), err)
		case <-time.After(publishPause):
		}
	}
}

func (c *core) tryPublish(ctx context.Context, e action.Event) ([]callout.Stored, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout/4)
	defer cancel()
	return c.engine.Publish(ctx, e)
}

// onResponse lets the response's targets see, and change, the answer.
func (c *core) onResponse(ctx context.Context, request, response json.RawMessage) (json.RawMessage, error) {
	c.line.Add(Step{Arrow: findResponse, Detail: createUserMethod, Body: encode(createUserMethod)})
	res, err := c.engine.Response(ctx, callout.Call{
		Method: createUserMethod, OrgID: organization, UserID: "admin", Request: request, Response: response,
	})
	switch {
	case err != nil:
		return nil, err
	case res.Outcome != action.Continue:
		return nil, refusal(res)
	case res.Object != nil:
		return res.Object, nil
	}
	return response, nil
}

// refuse answers the client with err's status, code and message, and nothing
// else: the cause is not the client's business.
func (c *core) refuse(w http.ResponseWriter, err error) {
	e := action.NewError(action.CodeInternal, "", "")
	errors.As(err, &e)
	status := e.Status
	if status < 400 {
		status = http.StatusInternalServerError
	}
	body := encode(map[string]any{"error": e})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
	if c.guests.Load() {
		c.line.Add(Step{Arrow: refuseClient, Status: status, Detail: briefStatus(status, body), Body: body})
	}
}

// refusal is the error of a call that did not end in continue.
func refusal(res action.Result) error {
	if res.Error != nil {
		return res.Error
	}
	return action.NewError(action.CodeInternal, action.StageInvoke, "")
}
