package calloutproto_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	"github.com/callout-hq/callout/pkg/callout/calloutvalidate"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
)

// everyKind has a target of each kind on the request and on the response.
const everyKind = `
targets:
  change: {type: call, url: HOOKS/change, timeout: 300ms, interrupt_on_error: true}
  look: {type: webhook, url: HOOKS/look, timeout: 300ms, interrupt_on_error: true}
  later: {type: async, url: HOOKS/later}
  greet: {type: call, url: HOOKS/greet, interrupt_on_error: true}
  seen: {type: webhook, url: HOOKS/seen}
  stored: {type: async, url: HOOKS/stored}
requests:
  /acme.user.v1.UserService/CreateUser: {targets: [{target: change}, {target: look}, {target: later}]}
responses:
  /acme.user.v1.UserService/CreateUser: {targets: [{target: greet}, {target: seen}, {target: stored}]}
`

func ada() *userv1.CreateUserRequest {
	return &userv1.CreateUserRequest{User: &userv1.User{DisplayName: "ada", Quota: 9007199254740993, State: userv1.State_STATE_ACTIVE,
		Address: &userv1.Address{City: "London"}, Contact: &userv1.User_Email{Email: "ada@example.com"}}}
}

// rules is the validation of the core.
func rules(t testing.TB) func(proto.Message) error {
	t.Helper()
	validate, err := calloutvalidate.New()
	require.NoError(t, err)
	return validate
}

func acme(context.Context) callout.Identity {
	return callout.Identity{OrgID: "acme", ProjectID: "p1", UserID: "admin"}
}

func TestEveryKindOnRequestAndResponse(t *testing.T) {
	hooks := newTargets(t)
	hooks.answer("change", `{"user":{"displayName":"Ada","roles":["admin"]}}`)
	hooks.answer("look", `{"user":{"displayName":"ignored"}}`)
	hooks.answer("later", `{"user":{"displayName":"ignored"}}`)
	hooks.answer("greet", `{"greeting":"welcome"}`)
	n, _ := startNode(t, hooks, everyKind, nil)
	o := calloutproto.Options{Client: newClient(t, callout.Options{URL: n.NATSURL()}), Identify: acme, Validate: rules(t)}
	asyncs := 0
	eachFramework(t, o, func(t *testing.T, s *service) {
		answer, err := s.create(within(t, 5*time.Second), ada())
		require.NoError(t, err)

		want := ada()
		want.User.DisplayName, want.User.Roles = "Ada", []string{"admin"}
		require.Len(t, s.handled, 1)
		require.True(t, proto.Equal(want, s.handled[0]), "%v", s.handled[0])
		require.Equal(t, "welcome", answer.Greeting)
		require.Equal(t, "u1", answer.User.UserId, "what the handler made is still there")

		const facts = `{"fullMethod":"` + createUser + `","instanceID":"default","orgID":"acme","projectID":"p1","userID":"admin",`
		const before = `{"user":{"displayName":"ada","quota":"9007199254740993","state":"STATE_ACTIVE","address":{"city":"London"},"email":"ada@example.com"}}`
		require.Equal(t, facts+`"request":`+before+`}`, last(hooks.got("change")))
		require.JSONEq(t, facts+`"request":{"user":{"displayName":"Ada","roles":["admin"],"quota":"9007199254740993","state":"STATE_ACTIVE","address":{"city":"London"},"email":"ada@example.com"}}}`, last(hooks.got("look")))
		const handled = `"request":{"user":{"displayName":"Ada","roles":["admin"],"quota":"9007199254740993","state":"STATE_ACTIVE","address":{"city":"London"},"email":"ada@example.com"}}`
		const made = `"response":{"user":{"userId":"u1","displayName":"Ada","roles":["admin"],"quota":"9007199254740993","state":"STATE_ACTIVE","address":{"city":"London"},"email":"ada@example.com"},"greeting":`
		require.Equal(t, facts+handled+`,`+made+`"hello"}}`, last(hooks.got("greet")))
		require.Equal(t, facts+handled+`,`+made+`"welcome"}}`, last(hooks.got("seen")))
		asyncs++
		for _, name := range []string{"later", "stored"} {
			require.Eventually(t, func() bool { return len(hooks.got(name)) == asyncs }, time.Minute, 2*time.Millisecond, name)
		}
	})
}

