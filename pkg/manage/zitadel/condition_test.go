package zitadel

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// TestConditions: what is written is read back to the same.
func TestConditions(t *testing.T) {
	for _, tt := range []struct {
		json  string
		phase calloutv1.Phase
		match string
	}{
		{`{"request":{"method":"/a.b.S/M"}}`, calloutv1.Phase_PHASE_REQUEST, "/a.b.S/M"},
		{`{"request":{"service":"a.b.S"}}`, calloutv1.Phase_PHASE_REQUEST, "a.b.S"},
		{`{"request":{"all":true}}`, calloutv1.Phase_PHASE_REQUEST, "*"},
		{`{"response":{"method":"/a.b.S/M"}}`, calloutv1.Phase_PHASE_RESPONSE, "/a.b.S/M"},
		{`{"response":{"service":"S"}}`, calloutv1.Phase_PHASE_RESPONSE, "S"},
		{`{"response":{"all":true}}`, calloutv1.Phase_PHASE_RESPONSE, "*"},
		{`{"function":{"name":"preuserinfo"}}`, calloutv1.Phase_PHASE_FUNCTION, "preuserinfo"},
		{`{"event":{"event":"user.human.added"}}`, calloutv1.Phase_PHASE_EVENT, "user.human.added"},
		{`{"event":{"group":"user.human"}}`, calloutv1.Phase_PHASE_EVENT, "user.human.*"},
		{`{"event":{"all":true}}`, calloutv1.Phase_PHASE_EVENT, "*"},
	} {
		t.Run(tt.json, func(t *testing.T) {
			var c condition
			require.NoError(t, decode([]byte(tt.json), &c))
			got, err := c.read("condition")
			require.NoError(t, err)
			require.Equal(t, place{tt.phase, tt.match}, got)
			require.Equal(t, tt.json, string(encode(conditionOf(&calloutv1.Execution{Phase: tt.phase, Condition: tt.match}))))
		})
	}
	var group condition
	require.NoError(t, decode([]byte(`{"event":{"group":"user.*"}}`), &group))
	got, err := group.read("condition")
	require.NoError(t, err)
	require.Equal(t, "user.*", got.match, "a group may be written as here")
}

// TestNoConditions: each is refused, and what would mean something else here is
// among them.
func TestNoConditions(t *testing.T) {
	for json, says := range map[string]string{
		`{}`:                        "one of request, response, function and event",
		`{"request":null}`:          "one of request, response, function and event",
		`{"request":{"all":false}}`: "condition.request",
		`{"request":{"all":true,"method":"/s.S/M"}}`:     "condition.request",
		`{"response":{"service":"*"}}`:                   "condition.response.service",
		`{"response":{"service":"/s.S/M"}}`:              "condition.response.service",
		`{"response":{"method":"s.S"}}`:                  "condition.response.method",
		`{"response":{"method":"*"}}`:                    "condition.response.method",
		`{"function":{}}`:                                "condition.function.name",
		`{"event":{}}`:                                   "condition.event",
		`{"event":{"event":"*"}}`:                        "condition.event.event",
		`{"event":{"event":"user.*"}}`:                   "condition.event.event",
		`{"event":{"group":"*"}}`:                        "condition.event.group",
		`{"event":{"group":".*"}}`:                       "condition.event.group",
		`{"event":{"event":"a","group":"b"}}`:            "condition.event",
		`{"event":{"all":true},"function":{"name":"f"}}`: "one of request, response, function and event",
	} {
		t.Run(json, func(t *testing.T) {
			var c condition
			require.NoError(t, decode([]byte(json), &c))
			_, err := c.read("condition")
			require.ErrorContains(t, err, says)
		})
	}
}

