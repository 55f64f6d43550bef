package manage

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/catalog"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// Trials of targets.
type Trials interface {
	// Try has a worker try a target. It takes as long as the target's timeout
	// and a little more. The errors are unavailable, deadline, cancelled,
	// too_large, and those of a body that no call could have.
	Try(ctx context.Context, t calls.Trial) (calls.Tried, error)
}

// maxTestTime is the time of a request that tries a target.
const maxTestTime = action.MaxTimeout + 10*time.Second

// TestTarget sends a sample to a target, once, and shows the exchange.
func (s *Service) TestTarget(ctx context.Context, req *connect.Request[calloutv1.TestTargetRequest]) (*connect.Response[calloutv1.TestTargetResponse], error) {
	if len(req.Msg.GetBody()) > action.DefaultObject {
		return nil, action.NewError(action.CodeTooLarge, action.StageDecode,
			fmt.Sprintf("a body has at most %d bytes, this one has %d", action.DefaultObject, len(req.Msg.GetBody()))).WithField("body")
	}
	m, err := s.catalog(ctx, req.Msg.GetInstance(), 0)
	if err != nil {
		return nil, err
	}
	t := calls.Trial{Instance: m.Instance(), Owner: cmp.Or(req.Msg.GetOrg(), req.Msg.GetTarget().GetOrg()), Phase: action.Phase(req.Msg.GetSample())}
	if t.Target, t.Stored, err = tried(m.Snapshot(), req.Msg); err != nil {
		return nil, err
	}
	if err := fillTest(&t, m.Snapshot(), req.Msg.GetBody()); err != nil {
		return nil, err
	}
	tested, err := s.engine(m.Instance()).Try(ctx, t)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(exchange(t, tested)), nil
}

// tried is the target to try: a stored one, or settings that are not.
func tried(s *catalog.Snapshot, req *calloutv1.TestTargetRequest) (t action.Target, stored bool, err error) {
	if (req.GetName() == "") == (req.GetTarget() == nil) {
		return t, false, badField("name", "one of name and target says what is tried")
	}
	if req.GetTarget() != nil {
		t, err = draft(s.Instance, cmp.Or(req.GetOrg(), req.GetTarget().GetOrg()), req.GetTarget())
		return t, false, err
	}
	t, err = s.FindTarget(req.GetOrg(), req.GetName())
	return t, true, notFoundAt(err, "name")
}

// draft is a target that is not stored. It is held to the rules of a stored one,
// but need not fit what is in force.
func draft(instance, org string, wanted *calloutv1.Target) (action.Target, error) {
	place := targetAt(org, cmp.Or(wanted.GetName(), "draft"))
	if wanted.GetEgress() != nil {
		return action.Target{}, badField("target.egress", "a target that is not stored may not ask for addresses: leave egress out, or store the target and give its name")
	}
	for header, from := range wanted.GetHeaderSources() {
		if from.GetEnv() != "" || from.GetFile() != "" {
			return action.Target{}, badField("target.header_sources."+header, "what is read from a variable or a file is kept with a target that is stored: store the target and give its name, or name a secret")
		}
	}
	for key, from := range map[string]*calloutv1.SecretSource{"ca_from": wanted.GetTls().GetCaFrom(), "certificate_from": wanted.GetTls().GetCertificateFrom(), "key": wanted.GetTls().GetKey()} {
		if from.GetEnv() != "" || from.GetFile() != "" {
			return action.Target{}, badField("target.tls."+key, "what is read from a variable or a file is kept with a target that is stored: store the target and give its name, or name a secret")
		}
	}
	t, reading := readTarget(place.Org, place.Name, wanted)
	about := &subject{place: place, field: "target", reading: reading}
	_, err := about.check(catalog.Empty(instance).WithTarget(place.Org, t))
	return t, err
}

// exchange is a report as it goes over the wire. Its texts are UTF-8 already, as
// everything is that came as JSON.
func exchange(t calls.Trial, tested calls.Tried) *calloutv1.TestTargetResponse {
	return &calloutv1.TestTargetResponse{
		Outcome: string(tested.Outcome), Code: string(tested.Code), Message: tested.Message,
		Status: uint32(tested.Status), Duration: durationpb.New(tested.Duration),
		RequestHeaders: headers(tested.RequestHeaders), RequestBody: t.Body,
		ResponseHeaders: headers(tested.ResponseHeaders), ResponseBody: tested.ResponseBody, Object: tested.Object,
	}
}

func headers(lines []calls.HeaderLine) []*calloutv1.Header {
	var out []*calloutv1.Header
	for _, l := range lines {
		out = append(out, &calloutv1.Header{Name: l.Name, Value: l.Value})
	}
	return out
}
