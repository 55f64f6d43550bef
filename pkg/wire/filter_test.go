package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

func TestLineFilter(t *testing.T) {
	for _, c := range []struct {
		instance, org, match string
		lane, lanes          int
		want                 string
	}{
		{"i", "", "user.added", 0, 1, "callout.event.i.*.*.*.*.user.added"},
		{"i", "", "user.added", 3, 4, "callout.event.i.3.*.*.*.user.added"},
		{"i", "", "user.added", 7, 16, "callout.event.i.*.7.*.*.user.added"},
		{"i", "", "user.added", 0, 64, "callout.event.i.*.*.0.*.user.added"},
		{"i", "", "user.*", 0, 1, "callout.event.i.*.*.*.*.user.>"},
		{"i", "", "user.*", 3, 4, "callout.event.i.3.*.*.*.user.>"},
		{"i", "", "user.human.*", 15, 16, "callout.event.i.*.15.*.*.user.human.>"},
		{"i", "", "user.*", 63, 64, "callout.event.i.*.*.63.*.user.>"},
		{"i", "", "*", 0, 1, "callout.event.i.*.*.*.*.>"},
		{"i", "", "*", 0, 4, "callout.event.i.0.*.*.*.>"},
		{"i", "", "*", 12, 16, "callout.event.i.*.12.*.*.>"},
		{"i", "", "*", 41, 64, "callout.event.i.*.*.41.*.>"},
		{"i", "acme", "user.added", 0, 1, "callout.event.i.*.*.*.acme.user.added"},
		{"i", "ac.me", "user.*", 7, 16, "callout.event.i.*.7.*.ac=2Eme.user.>"},
		{"a*b", "ü", "*", 2, 4, "callout.event.a=2Ab.2.*.*.=C3=BC.>"},
	} {
		condition, err := action.ParseCondition(action.OnEvent, c.match)
		require.NoError(t, err)
		require.Equal(t, c.want, wire.LineFilter(c.instance, c.org, condition, c.lane, c.lanes))
	}
}

// covers tells whether a filter takes a subject in, as NATS reads filters.
func covers(filter, subject string) bool {
	want, have := strings.Split(filter, "."), strings.Split(subject, ".")
	for i, w := range want {
		if w == ">" {
			return len(have) > i
		}
		if i >= len(have) || (w != "*" && w != have[i]) {
			return false
		}
	}
	return len(want) == len(have)
}

func TestAFilterTakesWhatItsConditionNames(t *testing.T) {
	const at = "callout.event.i.1.5.21."
	for _, c := range []struct {
		org, match, owner, kind string
		want                    bool
	}{
		{"", "user.*", "acme", "user.added", true},
		{"", "user.*", "acme", "user.human.added", true},
		{"", "user.*", "acme", "usergrant.added", false},
		{"", "user.*", "acme", "user", false},
		{"", "user.added", "acme", "user.added", true},
		{"", "user.added", "acme", "user.added.again", false},
		{"", "*", "acme", "x", true},
		{"acme", "*", "acme", "x.y", true},
		{"acme", "*", "acme2", "x.y", false},
		{"acme", "*", "", "x.y", false},
	} {
		filter := wire.LineFilter("i", c.org, action.Condition{Phase: action.OnEvent, Match: c.match}, 21, 64)
		require.Equal(t, c.want, covers(filter, at+wire.Token(c.owner)+"."+c.kind), "%s of %q on %s of %q", c.match, c.org, c.kind, c.owner)
	}
}
