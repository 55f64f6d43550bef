package manage

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"time"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/sign"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// ListInstanceKeys lists the keys of the instance itself that are published.
func (s *Service) ListInstanceKeys(ctx context.Context, req *connect.Request[calloutv1.ListInstanceKeysRequest]) (*connect.Response[calloutv1.ListInstanceKeysResponse], error) {
	keys, err := s.engine(orDefault(req.Msg.GetInstance())).OwnKeys(ctx)
	if err != nil {
		return nil, err
	}
	answer := &calloutv1.ListInstanceKeysResponse{}
	for _, k := range keys {
		answer.Keys = append(answer.Keys, instanceKey(k, time.Now()))
	}
	return connect.NewResponse(answer), nil
}

// RotateInstanceKey makes a new key for the instance itself.
func (s *Service) RotateInstanceKey(ctx context.Context, req *connect.Request[calloutv1.RotateInstanceKeyRequest]) (*connect.Response[calloutv1.RotateInstanceKeyResponse], error) {
	a := action.Ed25519
	if text := req.Msg.GetAlgorithm(); text != "" {
		a = action.Algorithm(text)
	}
	if !a.Known() {
		return nil, badField("algorithm", "a key of an instance is ed25519 or rs256")
	}
	lead := time.Duration(-1)
	if d := req.Msg.GetLead(); d != nil {
		if lead = d.AsDuration(); d.CheckValid() != nil || lead < 0 {
			return nil, badField("lead", "a lead is a duration of 0s to 30 days, such as 24h")
		}
	}
	k, err := s.engine(orDefault(req.Msg.GetInstance())).RotateOwnKey(ctx, a, lead)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.RotateInstanceKeyResponse{Key: instanceKey(k, time.Now())}), nil
}

// instanceKey is a key as it goes over the wire. What cannot be read of it is empty.
func instanceKey(k bus.OwnKey, now time.Time) *calloutv1.InstanceKey {
	der, _ := base64.StdEncoding.DecodeString(k.Public) // it was checked when it was read
	return &calloutv1.InstanceKey{
		Id: k.ID, Algorithm: string(k.Algorithm), State: k.State(now), CreateTime: moment(k.Made), SignTime: moment(k.Signs), EndTime: moment(k.Ends),
		PublishEndTime: moment(k.Gone()), PublicKey: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		WebhookPublicKey: sign.PublicKey{ID: k.ID, Algorithm: k.Algorithm, Text: k.Public}.WebhookText(),
	}
}
