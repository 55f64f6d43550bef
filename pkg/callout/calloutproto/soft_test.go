package calloutproto_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
)

// chained has two targets on each phase, of which the first interrupts or not.
const chained = `
targets:
  first: {type: call, url: HOOKS/first, interrupt_on_error: FIRST}
  second: {type: call, url: HOOKS/second}
  greet: {type: call, url: HOOKS/greet, interrupt_on_error: FIRST}
requests:
  /acme.user.v1.UserService/CreateUser: {targets: [{target: first}, {target: second}]}
responses:
  /acme.user.v1.UserService/CreateUser: {targets: [{target: greet}]}
`

// heard keeps the warnings of a core.
type heard struct {
	mu     sync.Mutex
	warned []calloutproto.Warned
}

func (h *heard) hear(_ context.Context, w calloutproto.Warned) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.warned = append(h.warned, w)
}

// take gives what was heard since, as phase, code and target.
func (h *heard) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, w := range h.warned {
		for _, warning := range w.Warnings {
			all = append(all, strings.TrimSpace(string(w.Phase)+" "+string(warning.Code)+" "+warning.Target))
		}
	}
	h.warned = nil
	return all
}

// unfitting are answers on the request that do not fit, or break a rule.
var unfitting = map[string]string{
	"another type":          `{"user":{"displayName":7}}`,
	"a fraction":            `{"user":{"displayName":"Ada","quota":1.5}}`,
	"a text for a number":   `{"user":{"quota":"many"}}`,
	"a bad timestamp":       `{"user":{"displayName":"Ada","createdAt":"yesterday"}}`,
	"both names of a field": `{"user":{"display_name":"Ada"}}`,
	"no value of the enum":  `{"user":{"displayName":"Ada","state":"STATE_GONE"}}`,
	"two new branches":      `{"user":{"email":"b@example.com","phone":"+44"}}`,
	"a list for a message":  `{"user":[]}`,
	"a null in a list":      `{"user":{"roles":[null]}}`,
	"a rule":                `{"user":{"displayName":"much too long for the name of anybody"}}`,
	"a required field":      `{"user":null}`,
}

// TestInterruptDecidesWhatAnUnfittingAnswerDoes: it fails the call or changes
// nothing, and a field that would have fitted is never taken alone.
func TestInterruptDecidesWhatAnUnfittingAnswerDoes(t *testing.T) {
	for _, interrupts := range []string{"false", "true"} {
		hooks := newTargets(t)
		n, _ := startNode(t, hooks, strings.ReplaceAll(chained, "FIRST", interrupts), nil)
		var h heard
		o := calloutproto.Options{Client: newClient(t, callout.Options{URL: n.NATSURL()}), Validate: rules(t), OnWarnings: h.hear}
		eachFramework(t, o, func(t *testing.T, s *service) {
			for name, answer := range unfitting {
				code := "answer_malformed"
				if strings.HasSuffix(name, "rule") || strings.HasPrefix(name, "a required") {
					code = "bad_field"
				}
				for second, named := range map[string]string{``: " first", `{"user":{"roles":["x"]}}`: ""} {
					if name == "a list for a message" || name == "a required field" || name == "a null in a list" {
						second, named = ``, " first" // the second would mend it
					}
					hooks.answer("first", answer)
					hooks.answer("second", second)
					s.handled = nil
					_, err := s.create(within(t, 5*time.Second), ada())
					if interrupts == "true" {
						require.Error(t, err, name)
						require.Empty(t, s.handled)
						require.Empty(t, h.take())
						continue
					}
					require.NoError(t, err, name)
					require.Len(t, s.handled, 1)
					require.True(t, proto.Equal(ada(), s.handled[0]), "%s: %v", name, s.handled[0])
					require.Equal(t, []string{"request " + code + named}, h.take(), name)
				}
			}
			hooks.answer("first", ``)
			hooks.answer("second", unfitting["a fraction"])
			_, err := s.create(within(t, 5*time.Second), ada())
			require.NoError(t, err, "the second does not interrupt, whatever the first does")
			require.Equal(t, []string{"request answer_malformed second"}, h.take())
			hooks.answer("second", ``)
			for answer, code := range map[string]string{`{"greeting":{}}`: "answer_malformed", `{"user":{"userId":"much too long for an identifier"}}`: "bad_field"} {
				hooks.answer("greet", answer)
				got, err := s.create(within(t, 5*time.Second), ada())
				require.Equal(t, interrupts == "true", err != nil)
				if err == nil {
					require.Equal(t, []any{"hello", "u1"}, []any{got.Greeting, got.User.UserId})
					require.Equal(t, []string{"response " + code + " greet"}, h.take())
				}
			}
			hooks.answer("greet", ``)
		})
	}
}

