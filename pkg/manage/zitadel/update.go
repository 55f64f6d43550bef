package zitadel

import (
	"cmp"
	"context"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

type updateTargetRequest struct {
	targetID    `json:",inline"`
	Name        *string `json:"name"`
	kinds       `json:",inline"`
	Timeout     *duration   `json:"timeout"`
	Endpoint    *string     `json:"endpoint"`
	Expiration  *duration   `json:"expirationSigningKey"`
	PayloadType payloadType `json:"payloadType"`
}

// updateTargetResponse tells when the target was changed last. A new key is no change of it:
// it makes no revision.
type updateTargetResponse struct {
	ChangeDate stamp  `json:"changeDate,omitzero"`
	SigningKey string `json:"signingKey,omitempty"` // the new one, when it was asked for
}

// updateTarget changes what is given of a target and leaves the rest, also what
// ZITADEL does not know. Of several who change the same the last one wins.
func (f *face) updateTarget(ctx context.Context, c caller, q *updateTargetRequest) (*updateTargetResponse, uint64, error) {
	if err := q.check(); err != nil {
		return nil, 0, err
	}
	current, revision, err := f.find(ctx, c, q.ID)
	if err != nil {
		return nil, 0, err
	}
	response := &updateTargetResponse{ChangeDate: stamp{current.GetUpdateTime()}}
	if wanted, mask := q.changes(c.version, current); len(mask.GetPaths()) > 0 {
		answer, err := f.service.UpdateTarget(ctx, connect.NewRequest(&calloutv1.UpdateTargetRequest{Instance: c.instance, Target: wanted, UpdateMask: mask}))
		if err != nil {
			return nil, 0, err
		}
		response.ChangeDate, revision = stamp{answer.Msg.GetTarget().GetUpdateTime()}, answer.Msg.GetRevision()
	}
	if q.Expiration == nil {
		return response, revision, nil
	}
	rotated, err := f.service.RotateTargetKey(ctx, connect.NewRequest(&calloutv1.RotateTargetKeyRequest{Instance: c.instance, Org: current.GetOrg(), Id: q.ID, Grace: q.Expiration.Duration}))
	if err != nil {
		return nil, 0, err
	}
	response.SigningKey = rotated.Msg.GetSigningKey()
	return response, revision, nil
}

func (q *updateTargetRequest) check() error {
	var wrong badFields
	if _, _, n := q.chosen(); n > 1 {
		wrong.add(kindField, "at most one of "+kindNames+" can be given")
	}
	if q.Name != nil && *q.Name == "" {
		wrong.add("name", "a name cannot be empty")
	}
	if q.Endpoint != nil && *q.Endpoint == "" {
		wrong.add("endpoint", "the URL to call cannot be empty")
	}
	if q.Timeout != nil {
		checkTimeout(&wrong, q.Timeout)
	}
	if q.Expiration != nil && (q.Expiration.AsDuration() < 0 || q.Expiration.AsDuration() > action.MaxGrace) {
		wrong.add("expirationSigningKey", fmt.Sprintf(`the key before signs on for "0s" to "%ds"`, int(action.MaxGrace.Seconds())))
	}
	return cmp.Or(q.targetID.check(), wrong.err())
}

// changes gives what is asked for, against the target as it is now.
func (q *updateTargetRequest) changes(v version, current *calloutv1.Target) (*calloutv1.Target, *fieldmaskpb.FieldMask) {
	wanted, mask := &calloutv1.Target{Id: q.ID}, &fieldmaskpb.FieldMask{}
	set := func(field string) { mask.Paths = append(mask.Paths, field) }
	if q.Name != nil {
		wanted.Name = *q.Name
		set("name")
	}
	if kind, interrupts, n := q.chosen(); n == 1 {
		wanted.Type, wanted.InterruptOnError = string(kind), interrupts
		set("type")
		set("interrupt_on_error")
		if kind == action.CallOut && current.GetType() != string(kind) {
			wanted.Mapping = string(action.Replace)
			set("mapping")
		}
	}
	if q.Timeout != nil {
		wanted.Timeout = q.Timeout.Duration
		set("timeout")
	}
	if q.Endpoint != nil {
		wanted.Url = *q.Endpoint
		set("url")
	}
	wanted.Payload, wanted.JwtAlgorithm, wanted.ContentType = current.GetPayload(), current.GetJwtAlgorithm(), current.GetContentType()
	mask.Paths = append(mask.Paths, q.PayloadType.of(v).set(wanted)...)
	return wanted, mask
}
