package manage

import (
	"context"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/bus"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// AddPublicKey gives a target a public key.
func (s *Service) AddPublicKey(ctx context.Context, req *connect.Request[calloutv1.AddPublicKeyRequest]) (*connect.Response[calloutv1.AddPublicKeyResponse], error) {
	n := bus.NewPublicKey{PEM: req.Msg.GetPublicKey(), Activate: req.Msg.GetActivate()}
	if t := req.Msg.GetExpireTime(); t != nil {
		if t.CheckValid() != nil {
			return nil, badField("expire_time", "a time is expected")
		}
		n.Expires = t.AsTime()
	}
	i, place, err := s.targetOf(ctx, req.Msg.GetInstance(), req.Msg)
	if err != nil {
		return nil, err
	}
	k, err := i.AddPublicKey(ctx, place.Org, place.Name, n)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.AddPublicKeyResponse{PublicKey: publicKey(k)}), nil
}

// ListPublicKeys lists the public keys of a target.
func (s *Service) ListPublicKeys(ctx context.Context, req *connect.Request[calloutv1.ListPublicKeysRequest]) (*connect.Response[calloutv1.ListPublicKeysResponse], error) {
	i, place, err := s.targetOf(ctx, req.Msg.GetInstance(), req.Msg)
	if err != nil {
		return nil, err
	}
	keys, err := i.PublicKeys(ctx, place.Org, place.Name)
	if err != nil {
		return nil, err
	}
	answer := &calloutv1.ListPublicKeysResponse{}
	for _, k := range keys {
		answer.PublicKeys = append(answer.PublicKeys, publicKey(k))
	}
	return connect.NewResponse(answer), nil
}

// ActivatePublicKey has what a target is sent encrypted with a key.
func (s *Service) ActivatePublicKey(ctx context.Context, req *connect.Request[calloutv1.ActivatePublicKeyRequest]) (*connect.Response[calloutv1.ActivatePublicKeyResponse], error) {
	k, err := s.setActive(ctx, req.Msg.GetInstance(), req.Msg, true)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.ActivatePublicKeyResponse{PublicKey: k}), nil
}

// DeactivatePublicKey has nothing encrypted with a key any more.
func (s *Service) DeactivatePublicKey(ctx context.Context, req *connect.Request[calloutv1.DeactivatePublicKeyRequest]) (*connect.Response[calloutv1.DeactivatePublicKeyResponse], error) {
	k, err := s.setActive(ctx, req.Msg.GetInstance(), req.Msg, false)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.DeactivatePublicKeyResponse{PublicKey: k}), nil
}

// whichKey says which public key of which target is meant.
type whichKey interface {
	whichTarget
	GetKeyId() string
}

func (s *Service) setActive(ctx context.Context, instance string, which whichKey, active bool) (*calloutv1.PublicKey, error) {
	i, place, err := s.targetOf(ctx, instance, which)
	if err != nil {
		return nil, err
	}
	k, err := i.SetPublicKeyActive(ctx, place.Org, place.Name, which.GetKeyId(), active)
	if err != nil {
		return nil, err
	}
	return publicKey(k), nil
}

// RemovePublicKey removes a key that is not active.
func (s *Service) RemovePublicKey(ctx context.Context, req *connect.Request[calloutv1.RemovePublicKeyRequest]) (*connect.Response[calloutv1.RemovePublicKeyResponse], error) {
	i, place, err := s.targetOf(ctx, req.Msg.GetInstance(), req.Msg)
	if err != nil {
		return nil, err
	}
	if err := i.RemovePublicKey(ctx, place.Org, place.Name, req.Msg.GetKeyId()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.RemovePublicKeyResponse{}), nil
}

func publicKey(k bus.PublicKey) *calloutv1.PublicKey {
	return &calloutv1.PublicKey{Id: k.ID, Active: k.Active, PublicKey: k.PEM, Kind: k.Kind, Fingerprint: k.Fingerprint,
		ExpireTime: moment(k.Expires), CreateTime: moment(k.Made), UpdateTime: moment(k.Changed)}
}
