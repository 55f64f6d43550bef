package zitadel_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/node"
)

// BenchmarkLarge asks a node that has 10,000 targets and 10,000 executions.
func BenchmarkLarge(b *testing.B) {
	const many = 10000
	var targets, requests strings.Builder
	for i := range many {
		fmt.Fprintf(&targets, "  t%d: {type: webhook, url: 'https://hooks.example.com/%d'}\n", i, i)
		fmt.Fprintf(&requests, "  /s.S/M%d: {targets: [{target: t%d}]}\n", i, i)
	}
	n := run(b, "targets:\n"+targets.String()+"requests:\n"+requests.String(), func(o *node.Options) { o.Log = zerolog.Nop() })
	url := n.HTTPURL() + "/v2/actions/"
	for _, q := range []struct{ name, path, body string }{
		{"a page of targets", "targets/search", `{}`},
		{"one target by name", "targets/search", `{"filters":[{"targetNameFilter":{"targetName":"t77"}}]}`},
		{"a page of executions", "executions/search", `{}`},
		{"one execution by condition", "executions/search", `{"filters":[{"inConditionsFilter":{"conditions":[{"request":{"method":"/s.S/M77"}}]}}]}`},
	} {
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				status, answer := ask(b, "POST", url+q.path, q.body, nil)
				require.Equal(b, 200, status, answer)
			}
		})
	}
}