// TestPages: the pages of a list are the list, in order, without gap or double.
func TestPages(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type item struct{ by, key int }
		n := rapid.IntRange(0, 50).Draw(rt, "items")
		all := make([]item, n)
		for i := range all {
			all[i] = item{rapid.IntRange(0, 5).Draw(rt, "by"), i}
		}
		p := pagination{Limit: number(rapid.IntRange(0, 20).Draw(rt, "limit")), Asc: rapid.Bool().Draw(rt, "asc")}
		by := func(a, b item) int { return cmp.Compare(a.by, b.by) }
		var got []item
		for len(got) <= n {
			page, answer := pageOf(p, slices.Clone(all), by, func(i item) string { return fmt.Sprintf("%03d", i.key) })
			require.Equal(rt, number(n), answer.TotalResult)
			require.Equal(rt, cmp.Or(p.Limit, defaultLimit), answer.AppliedLimit)
			if len(page) == 0 {
				break
			}
			require.LessOrEqual(rt, len(page), int(answer.AppliedLimit))
			got = append(got, page...)
			p.Offset += number(len(page))
		}
		want := slices.SortedFunc(slices.Values(all), func(a, b item) int { return cmp.Or(by(a, b), cmp.Compare(a.key, b.key)) })
		if !p.Asc {
			slices.Reverse(want)
		}
		require.True(rt, slices.Equal(want, got))
	})
}

// TestNames: every way of comparing a name.
func TestNames(t *testing.T) {
	const name = "Audit Log"
	for i, method := range textMethods {
		for _, tt := range []struct {
			text string
			fits string // one digit a method, in their order
		}{
			{"Audit Log", "11111111"}, {"audit log", "01010101"}, {"Audit", "00111100"}, {"AUDIT", "00010100"},
			{"dit", "00001100"}, {"DIT", "00000100"}, {"Log", "00001111"}, {"LOG", "00000101"}, {"other", "00000000"},
		} {
			filter := targetNameFilter{tt.text, textMethod(i)}
			require.Equal(t, tt.fits[i] == '1', filter.fits(&calloutv1.Target{Name: name}), "%s %q", method, tt.text)
		}
	}
}

// TestTargetOrders: every column sorts by what it is called.
func TestTargetOrders(t *testing.T) {
	at := func(n int64) *timestamppb.Timestamp { return &timestamppb.Timestamp{Seconds: n} }
	lasts := func(n int64) *durationpb.Duration { return &durationpb.Duration{Seconds: n} }
	pairs := map[string][2]*calloutv1.Target{
		"TARGET_FIELD_NAME_UNSPECIFIED":        {{CreateTime: at(1)}, {CreateTime: at(2)}},
		"TARGET_FIELD_NAME_ID":                 {{Id: "a"}, {Id: "b"}},
		"TARGET_FIELD_NAME_CREATED_DATE":       {{CreateTime: at(1)}, {CreateTime: at(2)}},
		"TARGET_FIELD_NAME_CHANGED_DATE":       {{UpdateTime: at(1)}, {UpdateTime: at(2)}},
		"TARGET_FIELD_NAME_NAME":               {{Name: "a"}, {Name: "b"}},
		"TARGET_FIELD_NAME_TARGET_TYPE":        {{Type: "webhook"}, {Type: "call"}},
		"TARGET_FIELD_NAME_URL":                {{Url: "https://a"}, {Url: "https://b"}},
		"TARGET_FIELD_NAME_TIMEOUT":            {{Timeout: lasts(9)}, {Timeout: lasts(10)}},
		"TARGET_FIELD_NAME_INTERRUPT_ON_ERROR": {{}, {InterruptOnError: true}},
	}
	require.Len(t, targetOrders, len(targetFields))
	for i, field := range targetFields {
		less, more := pairs[field][0], pairs[field][1]
		require.Equal(t, []int{-1, 1, 0}, []int{targetOrders[i](less, more), targetOrders[i](more, less), targetOrders[i](less, less)}, field)
	}
	require.Len(t, executionOrders, len(executionFields))
	require.Len(t, phaseOf, len(executionTypes))
}
