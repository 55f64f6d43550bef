package zitadel

import (
	"context"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// kinds is the kind of a target and what its errors do: one of the three.
type kinds struct {
	RestWebhook *interrupting `json:"restWebhook,omitzero"`
	RestCall    *interrupting `json:"restCall,omitzero"`
	RestAsync   *struct{}     `json:"restAsync,omitzero"`
}

type interrupting struct {
	InterruptOnError bool `json:"interruptOnError,omitzero"`
}

// chosen gives the one kind that is set; n tells how many are.
func (k kinds) chosen() (kind action.Kind, interrupts bool, n int) {
	if k.RestWebhook != nil {
		kind, interrupts, n = action.Webhook, k.RestWebhook.InterruptOnError, n+1
	}
	if k.RestCall != nil {
		kind, interrupts, n = action.CallOut, k.RestCall.InterruptOnError, n+1
	}
	if k.RestAsync != nil {
		kind, interrupts, n = action.Async, false, n+1
	}
	return kind, interrupts, n
}

const (
	kindField = "targetType"
	kindNames = "restWebhook, restCall and restAsync"
)

func kindsOf(t *calloutv1.Target) kinds {
	switch interrupts := (&interrupting{t.GetInterruptOnError()}); action.Kind(t.GetType()) {
	case action.CallOut:
		return kinds{RestCall: interrupts}
	case action.Async:
		return kinds{RestAsync: &struct{}{}}
	default:
		return kinds{RestWebhook: interrupts}
	}
}

// target is a target as it is shown. Its signing key is not: it is in the
// answer of the call that made it.
type target struct {
	ID           string `json:"id,omitempty"`
	CreationDate stamp  `json:"creationDate,omitzero"`
	ChangeDate   stamp  `json:"changeDate,omitzero"`
	Name         string `json:"name,omitempty"`
	kinds        `json:",inline"`
	Timeout      duration `json:"timeout"`
	Endpoint     string   `json:"endpoint,omitempty"`
	PayloadType  string   `json:"payloadType,omitempty"`
}

func targetOf(t *calloutv1.Target, v version) target {
	shown := target{ID: t.GetId(), CreationDate: stamp{t.GetCreateTime()}, ChangeDate: stamp{t.GetUpdateTime()}, Name: t.GetName(),
		kinds: kindsOf(t), Timeout: duration{t.GetTimeout()}, Endpoint: t.GetUrl()}
	if v.payloads {
		shown.PayloadType = payloadTypes[payloadTypeOf(t)]
	}
	return shown
}

type createTargetRequest struct {
	Name        string `json:"name"`
	kinds       `json:",inline"`
	Timeout     *duration   `json:"timeout"`
	Endpoint    string      `json:"endpoint"`
	PayloadType payloadType `json:"payloadType"`
}

type createTargetResponse struct {
	ID           string `json:"id"`
	CreationDate stamp  `json:"creationDate,omitzero"`
	SigningKey   string `json:"signingKey,omitempty"`
}

// createTarget makes a target. The answer of a call target takes the place of
// the whole message, as it does in ZITADEL.
func (f *face) createTarget(ctx context.Context, c caller, q *createTargetRequest) (*createTargetResponse, uint64, error) {
	kind, interrupts, n := q.chosen()
	var wrong badFields
	if n != 1 {
		wrong.add(kindField, "one of "+kindNames+" is needed")
	}
	if q.Name == "" {
		wrong.add("name", "a name is needed")
	}
	if q.Endpoint == "" {
		wrong.add("endpoint", "the URL to call is needed")
	}
	if q.Timeout == nil {
		wrong.add("timeout", timeoutRule)
	} else {
		checkTimeout(&wrong, q.Timeout)
	}
	if err := wrong.err(); err != nil {
		return nil, 0, err
	}
	wanted := &calloutv1.Target{Name: q.Name, Type: string(kind), InterruptOnError: interrupts, Timeout: q.Timeout.Duration, Url: q.Endpoint}
	if kind == action.CallOut {
		wanted.Mapping = string(action.Replace)
	}
	q.PayloadType.of(c.version).set(wanted)
	answer, err := f.service.CreateTarget(ctx, connect.NewRequest(&calloutv1.CreateTargetRequest{Instance: c.instance, Target: wanted}))
	if err != nil {
		return nil, 0, err
	}
	made := answer.Msg.GetTarget()
	return &createTargetResponse{ID: made.GetId(), CreationDate: stamp{made.GetCreateTime()}, SigningKey: answer.Msg.GetSigningKey()}, answer.Msg.GetRevision(), nil
}

const timeoutRule = `more than 0 and at most 270 s are needed, such as "10s"`

func checkTimeout(wrong *badFields, d *duration) {
	if t := d.AsDuration(); t <= 0 || t > action.MaxTimeout {
		wrong.add("timeout", timeoutRule)
	}
}

// targetID is the question about one target.
type targetID struct {
	ID string `json:"id"`
}

func (q *targetID) address(at func(string) string) { q.ID = at("id") }

func (q *targetID) check() error {
	if q.ID == "" {
		return badField("id", "the id of a target is needed")
	}
	return nil
}

type getTargetResponse struct {
	Target target `json:"target"`
}

func (f *face) getTarget(ctx context.Context, c caller, q *targetID) (*getTargetResponse, uint64, error) {
	if err := q.check(); err != nil {
		return nil, 0, err
	}
	t, revision, err := f.find(ctx, c, q.ID)
	if err != nil {
		return nil, 0, err
	}
	return &getTargetResponse{Target: targetOf(t, c.version)}, revision, nil
}

func (f *face) find(ctx context.Context, c caller, id string) (*calloutv1.Target, uint64, error) {
	answer, err := f.service.GetTarget(ctx, connect.NewRequest(&calloutv1.GetTargetRequest{Instance: c.instance, Id: id, MinRevision: c.minRevision}))
	if err != nil {
		return nil, 0, err
	}
	return answer.Msg.GetTarget(), answer.Msg.GetRevision(), nil
}

type deleteTargetResponse struct {
	DeletionDate stamp `json:"deletionDate,omitzero"`
}

// deleteTarget deletes a target. One that is not there is deleted already, and the
// answer tells when, if that is known.
func (f *face) deleteTarget(ctx context.Context, c caller, q *targetID) (*deleteTargetResponse, uint64, error) {
	if err := q.check(); err != nil {
		return nil, 0, err
	}
	answer, err := f.service.DeleteTarget(ctx, connect.NewRequest(&calloutv1.DeleteTargetRequest{
		Instance: c.instance, Id: q.ID, Waiting: c.waiting, Force: c.force}))
	if f.is(err, action.CodeNotFound) {
		return &deleteTargetResponse{DeletionDate: f.deleted.date(c.instance, q.ID)}, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	date := now()
	f.deleted.note(c.instance, q.ID, date)
	return &deleteTargetResponse{DeletionDate: date}, answer.Msg.GetRevision(), nil
}

func now() stamp { return stamp{timestamppb.New(time.Now())} }
