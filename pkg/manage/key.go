package manage

import (
	"cmp"
	"context"
	"slices"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// RotateTargetKey makes a new signing key for a target, and shows it this once.
func (s *Service) RotateTargetKey(ctx context.Context, req *connect.Request[calloutv1.RotateTargetKeyRequest]) (*connect.Response[calloutv1.RotateTargetKeyResponse], error) {
	grace := action.DefaultGrace
	if d := req.Msg.GetGrace(); d != nil {
		if err := d.CheckValid(); err != nil {
			return nil, badField("grace", "a grace time is a duration such as 24h")
		}
		grace = d.AsDuration()
	}
	m, err := s.catalog(ctx, req.Msg.GetInstance(), 0)
	if err != nil {
		return nil, err
	}
	place, err := targetMeant(m.Snapshot(), req.Msg, m.FindID)
	if err != nil {
		return nil, err
	}
	keys, err := s.engine(m.Instance()).RotateKey(ctx, place.Org, place.Name, grace)
	if err != nil {
		return nil, err
	}
	answer := &calloutv1.RotateTargetKeyResponse{SigningKey: keys[0].Key}
	for _, k := range keys[1:] {
		answer.EarlierUntil = append(answer.EarlierUntil, timestamppb.New(k.Until))
	}
	return connect.NewResponse(answer), nil
}

// madeKeys are signing keys as they go over the wire, by the targets' names.
func madeKeys(made []bus.NewSecret) []*calloutv1.MadeKey {
	var out []*calloutv1.MadeKey
	for _, k := range made {
		out = append(out, &calloutv1.MadeKey{Org: k.Owner, Target: k.Target, SigningKey: k.Key})
	}
	slices.SortFunc(out, func(a, b *calloutv1.MadeKey) int {
		return cmp.Or(cmp.Compare(a.GetOrg(), b.GetOrg()), cmp.Compare(a.GetTarget(), b.GetTarget()))
	})
	return out
}
