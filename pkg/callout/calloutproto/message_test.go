package calloutproto_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
)

func anyUser(t *rapid.T, name string) *userv1.CreateUserRequest {
	text := rapid.SampledFrom([]string{"", "a", "ü\u0000\"", "long enough"})
	u := &userv1.User{UserId: text.Draw(t, name+" id"), DisplayName: text.Draw(t, name+" name"), Quota: rapid.Int64().Draw(t, name+" quota"),
		Roles: rapid.SliceOfN(text, 0, 2).Draw(t, name+" roles"), State: userv1.State(rapid.IntRange(0, 1).Draw(t, name+" state")),
		Labels: rapid.MapOfN(text, text, 0, 2).Draw(t, name+" labels")}
	if rapid.Bool().Draw(t, name+" address") {
		u.Address = &userv1.Address{City: text.Draw(t, name+" city"), Street: text.Draw(t, name+" street")}
	}
	switch rapid.IntRange(0, 2).Draw(t, name+" contact") {
	case 1:
		u.Contact = &userv1.User_Email{Email: text.Draw(t, name+" email")}
	case 2:
		u.Contact = &userv1.User_Phone{Phone: text.Draw(t, name+" phone")}
	}
	if rapid.Bool().Draw(t, name+" created") {
		u.CreatedAt = &timestamppb.Timestamp{Seconds: rapid.Int64Range(0, 1<<32).Draw(t, name+" seconds"), Nanos: rapid.Int32Range(0, 999999999).Draw(t, name+" nanos")}
	}
	r := &userv1.CreateUserRequest{User: u}
	if rapid.IntRange(0, 9).Draw(t, name+" empty") == 0 {
		r.User = nil
	}
	return r
}

// TestApplyTakesTheMessageToTheAnswer: whatever is changed into whatever, the
// result is the answer, and the message is as it was.
func TestApplyTakesTheMessageToTheAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := anyUser(t, "from"), anyUser(t, "to")
		kept := proto.Clone(from)
		sent, err := calloutproto.Encode(from)
		require.NoError(t, err)
		changed, err := calloutproto.Encode(to)
		require.NoError(t, err)
		got, err := calloutproto.Apply(from, sent, changed)
		require.NoError(t, err)
		require.True(t, proto.Equal(to, got), "from %v to %v: %v", from, to, got)
		require.True(t, proto.Equal(kept, from), "the message was touched")
	})
}

// TestFieldsOfANewerClientSurvive has fields that this core's .proto file does
// not know, which JSON cannot carry.
func TestFieldsOfANewerClientSurvive(t *testing.T) {
	newer := protowire.AppendString(protowire.AppendTag(nil, 1000, protowire.BytesType), "from the future")
	m := ada()
	for _, part := range []proto.Message{m, m.User, m.User.Address} {
		part.ProtoReflect().SetUnknown(newer)
	}
	sent, err := calloutproto.Encode(m)
	require.NoError(t, err)
	got, err := calloutproto.Apply(m, sent, []byte(`{"user":{"displayName":"Ada","address":{"city":"Paris"}}}`))
	require.NoError(t, err)
	user := got.(*userv1.CreateUserRequest).User
	require.Equal(t, []any{"Ada", "Paris", int64(0)}, []any{user.DisplayName, user.Address.City, user.Quota})
	for _, part := range []proto.Message{got, user, user.Address} {
		require.Equal(t, newer, []byte(part.ProtoReflect().GetUnknown()))
	}
}

func TestEncodeIsTight(t *testing.T) {
	raw, err := calloutproto.Encode(&userv1.CreateUserRequest{User: &userv1.User{DisplayName: "a : b, <c>", Roles: []string{"x", "y"}}})
	require.NoError(t, err)
	require.Equal(t, `{"user":{"displayName":"a : b, <c>","roles":["x","y"]}}`, string(raw))
	raw, err = calloutproto.Encode((*userv1.CreateUserRequest)(nil))
	require.NoError(t, err)
	require.Equal(t, `{}`, string(raw))
	got, err := calloutproto.Apply((*userv1.CreateUserRequest)(nil), raw, []byte(`{"user":{}}`))
	require.NoError(t, err)
	require.NotNil(t, got.(*userv1.CreateUserRequest).User)
	_, err = calloutproto.Encode(&userv1.User{UserId: "\xff"})
	require.Equal(t, action.CodeMalformed, action.CodeOf(err))
}
