package manage

import (
	"context"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// maxUsers bounds how many targets are named that use a secret.
const maxUsers = 100

// SetSecret sets a secret. No answer, log or record holds its value.
func (s *Service) SetSecret(ctx context.Context, req *connect.Request[calloutv1.SetSecretRequest]) (*connect.Response[calloutv1.SetSecretResponse], error) {
	m, err := s.catalog(ctx, req.Msg.GetInstance(), 0)
	if err != nil {
		return nil, err
	}
	by := ""
	if p, err := access.From(ctx); err == nil {
		by = p.ID
	}
	set, replaced, err := s.engine(m.Instance()).SetSecret(ctx, req.Msg.GetOrg(), req.Msg.GetName(), strings.TrimSpace(req.Msg.GetValue()), by)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.SetSecretResponse{Secret: secretMessage(m.Snapshot(), set), Replaced: replaced}), nil
}

// ListSecrets lists the secrets of an instance, or of an organization of it.
func (s *Service) ListSecrets(ctx context.Context, req *connect.Request[calloutv1.ListSecretsRequest]) (*connect.Response[calloutv1.ListSecretsResponse], error) {
	m, err := s.catalog(ctx, req.Msg.GetInstance(), 0)
	if err != nil {
		return nil, err
	}
	all, err := s.engine(m.Instance()).Secrets(ctx)
	if err != nil {
		return nil, err
	}
	answer := &calloutv1.ListSecretsResponse{}
	for _, one := range all {
		if req.Msg.GetOrg() == "" || one.Owner == req.Msg.GetOrg() {
			answer.Secrets = append(answer.Secrets, secretMessage(m.Snapshot(), one))
		}
	}
	return connect.NewResponse(answer), nil
}

// DeleteSecret deletes a secret that no target names.
func (s *Service) DeleteSecret(ctx context.Context, req *connect.Request[calloutv1.DeleteSecretRequest]) (*connect.Response[calloutv1.DeleteSecretResponse], error) {
	m, err := s.catalog(ctx, req.Msg.GetInstance(), 0)
	if err != nil {
		return nil, err
	}
	if err := s.engine(m.Instance()).DeleteSecret(ctx, req.Msg.GetOrg(), req.Msg.GetName()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.DeleteSecretResponse{}), nil
}

func secretMessage(c *catalog.Snapshot, s bus.NamedSecret) *calloutv1.Secret {
	users := c.UsersOfSecret(s.Owner, s.Name)
	m := &calloutv1.Secret{Org: s.Owner, Name: s.Name, SetTime: timestamppb.New(s.Set), SetBy: s.By, Fingerprint: s.Fingerprint,
		UsedBy: users[:min(len(users), maxUsers)], Pem: s.PEM != nil}
	if s.PEM != nil && !s.PEM.Until.IsZero() {
		m.NotAfter = timestamppb.New(s.PEM.Until)
	}
	return m
}
