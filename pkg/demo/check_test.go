package demo

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var everyBreak = append([]string{BreakNothing}, Breaks...)

func named(broken string) string {
	if broken == "" {
		return "nothing broken"
	}
	return "break " + broken
}

func TestThePlanHolds(t *testing.T) {
	t.Parallel()
	for _, broken := range everyBreak {
		t.Run(named(broken), func(t *testing.T) {
			require.NoError(t, check(forge(broken), plan(broken), time.Second))
		})
	}
}

// The plan is the epic's diagram: its arrows, its words, its order.
func TestThePlanIsTheDiagram(t *testing.T) {
	t.Parallel()
	want := strings.Split(strings.TrimSpace(`
Client->>Core: Create User
Core->>Core: Get request execution for create user
Core->>AddMetadataToUser: request info
AddMetadataToUser->>AddMetadataToUser: Add metadata
AddMetadataToUser-->>Core: updated user, ok
Core->>Core: Store events
Core->>Core: Get execution for "user.added" event
Core->>UserAddedHook: event (background processing)
UserAddedHook->>LDAP: Store new user
UserAddedHook-->>Core: ok
Core->>Core: Get response execution for create user
Core->>ResponseStateAsyncHook: response info
Core-->>Client: ok
ResponseStateAsyncHook->>ResponseStateAsyncHook: Log user id`), "\n")
	var got []string
	for _, w := range plan(BreakNothing) {
		if w.Arrow != eventStored { // ours: the diagram knows no stream
			got = append(got, w.Arrow.String())
		}
	}
	require.Equal(t, want, got)
}

func TestAMissingArrowIsNamed(t *testing.T) {
	t.Parallel()
	for _, broken := range everyBreak {
		wants := plan(broken)
		for i, w := range wants {
			t.Run(named(broken)+"/"+w.String(), func(t *testing.T) {
				steps := slices.Delete(forge(broken), i, i+1)
				requireStep(t, check(steps, wants, time.Second), w.String(), "did not happen")
			})
		}
	}
}

// Every order that the plan asks for is asked for: putting a step in front of
// one that must come before it is found.
func TestASwappedOrderIsNamed(t *testing.T) {
	t.Parallel()
	for _, broken := range everyBreak {
		wants := plan(broken)
		for i, w := range wants {
			for _, before := range w.after {
				t.Run(named(broken)+"/"+w.String()+" before "+before.String(), func(t *testing.T) {
					steps := forge(broken)
					moved := steps[i]
					steps = slices.Delete(steps, i, i+1)
					at := slices.IndexFunc(steps, func(s Step) bool { return key{s.Arrow, s.Attempt} == before })
					steps = slices.Insert(steps, at, moved)
					requireStep(t, check(steps, wants, time.Second), w.String(), "before "+before.String())
				})
			}
		}
	}
}

func TestAWrongContentIsNamed(t *testing.T) {
	t.Parallel()
	other := `{"fullMethod":"/demo.user.v1.UserService/DeleteUser","instanceID":"default","orgID":"demo"}`
	for _, c := range []struct {
		broken string
		arrow  Arrow
		change func(*Step)
	}{
		{"", findRequest, body(`"/demo.user.v1.UserService/DeleteUser"`)},
		{"", requestInfo, body(other)},
		{"", requestInfo, body(`{"fullMethod":"/demo.user.v1.UserService/CreateUser","instanceID":"default","orgID":"demo","request":{"username":"eve"}}`)},
		{"", addMetadata, body(`{"department":"sales"}`)},
		{"", updatedUser, body(`{"username":"ada"}`)},
		{"", updatedUser, body(string(encode(newcomer)))},
		{"", storeEvents, body(`{"username":"ada"}`)},
		{"", findEvent, body(`"user.removed"`)},
		{"", eventStored, body(`0`)},
		{"", sendEvent, body(`{"event_type":"user.added","aggregateID":"somebody else","resourceOwner":"demo"}`)},
		{"", sendEvent, body(`{"event_type":"user.added","aggregateID":"` + forgedID + `","resourceOwner":"demo","event_payload":{}}`)},
		{"", sendEvent, body(`no json`)},
		{"", storeUser, body(`{"id":"somebody else"}`)},
		{"", hookOK, status500},
		{"", findResponse, body(`""`)},
		{"", responseInfo, body(other)},
		{"", responseInfo, body(`{"fullMethod":"/demo.user.v1.UserService/CreateUser","instanceID":"default","orgID":"demo","request":{},"response":{}}`)},
		{"", clientOK, func(s *Step) { s.Status = 200 }},
		{"", clientOK, body(`{"id":"somebody else"}`)},
		{"", logUserID, body(`"somebody else"`)},
		{BreakMetadata, metadataFails, func(s *Step) { s.Status = 200 }},
		{BreakMetadata, refuseClient, status500},
		{BreakHook, hookFails, func(s *Step) { s.Status = 204 }},
		{BreakHook, deadLetter, body(`{"target":"UserAddedHook","attempts":3,"last_status":400,"reason":"status"}`)},
		{BreakHook, deadLetter, body(`{"target":"UserAddedHook","attempts":1,"last_status":400}`)},
	} {
		t.Run(c.arrow.String(), func(t *testing.T) {
			steps := forge(c.broken)
			at := slices.IndexFunc(steps, func(s Step) bool { return s.Arrow == c.arrow })
			c.change(&steps[at])
			requireStep(t, check(steps, plan(c.broken), time.Second), c.arrow.String(), "wrong content")
		})
	}
}

