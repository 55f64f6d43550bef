package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-ldap/ldap/v3"

	"github.com/callout-hq/callout/pkg/bus/letters"
)

// prove checks what no arrow shows: what is left behind in LDAP, in the event
// store and in the streams once all is over.
func (s *stage) prove(ctx context.Context, steps []Step) ([]proof, error) {
	proofs := []proof{{fmt.Sprintf("%d steps, each once, in order, with the right content", len(steps)), ""}}
	for _, check := range []func(context.Context, []Step) (proof, error){
		s.proveSignatures, s.proveNoWaiting, s.proveStore, s.proveLDAP, s.proveDeadLetters, s.proveToken,
	} {
		p, err := check(ctx, steps)
		if err != nil {
			return nil, err
		}
		if p.Name != "" {
			proofs = append(proofs, p)
		}
	}
	return proofs, nil
}

func (s *stage) proveSignatures(_ context.Context, steps []Step) (proof, error) {
	asked := 0
	for _, st := range steps {
		if slices.Contains([]Arrow{requestInfo, sendEvent, responseInfo}, st.Arrow) {
			asked++
		}
	}
	if got := int(s.verified.Load()); got != asked {
		return proof{}, fmt.Errorf("the targets verified %d requests and drew %d", got, asked)
	}
	return proof{"the targets verified both signatures of every request", fmt.Sprintf("requests: %d", asked)}, nil
}

// proveNoWaiting shows the times behind what check has found already: the
// client's answer came before the async target was done.
func (s *stage) proveNoWaiting(_ context.Context, steps []Step) (proof, error) {
	if s.o.Break == BreakMetadata {
		return proof{}, nil
	}
	answer, done := last(steps)(clientOK), last(steps)(logUserID)
	return proof{
		"the client did not wait for ResponseStateAsyncHook",
		fmt.Sprintf("answered at %s ms, the hook was at work until %s ms", millis(answer.At), millis(done.At)),
	}, nil
}

func (s *stage) proveStore(context.Context, []Step) (proof, error) {
	want := 1
	p := proof{"the core's event store holds the event", userAdded}
	if s.o.Break == BreakMetadata {
		want, p = 0, proof{"nothing was stored, no event was published", ""}
	}
	if got := s.core.store.count(); got != want {
		return p, &StepError{Step: storeEvents.String(), Why: fmt.Sprintf("the event store holds %d events instead of %d", got, want)}
	}
	return p, nil
}

// proveLDAP reads the user back over a connection of its own.
func (s *stage) proveLDAP(ctx context.Context, steps []Step) (proof, error) {
	var u User
	_ = json.Unmarshal(last(steps)(storeEvents).Body, &u) // none under --break metadata
	entry, err := s.dirs.load(ctx, newcomer.Username)
	if s.o.Break == BreakMetadata || s.o.Break == BreakHook {
		return s.proveAbsent(u, entry, err)
	}
	if err != nil {
		return proof{}, &StepError{Step: storeUser.String(), Why: "the entry cannot be read back: " + ldapFault(err)}
	}
	for _, a := range userAttributes(u) {
		if got := entry.GetEqualFoldAttributeValues(a.name); !slices.Equal(got, a.values) {
			return proof{}, &StepError{Step: storeUser.String(), Why: fmt.Sprintf("%s was read back as %q instead of %q", a.name, got, a.values)}
		}
	}
	return proof{"the LDAP entry was read back over a connection of its own", entry.DN}, nil
}

// proveAbsent wants no entry of this user; one of an earlier run in a server of
// the viewer's own has another id.
func (s *stage) proveAbsent(u User, entry *ldap.Entry, err error) (proof, error) {
	absent := proof{"the user is not in LDAP", ""}
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject):
		return absent, nil
	case err != nil:
		return absent, fmt.Errorf("LDAP cannot be read: %w", err)
	case u.ID != "" && entry.GetEqualFoldAttributeValue("employeeNumber") == u.ID, s.o.LDAP.URL == "":
		return absent, &StepError{Step: storeUser.String(), Why: "the user is in LDAP and should not be"}
	}
	return absent, nil
}

func (s *stage) proveDeadLetters(ctx context.Context, _ []Step) (proof, error) {
	b, err := s.connectBus(ctx)
	if err != nil {
		return proof{}, err
	}
	defer b.Close()
	kept, err := letters.Of(b.Instance(instance)).All(ctx)
	if err != nil {
		return proof{}, fmt.Errorf("the dead letters cannot be read: %w", err)
	}
	want, p := 0, proof{"no dead letter is left", ""}
	if s.o.Break == BreakHook {
		want, p = 1, proof{"exactly one dead letter is kept, with its reason", ""}
	}
	if len(kept) != want {
		return p, &StepError{Step: deadLetter.String(), Why: fmt.Sprintf("%d dead letters instead of %d", len(kept), want)}
	}
	return p, nil
}