func last(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

// TestAnswerOfATarget has one row for each answer of the call target on the
// request: what the handler gets, or what the client is told.
func TestAnswerOfATarget(t *testing.T) {
	hooks := newTargets(t)
	n, _ := startNode(t, hooks, everyKind, nil)
	o := calloutproto.Options{Client: newClient(t, callout.Options{URL: n.NATSURL()}), Identify: acme, Validate: rules(t)}
	rows := []struct {
		name, answer string
		change       func(*userv1.User) // of what the handler gets
		code         calloutproto.Code  // 0 = the handler is called
		message      string
	}{
		{name: "nothing", answer: ``},
		{name: "an empty object", answer: `{}`},
		{name: "unknown fields only", answer: `{"shoe":{"size":44},"user":{"nickname":"a"}}`},
		{name: "unknown fields beside known ones", answer: `{"shoe":44,"user":{"nickname":"a","displayName":"Ada"}}`,
			change: func(u *userv1.User) { u.DisplayName = "Ada" }},
		{name: "names as in the .proto file", answer: `{"user":{"user_id":"x"}}`, change: func(u *userv1.User) { u.UserId = "x" }},
		{name: "null removes", answer: `{"user":{"address":null,"state":null}}`,
			change: func(u *userv1.User) { u.Address, u.State = nil, 0 }},
		{name: "one of another kind", answer: `{"user":{"email":null,"phone":"+44"}}`,
			change: func(u *userv1.User) { u.Contact = &userv1.User_Phone{Phone: "+44"} }},
		{name: "breaks a rule: empty", answer: `{"user":{"displayName":""}}`, code: calloutproto.InvalidArgument,
			message: "the changed request is not valid: validation error: user.display_name: must be at least 1 characters"},
		{name: "breaks a rule: required", answer: `{"user":null}`, code: calloutproto.InvalidArgument,
			message: "the changed request is not valid: validation error: user: value is required"},
		{name: "a text for a number", answer: `{"user":{"quota":"many"}}`, code: calloutproto.Internal,
			message: "what the targets returned does not fit the message"},
		{name: "a field under both its names", answer: `{"user":{"display_name":"Ada"}}`, code: calloutproto.Internal,
			message: "what the targets returned does not fit the message"},
		{name: "another branch of a oneof", answer: `{"user":{"phone":"+44"}}`,
			change: func(u *userv1.User) { u.Contact = &userv1.User_Phone{Phone: "+44"} }},
		{name: "two new branches of a oneof", answer: `{"user":{"email":"b@example.com","phone":"+44"}}`, code: calloutproto.Internal,
			message: "what the targets returned does not fit the message"},
		{name: "no object", answer: `7`, code: calloutproto.Internal, message: "the target's answer is not a well-formed JSON object"},
		{name: "an error", answer: `500`, code: calloutproto.Internal, message: "the target answered with an error"},
		{name: "never", answer: `hang`, code: calloutproto.DeadlineExceeded, message: "the target did not answer in time"},
		{name: "a rejection", answer: `{"forwardedStatusCode":403,"forwardedErrorMessage":"not on a Sunday"}`, code: calloutproto.PermissionDenied,
			message: "not on a Sunday"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			hooks.answer("change", row.answer)
			eachFramework(t, o, func(t *testing.T, s *service) {
				_, err := s.create(within(t, 5*time.Second), ada())
				require.True(t, proto.Equal(ada(), s.arrived[0]), "what arrived stays as it is: %v", s.arrived[0])
				if row.code != 0 {
					code, message := s.told(err)
					require.Equal(t, row.code, code, "%v", err)
					require.Equal(t, row.message, message)
					require.Empty(t, s.handled, "the handler must not see it")
					return
				}
				require.NoError(t, err)
				want := ada()
				if row.change != nil {
					row.change(want.User)
					require.NotSame(t, s.arrived[0], s.handled[0], "a copy")
				}
				require.True(t, proto.Equal(want, s.handled[0]), "%v", s.handled[0])
			})
		})
	}
}

