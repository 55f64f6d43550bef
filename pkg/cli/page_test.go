package cli_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPages: more than one page is shown whole, in every form.
func TestPages(t *testing.T) {
	t.Parallel()
	_, callout := unconfigured(t)
	const many = 2100
	var file strings.Builder
	file.WriteString("targets:\n")
	for i := range many {
		_, _ = fmt.Fprintf(&file, "  t%d: {type: webhook, url: https://hooks.example.com/%d}\n", i, i)
	}
	file.WriteString("functions:\n")
	for i := range many {
		_, _ = fmt.Fprintf(&file, "  f%d: {targets: [{target: t%d}]}\n", i, i)
	}
	require.Zero(t, callout(file.String(), "apply", "-f", "-").code)
	for _, kind := range []string{"targets", "executions"} {
		names := callout("", "get", kind, "-o", "name")
		require.Equal(t, many, strings.Count(names.out, "\n"), kind)
		table := callout("", "get", kind)
		require.Equal(t, many+1, strings.Count(table.out, "\n"), kind)
		require.Equal(t, many, strings.Count(callout("", "get", kind, "--json").out, `{"`+map[string]string{"targets": "name", "executions": "phase"}[kind]+`":"`), kind)
		whole := callout("", "get", kind, "-o", "yaml")
		require.Equal(t, result{0, "instance default: nothing to change, revision 2 is in force\n", ""},
			withoutWarnings(callout(whole.out, "apply", "-f", "-")), kind)
	}
	require.Equal(t, 0, callout("", "get", "targets", "t0", "t2099", "-o", "name").code)
}

func withoutWarnings(r result) result {
	r.err = ""
	return r
}
