package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
)

// lookup gives the last step of an arrow, for contents that must agree.
type lookup func(Arrow) Step

// contents say what must have been sent or answered along an arrow.
var contents = map[Arrow]func(s Step, seen lookup) error{
	findRequest:   method,
	findResponse:  method,
	requestInfo:   aboutTheSentUser,
	addMetadata:   theMetadata,
	updatedUser:   theSentUserWithMetadata,
	storeEvents:   theChangedUserWithID,
	findEvent:     func(s Step, _ lookup) error { return equal("event type", s.Body, encode(userAdded)) },
	eventStored:   aSequence,
	sendEvent:     theStoredEvent,
	storeUser:     theID,
	hookOK:        status(http.StatusOK),
	responseInfo:  theResponse,
	clientOK:      theAnswer,
	logUserID:     func(s Step, seen lookup) error { return equal("user id", s.Body, encode(userID(seen))) },
	metadataFails: status(http.StatusInternalServerError),
	refuseClient:  status(action.CodeStatus.Status()),
	hookFails:     aFailure,
	deadLetter:    theDeadLetter,
}

func method(s Step, _ lookup) error {
	return equal("method", s.Body, encode(createUserMethod))
}

// info is the body of a request or response call, as far as it is looked at.
type info struct {
	FullMethod string          `json:"fullMethod"`
	InstanceID string          `json:"instanceID"`
	OrgID      string          `json:"orgID"`
	Request    json.RawMessage `json:"request"`
	Response   json.RawMessage `json:"response"`
}

func readInfo(s Step) (info, error) {
	var in info
	if err := json.Unmarshal(s.Body, &in); err != nil {
		return in, fmt.Errorf("the body does not parse: %w", err)
	}
	if in.FullMethod != createUserMethod || in.InstanceID != instance || in.OrgID != organization {
		return in, fmt.Errorf("it is about %s of instance %q, org %q", in.FullMethod, in.InstanceID, in.OrgID)
	}
	return in, nil
}

func aboutTheSentUser(s Step, seen lookup) error {
	in, err := readInfo(s)
	if err != nil {
		return err
	}
	return equal("request", in.Request, seen(createUser).Body)
}

func theMetadata(s Step, _ lookup) error {
	return equal("metadata", s.Body, encode(addedMetadata))
}

func theSentUserWithMetadata(s Step, seen lookup) error {
	var sent map[string]any
	if err := json.Unmarshal(seen(createUser).Body, &sent); err != nil {
		return err
	}
	sent["metadata"] = addedMetadata
	return equal("changed user", s.Body, encode(sent))
}

func theChangedUserWithID(s Step, seen lookup) error {
	id := userID(seen)
	if id == "" {
		return errors.New("the stored user has no id")
	}
	var changed map[string]any
	if err := json.Unmarshal(seen(updatedUser).Body, &changed); err != nil {
		return err
	}
	changed["id"] = id
	return equal("stored user", s.Body, encode(changed))
}

func aSequence(s Step, _ lookup) error {
	var seq uint64
	if json.Unmarshal(s.Body, &seq) != nil || seq == 0 {
		return fmt.Errorf("stream sequence %s", s.Body)
	}
	return nil
}

func theStoredEvent(s Step, seen lookup) error {
	var e action.Event
	if err := json.Unmarshal(s.Body, &e); err != nil {
		return fmt.Errorf("the body does not parse: %w", err)
	}
	if e.Type != userAdded || e.AggregateID != userID(seen) || e.ResourceOwner != organization {
		return fmt.Errorf("it is %s of aggregate %q, org %q", e.Type, e.AggregateID, e.ResourceOwner)
	}
	return equal("payload", e.Payload, seen(storeEvents).Body)
}

func theID(s Step, seen lookup) error {
	var stored struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(s.Body, &stored); err != nil {
		return err
	}
	return equal("user id", encode(stored.ID), encode(userID(seen)))
}

func theResponse(s Step, seen lookup) error {
	in, err := readInfo(s)
	if err != nil {
		return err
	}
	return errors.Join(
		equal("request", in.Request, seen(updatedUser).Body),
		equal("response", in.Response, seen(storeEvents).Body),
	)
}

func theAnswer(s Step, seen lookup) error {
	return errors.Join(
		status(http.StatusCreated)(s, seen),
		equal("answer", s.Body, seen(storeEvents).Body),
	)
}

func theDeadLetter(s Step, _ lookup) error {
	var d action.DeadLetter
	if err := json.Unmarshal(s.Body, &d); err != nil {
		return err
	}
	if d.Target != string(UserAddedHook) || d.Attempts != 1 || d.LastStatus != http.StatusBadRequest || d.Reason == "" {
		return fmt.Errorf("it names target %q, reason %q, %d attempts, last status %d", d.Target, d.Reason, d.Attempts, d.LastStatus)
	}
	return nil
}

func status(want int) func(Step, lookup) error {
	return func(s Step, _ lookup) error {
		if s.Status != want {
			return fmt.Errorf("status %d instead of %d", s.Status, want)
		}
		return nil
	}
}

func aFailure(s Step, _ lookup) error {
	if s.Status < 400 {
		return fmt.Errorf("status %d is no failure", s.Status)
	}
	return nil
}

// userID is the id the core gave the user when it stored it.
func userID(seen lookup) string {
	var u User
	_ = json.Unmarshal(seen(storeEvents).Body, &u) // a missing step has no id
	return u.ID
}

// equal compares two JSON texts by value and names a member that differs.
func equal(what string, got, want json.RawMessage) error {
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		return fmt.Errorf("the %s does not parse: %w", what, err)
	}
	if err := json.Unmarshal(want, &b); err != nil {
		return fmt.Errorf("there is nothing to compare the %s with", what)
	}
	if reflect.DeepEqual(a, b) {
		return nil
	}
	x, isObject := a.(map[string]any)
	y, alsoObject := b.(map[string]any)
	if !isObject || !alsoObject {
		return fmt.Errorf("the %s is %s instead of %s", what, clean(string(got)), clean(string(want)))
	}
	for _, name := range slices.Sorted(maps.Keys(y)) {
		if !reflect.DeepEqual(x[name], y[name]) {
			return fmt.Errorf("the %s has another %s", what, name)
		}
	}
	return fmt.Errorf("the %s has members it should not have", what)
}