func TestAResponseThatTargetsSpoilIsNotSent(t *testing.T) {
	hooks := newTargets(t)
	n, _ := startNode(t, hooks, everyKind, nil)
	o := calloutproto.Options{Client: newClient(t, callout.Options{URL: n.NATSURL()}), Validate: rules(t)}
	for _, row := range []struct {
		name, answer string
		code         calloutproto.Code
		message      string
	}{
		{"breaks a rule", `{"user":{"userId":"much too long for an identifier"}}`, calloutproto.Internal, "the changed response is not valid"},
		{"does not fit", `{"greeting":{}}`, calloutproto.Internal, "what the targets returned does not fit the message"},
		{"a rejection", `{"forwardedStatusCode":410}`, calloutproto.NotFound, "the target rejected the call"},
	} {
		t.Run(row.name, func(t *testing.T) {
			hooks.answer("greet", row.answer)
			eachFramework(t, o, func(t *testing.T, s *service) {
				_, err := s.create(within(t, 5*time.Second), ada())
				code, message := s.told(err)
				require.Equal(t, []any{row.code, row.message}, []any{code, message})
				require.Len(t, s.handled, 1)
			})
		})
	}
}

// TestErrorsOfTheCoreStayAsTheyAre holds for those of its handler and those of
// its validation.
func TestErrorsOfTheCoreStayAsTheyAre(t *testing.T) {
	hooks := newTargets(t)
	hooks.answer("change", `{"user":{"displayName":"Ada"}}`)
	n, _ := startNode(t, hooks, everyKind, nil)
	o := calloutproto.Options{Client: newClient(t, callout.Options{URL: n.NATSURL()})}
	coded := map[string]error{
		"connect": connect.NewError(connect.CodeOutOfRange, errors.New("too far")),
		"grpc":    status.Error(codes.OutOfRange, "too far"),
	}
	for name, open := range map[string]func(*testing.T, calloutproto.Options) *service{"connect": connectService, "grpc": grpcService} {
		t.Run(name, func(t *testing.T) {
			s := open(t, o)
			s.fail = coded[name]
			_, err := s.create(within(t, 5*time.Second), ada())
			code, message := s.told(err)
			require.Equal(t, []any{calloutproto.OutOfRange, "too far"}, []any{code, message})
			require.Empty(t, hooks.got("greet"), "there is no response to look at")

			strict := o
			strict.Validate = func(proto.Message) error { return coded[name] }
			s = open(t, strict)
			_, err = s.create(within(t, 5*time.Second), ada())
			code, message = s.told(err)
			require.Equal(t, []any{calloutproto.OutOfRange, "too far"}, []any{code, message})
			require.Empty(t, s.handled)
		})
	}
}

func TestStreamsPassUntouched(t *testing.T) {
	hooks := newTargets(t)
	n, _ := startNode(t, hooks, "targets: {no: {type: webhook, url: HOOKS/no, interrupt_on_error: true}}\nrequests: {'*': {targets: [{target: no}]}}", nil)
	hooks.answer("no", "500")
	eachFramework(t, calloutproto.Options{Client: newClient(t, callout.Options{URL: n.NATSURL()})}, func(t *testing.T, s *service) {
		ids, err := s.watch(within(t, 5*time.Second))
		require.NoError(t, err)
		require.Equal(t, []string{"u1", "u2"}, ids)
		_, err = s.create(within(t, 5*time.Second), ada())
		require.Error(t, err, "a unary call is intercepted")
	})
}

func TestWarningsReachTheCore(t *testing.T) {
	hooks := newTargets(t)
	hooks.answer("no", "500")
	n, _ := startNode(t, hooks, "targets: {no: {type: webhook, url: HOOKS/no}}\nrequests: {'*': {targets: [{target: no}]}}", nil)
	var mu sync.Mutex
	var warned []calloutproto.Warned
	o := calloutproto.Options{Client: newClient(t, callout.Options{URL: n.NATSURL()}), OnWarnings: func(_ context.Context, w calloutproto.Warned) {
		mu.Lock()
		defer mu.Unlock()
		warned = append(warned, w)
	}}
	eachFramework(t, o, func(t *testing.T, s *service) {
		warned = nil
		_, err := s.create(within(t, 5*time.Second), ada())
		require.NoError(t, err)
		require.Equal(t, []calloutproto.Warned{{Method: createUser, Phase: action.Request, Warnings: []action.Warning{
			{Code: action.CodeStatus, Status: 502, Message: "the target answered with an error", Target: "no"}}}}, warned)
	})
}
