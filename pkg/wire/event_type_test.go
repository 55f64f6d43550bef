package wire_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// eventTypes draws types of every letter that they may have, and often of few.
func eventTypes() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[ab=/:]{1,3}(\.[ab2F=/:]{1,4}){0,3}`),
		rapid.Map(rapid.SliceOfN(rapid.StringN(1, 6, -1), 1, 4), func(s []string) string { return strings.Join(s, ".") }),
	).Filter(func(s string) bool { return action.CheckEventType(s) == nil })
}

var spelledOut = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// stored is the subject under which the stream stores what is published under
// another: the aggregate's token becomes three.
func stored(subject string) string {
	tokens := strings.Split(subject, ".")
	return strings.Join(append([]string{tokens[0], tokens[1], tokens[2], "1", "5", "21", tokens[3]}, tokens[5:]...), ".")
}

// TestTypesAreUnlike: no two types have one subject, each is read back, and one of
// letters, digits, _ and - stands in its subject as it is.
func TestTypesAreUnlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := eventTypes().Draw(t, "a"), eventTypes().Draw(t, "b")
		ofA, err := wire.EventSubject("i", "o", "u1", a)
		require.NoError(t, err)
		ofB, err := wire.EventSubject("i", "o", "u1", b)
		require.NoError(t, err)
		require.Equal(t, a == b, ofA == ofB, "%q and %q", a, b)
		require.Regexp(t, `^[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)*$`, ofA)
		at, err := wire.ParseStoredEvent(stored(ofA))
		require.NoError(t, err)
		require.Equal(t, a, at.Type)
		if spelledOut.MatchString(a) {
			require.Equal(t, "callout.event.i.o.u1."+a, ofA)
		}
	})
}

// TestFiltersAreExact: the filter of a line takes the types that its condition
// covers, and no others.
func TestFiltersAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind, base := eventTypes().Draw(t, "type"), eventTypes().Draw(t, "condition")
		if rapid.Bool().Draw(t, "near") {
			base = strings.Join(strings.Split(kind, ".")[:1], ".")
		}
		subject, err := wire.EventSubject("i", "o", "u1", kind)
		require.NoError(t, err)
		for match, want := range map[string]bool{base: kind == base, base + ".*": strings.HasPrefix(kind, base+"."), "*": true} {
			condition, err := action.ParseCondition(action.OnEvent, match)
			require.NoError(t, err)
			require.Equal(t, want, covers(wire.LineFilter("i", "", condition, 0, 1), stored(subject)), "%q on %q", match, kind)
			attempt := wire.AttemptSubject("i", "d", "hook", "o", action.OnEvent, kind)
			require.Equal(t, want, covers(wire.AttemptFilter("i", "d", "hook", "o", match), attempt), "attempts of %q on %q", match, kind)
		}
	})
}

// TestOneTypeHasOneSpelling: another one in a subject is malformed, so that it cannot
// pass by the filters that were made for its type.
func TestOneTypeHasOneSpelling(t *testing.T) {
	for _, kind := range []string{"orders/create", "=61", "a.=", "=.a", "=2F", "a=2Eb", "=2E", "a.=2A", "=3E", "a=20b", "=2Fa", "=2f", "a=", "ü", "*", ">", "=C3", "a=0Ab"} {
		at, err := wire.ParseStoredEvent("callout.event.i.1.5.21.o." + kind)
		requireField(t, err, "subject")
		require.Equal(t, kind, at.Type, "so that the lines that it lies in are found")
	}
	at, err := wire.ParseStoredEvent("callout.event.i.1.5.21.o.orders=2Fcreate")
	require.NoError(t, err)
	require.Equal(t, "orders/create", at.Type)
}
