package manage

import (
	"cmp"
	"context"
	"slices"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/sign"
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

// ListTargetKeys lists the signing keys of a target, without what they are.
func (s *Service) ListTargetKeys(ctx context.Context, req *connect.Request[calloutv1.ListTargetKeysRequest]) (*connect.Response[calloutv1.ListTargetKeysResponse], error) {
	i, place, err := s.targetOf(ctx, req.Msg.GetInstance(), req.Msg)
	if err != nil {
		return nil, err
	}
	keys, err := i.SigningKeys(ctx, place.Org, place.Name)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.ListTargetKeysResponse{Keys: targetKeys(keys)}), nil
}

// RevokeTargetKey has a signing key of a target sign no more.
func (s *Service) RevokeTargetKey(ctx context.Context, req *connect.Request[calloutv1.RevokeTargetKeyRequest]) (*connect.Response[calloutv1.RevokeTargetKeyResponse], error) {
	if req.Msg.GetFingerprint() == "" {
		return nil, missing("fingerprint", "a fingerprint says which key is meant: ListTargetKeys has it")
	}
	i, place, err := s.targetOf(ctx, req.Msg.GetInstance(), req.Msg)
	if err != nil {
		return nil, err
	}
	keys, err := i.RevokeKey(ctx, place.Org, place.Name, req.Msg.GetFingerprint())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.RevokeTargetKeyResponse{Keys: targetKeys(keys)}), nil
}

// targetOf finds the target that a request means, and the door of its instance.
func (s *Service) targetOf(ctx context.Context, instance string, which whichTarget) (Instance, catalog.Place, error) {
	m, err := s.catalog(ctx, instance, 0)
	if err != nil {
		return nil, catalog.Place{}, err
	}
	place, err := targetMeant(m.Snapshot(), which, m.FindID)
	return s.engine(m.Instance()), place, err
}

func targetKeys(keys bus.SigningKeys) (out []*calloutv1.TargetKey) {
	for _, k := range keys {
		form := k.Form
		if !k.IsSealed() {
			form = sign.FormOf(k.Key)
		}
		out = append(out, &calloutv1.TargetKey{Fingerprint: k.ID, Form: string(form), Since: moment(k.Since), Until: moment(k.Until), Sealed: k.IsSealed()})
	}
	return out
}