func body(raw string) func(*Step) { return func(s *Step) { s.Body = json.RawMessage(raw) } }

func status500(s *Step) { s.Status = 500 }

func TestAStepTooManyIsNamed(t *testing.T) {
	t.Parallel()
	wants := plan(BreakNothing)
	again := forge(BreakNothing)
	again = append(again, last(again)(sendEvent))
	requireStep(t, check(again, wants, time.Second), sendEvent.String(), "twice")

	retried := forge(BreakNothing)
	retried = append(retried, Step{Arrow: sendEvent, Attempt: 2})
	requireStep(t, check(retried, wants, time.Second), sendEvent.String()+" (attempt 2)", "should not have happened")

	stored := append(forge(BreakMetadata), Step{Arrow: storeEvents})
	requireStep(t, check(stored, plan(BreakMetadata), time.Second), storeEvents.String(), "should not have happened")
}

// The failure that explains a missing step is given with it.
func TestTheCauseOfAMissingStep(t *testing.T) {
	t.Parallel()
	steps := slices.DeleteFunc(forge(BreakNothing), func(s Step) bool { return s.Arrow == storeUser || s.Arrow == hookOK })
	steps = append(steps,
		Step{Arrow: ldapFails, Attempt: 1, Detail: "connection refused"},
		Step{Arrow: hookFails, Attempt: 1, Detail: "503 Service Unavailable"})
	err := check(steps, plan(BreakNothing), 8*time.Second)
	require.EqualError(t, err, "step UserAddedHook->>LDAP: Store new user: it did not happen within 8s; "+
		"UserAddedHook--xLDAP: Store new user (connection refused)")

	steps = slices.DeleteFunc(steps, func(s Step) bool { return s.Arrow == hookOK || s.Arrow == clientOK })
	steps = append(steps, Step{Arrow: refuseClient, Detail: "503"})
	steps = slices.Insert(steps, 2, Step{Arrow: unsigned(AddMetadata), Detail: "stale"})
	steps = slices.DeleteFunc(steps, func(s Step) bool { return s.Arrow == requestInfo })
	err = check(steps, plan(BreakNothing), 0)
	require.EqualError(t, err, "step Core->>AddMetadataToUser: request info: it did not happen; "+
		"AddMetadataToUser--xCore: signature refused (stale)", "the first failure, where none is on the way")
}

// Background parties are ordered among themselves and behind what set them
// going, and not otherwise: any order with that holds.
func TestAnyOrderThatKeepsThePromisesHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		broken := rapid.SampledFrom(everyBreak).Draw(rt, "broken")
		wants, forged := plan(broken), forge(broken)
		var steps []Step
		done := map[key]bool{}
		for len(steps) < len(wants) {
			var ready []int
			for i, w := range wants {
				if !done[w.key] && !slices.ContainsFunc(w.after, func(k key) bool { return !done[k] }) {
					ready = append(ready, i)
				}
			}
			i := rapid.SampledFrom(ready).Draw(rt, "next")
			done[wants[i].key] = true
			steps = append(steps, forged[i])
		}
		require.NoError(rt, check(steps, wants, time.Second))
	})
}

// The client's answer is not ordered against the hook, but the async target's
// end is behind it.
func TestTheAnswerWaitsForNobody(t *testing.T) {
	t.Parallel()
	steps := forge(BreakNothing)
	answer := slices.IndexFunc(steps, func(s Step) bool { return s.Arrow == clientOK })
	hook := slices.IndexFunc(steps, func(s Step) bool { return s.Arrow == sendEvent })
	early := slices.Clone(steps)
	moved := early[answer]
	early = slices.Delete(early, answer, answer+1)
	early = append(early, moved)
	requireStep(t, check(early, plan(BreakNothing), time.Second), logUserID.String(), "before "+clientOK.String())

	late := slices.Clone(steps)
	background := slices.Clone(late[hook : hook+3])
	late = append(slices.Delete(late, hook, hook+3), background...)
	require.NoError(t, check(late, plan(BreakNothing), time.Second))
}

func requireStep(t *testing.T, err error, step, why string) {
	t.Helper()
	var fault *StepError
	require.True(t, errors.As(err, &fault), "no step is named: %v", err)
	require.Equal(t, step, fault.Step)
	require.Contains(t, fault.Why, why)
}
