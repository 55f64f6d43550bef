package manage

import (
	"context"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/tokens"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// Tokens are those of an installation. All methods may be called from any goroutine;
// errors are *action.Error, forbidden where nobody is asked who he is.
type Tokens interface {
	AddToken(ctx context.Context, t access.Token) error
	Tokens(ctx context.Context) ([]tokens.Listed, error)
	RevokeToken(ctx context.Context, id string) error
}

// CreateToken makes a token, for no more than who asks may do himself.
func (s *Service) CreateToken(ctx context.Context, req *connect.Request[calloutv1.CreateTokenRequest]) (*connect.Response[calloutv1.CreateTokenResponse], error) {
	p, err := access.From(ctx)
	if err != nil {
		return nil, err
	}
	m, now := req.Msg, time.Now()
	verbs, err := access.ParseVerbs(strings.Join(m.GetVerbs(), ","))
	if err != nil {
		return nil, action.NewError(action.CodeBadField, action.StageDecode, err.Error()).WithField("verbs")
	}
	at := access.Scope{Instance: m.GetInstance(), Org: m.GetOrg()}
	if err := checkToken(m, now); err != nil {
		return nil, err
	}
	if !p.MayGrant(verbs, at) {
		return nil, action.NewError(action.CodeForbidden, action.StageAccess, "nobody gives another what he may not do himself").WithField("verbs")
	}
	t, text := access.NewToken(m.GetName(), at, verbs)
	t.Made, t.By = now.UTC(), p.ID
	if m.GetExpireTime() != nil {
		t.Expires = m.GetExpireTime().AsTime()
	}
	if err := s.tokens.AddToken(ctx, t); err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.CreateTokenResponse{Token: tokenMessage(tokens.Listed{Token: t}), Text: text}), nil
}

func checkToken(m *calloutv1.CreateTokenRequest, now time.Time) error {
	if err := action.CheckName(m.GetName()); err != nil {
		return action.NewError(action.CodeBadField, action.StageDecode, err.Error()).WithField("name")
	}
	for name, id := range map[string]string{"instance": m.GetInstance(), "org": m.GetOrg()} {
		if err := action.CheckID(id); err != nil {
			return action.NewError(action.CodeBadField, action.StageDecode, err.Error()).WithField(name)
		}
	}
	if m.GetOrg() != "" && m.GetInstance() == "" {
		return action.NewError(action.CodeBadField, action.StageDecode, "an organization is one of an instance: name that too").WithField("instance")
	}
	if end := m.GetExpireTime(); end != nil && (!end.IsValid() || !end.AsTime().After(now) || end.AsTime().Sub(now) > access.MaxTokenLife) {
		return action.NewError(action.CodeBadField, action.StageDecode, "a token ends in the future, and within ten years").WithField("expire_time")
	}
	return nil
}

// ListTokens lists the tokens of a scope and of what lies in it.
func (s *Service) ListTokens(ctx context.Context, req *connect.Request[calloutv1.ListTokensRequest]) (*connect.Response[calloutv1.ListTokensResponse], error) {
	all, err := s.tokens.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	at := access.Scope{Instance: req.Msg.GetInstance(), Org: req.Msg.GetOrg()}
	answer := &calloutv1.ListTokensResponse{}
	for _, t := range all {
		if at.Covers(t.Scope) {
			answer.Tokens = append(answer.Tokens, tokenMessage(t))
		}
	}
	return connect.NewResponse(answer), nil
}

// RevokeToken removes a token. One of another scope is as one that does not exist.
func (s *Service) RevokeToken(ctx context.Context, req *connect.Request[calloutv1.RevokeTokenRequest]) (*connect.Response[calloutv1.RevokeTokenResponse], error) {
	p, err := access.From(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.tokens.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if t.ID == req.Msg.GetId() && p.Scope.Covers(t.Scope) {
			return connect.NewResponse(&calloutv1.RevokeTokenResponse{}), s.tokens.RevokeToken(ctx, t.ID)
		}
	}
	return nil, action.NewError(action.CodeNotFound, action.StageStore, "there is no token of this id").WithField("id")
}

func tokenMessage(t tokens.Listed) *calloutv1.Token {
	m := &calloutv1.Token{Id: t.ID, Name: text(t.Name), Instance: t.Scope.Instance, Org: t.Scope.Org, CreateTime: timestamppb.New(t.Made), CreatedBy: t.By}
	for _, v := range t.Verbs {
		m.Verbs = append(m.Verbs, string(v))
	}
	if !t.Expires.IsZero() {
		m.ExpireTime = timestamppb.New(t.Expires)
	}
	if !t.Used.IsZero() {
		m.LastUsedTime = timestamppb.New(t.Used)
	}
	return m
}