// TestInterruptDecidesWhatAMessageThatCannotBeShownDoes has requests and
// responses that no target can be shown.
func TestInterruptDecidesWhatAMessageThatCannotBeShownDoes(t *testing.T) {
	large := ada()
	large.User.Roles = []string{strings.Repeat("x", 2000)}
	year10000 := ada()
	year10000.User.CreatedAt = &timestamppb.Timestamp{Seconds: 1 << 60}
	growing := ada() // its response is larger than itself
	growing.User.Roles = []string{strings.Repeat("x", 1950-len(`{"user":{"displayName":"ada","quota":"9007199254740993","state":"STATE_ACTIVE","address":{"city":"London"},"email":"ada@example.com","roles":[""]}}`))}
	for _, row := range []struct {
		name    string
		request *userv1.CreateUserRequest
		code    calloutproto.Code
		warned  string
		handled int // when it interrupts
	}{
		{"a request too large", large, calloutproto.ResourceExhausted, "request too_large", 0},
		{"a request that JSON cannot carry", year10000, calloutproto.Internal, "request malformed", 0},
		{"a response too large", growing, calloutproto.ResourceExhausted, "response too_large", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, interrupts := range []string{"false", "true"} {
				hooks := newTargets(t)
				n, _ := startNode(t, hooks, strings.ReplaceAll(chained, "FIRST", interrupts), nil)
				var h heard
				o := calloutproto.Options{Client: newClient(t, callout.Options{URL: n.NATSURL(), MaxObject: 1970}), OnWarnings: h.hear}
				eachFramework(t, o, func(t *testing.T, s *service) {
					got, err := s.create(within(t, 5*time.Second), row.request)
					if interrupts == "true" {
						code, _ := s.told(err)
						require.Equal(t, row.code, code, "%v", err)
						require.Len(t, s.handled, row.handled)
						return
					}
					require.NoError(t, err)
					require.Equal(t, "hello", got.Greeting)
					require.True(t, proto.Equal(row.request, s.handled[0]))
					require.Equal(t, []string{row.warned}, h.take())
				})
			}
		})
	}
}

// TestAnAnswerLargerThanTheCoreTakes is within the worker's bound and over the
// core's own: it is not taken, for the response's targets could not be shown it.
func TestAnAnswerLargerThanTheCoreTakes(t *testing.T) {
	hooks := newTargets(t)
	n, _ := startNode(t, hooks, strings.ReplaceAll(chained, "FIRST", "false"), nil)
	var h heard
	o := calloutproto.Options{Client: newClient(t, callout.Options{URL: n.NATSURL(), MaxObject: 400}), OnWarnings: h.hear}
	hooks.answer("first", `{"user":{"address":{"city":"`+strings.Repeat(`x`, 400)+`"}}}`)
	eachFramework(t, o, func(t *testing.T, s *service) {
		_, err := s.create(within(t, 5*time.Second), ada())
		require.NoError(t, err)
		require.True(t, proto.Equal(ada(), s.handled[0]))
		require.Equal(t, []string{"request too_large first"}, h.take())
	})
}

// TestForeignMessages are no protobuf: interrupt decides whether they slip by.
func TestForeignMessages(t *testing.T) {
	for _, interrupts := range []string{"false", "true"} {
		hooks := newTargets(t)
		n, _ := startNode(t, hooks, strings.ReplaceAll(chained, "FIRST", interrupts), nil)
		var h heard
		o := calloutproto.Options{Client: newClient(t, callout.Options{URL: n.NATSURL()}), OnWarnings: h.hear}
		for _, phase := range []action.Phase{action.Request, action.Response} {
			err := o.Foreign(t.Context(), phase, createUser)
			require.Equal(t, interrupts == "true", errors.As(err, new(*action.Error)))
			require.Equal(t, interrupts == "false", len(h.take()) == 1)
		}
		require.NoError(t, o.Foreign(t.Context(), action.Request, "/acme.user.v1.UserService/Other"))
	}
}
