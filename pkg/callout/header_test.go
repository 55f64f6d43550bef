package callout

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

func TestHeadersThatTargetsSee(t *testing.T) {
	t.Parallel()
	all := map[string][]string{"Authorization": {"secret"}, "Cookie": {"secret"}, "X-Team": {"red", "blue"}, "x-region": {"eu"}, "X-Teams": {"no"}}
	for _, row := range []struct {
		name    string
		allowed []string
		want    map[string][]string
	}{
		{"none by default", nil, nil},
		{"named, in any case", []string{"x-tEAM", "X-Region"}, map[string][]string{"X-Team": {"red", "blue"}, "X-Region": {"eu"}}},
		{"absent", []string{"X-Absent"}, nil},
		{"credentials when they are named", []string{"authorization"}, map[string][]string{"Authorization": {"secret"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			names, err := headerNames(row.allowed)
			require.NoError(t, err)
			got, err := (&Client{headers: names}).visible(all)
			require.NoError(t, err)
			require.Equal(t, row.want, got)
		})
	}
}

// TestHeadersAreBounded counts only what would go out.
func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	url, bodies := newTarget(t, "")
	n, _ := startNode(t, url, "targets: {it: {type: webhook, url: HOOK}}\nrequests: {'*': {targets: [{target: it}]}}", nil)
	client := connect(t, Options{URL: n.NATSURL(), Headers: []string{"X-Team"}})
	call := Call{Method: "/t.S/M", Request: []byte(`{}`), Headers: map[string][]string{
		"X-Team": {strings.Repeat("a", action.MaxHeaderBytes-len("X-Team"))}, "X-Other": {strings.Repeat("b", action.MaxHeaderBytes)}}}
	result, err := client.Request(within(t, 5*time.Second), call)
	require.NoError(t, err)
	require.Equal(t, action.Continue, result.Outcome)
	require.Len(t, bodies(), 1)
	require.NotContains(t, bodies()[0], "X-Other")
	call.Headers["X-Team"][0] += "a"
	_, err = client.Request(within(t, 5*time.Second), call)
	var e *action.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, []any{action.CodeTooLarge, "headers"}, []any{e.Code, e.Field})
	require.Len(t, bodies(), 1, "too much is an error, not cut")
}
