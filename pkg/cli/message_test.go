package cli

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
)

var (
	aText     = rapid.StringMatching(`[a-z_/. -]{1,12}`)
	aDuration = rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.IntRange(1, 1e6).Draw(t, "ms")) * time.Millisecond
	})
	aTarget = rapid.Custom(func(t *rapid.T) action.Target {
		target := action.Target{
			Name: aText.Draw(t, "name"), URL: "https://a.example/" + aText.Draw(t, "path"),
			Kind:    rapid.SampledFrom([]action.Kind{action.Webhook, action.CallOut, action.Async}).Draw(t, "kind"),
			Timeout: aDuration.Draw(t, "timeout"), InterruptOnError: rapid.Bool().Draw(t, "interrupts"),
			Mapping: rapid.SampledFrom([]action.Mapping{action.Merge, action.Replace}).Draw(t, "mapping"),
			Lanes:   rapid.SampledFrom([]int{1, 4, 16, 64}).Draw(t, "lanes"), Concurrency: rapid.IntRange(0, 99).Draw(t, "concurrency"),
			MaxAnswer: rapid.IntRange(0, 99).Draw(t, "max answer"), NoKeepAlive: rapid.Bool().Draw(t, "no keep-alive"), IdleTime: rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "idle time"),
			TLS:    action.TLS{CA: rapid.SampledFrom([]string{"", "pem"}).Draw(t, "ca"), ServerName: rapid.SampledFrom([]string{"", "a"}).Draw(t, "name"), MinVersion: rapid.SampledFrom([]string{"", "1.3"}).Draw(t, "version")},
			Paused: rapid.Bool().Draw(t, "paused"),
			Retry: action.Retry{Initial: aDuration.Draw(t, "initial"), Max: aDuration.Draw(t, "max"), MaxAge: aDuration.Draw(t, "max age"),
				Attempts: rapid.IntRange(0, 1000).Draw(t, "attempts")},
			Signatures: rapid.SampledFrom([][]action.Signature{{action.SignZitadel}, {action.SignStandard}, {action.SignZitadel, action.SignStandard}}).Draw(t, "signatures"),
		}
		if rapid.Bool().Draw(t, "more") {
			target.Allow = []string{"/" + aText.Draw(t, "allow")}
			target.Headers = map[string]string{"X-A": aText.Draw(t, "header")}
			target.Labels = map[string]string{"a": aText.Draw(t, "label")}
			target.SigningKey = rapid.SampledFrom([]action.KeySource{{Env: "A"}, {File: "/a"}}).Draw(t, "key")
			target.Rate = action.Rate{N: rapid.IntRange(1, 99).Draw(t, "n"), Per: rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(t, "per")}
			target.Breaker = action.Breaker{Failures: 5, Open: aDuration.Draw(t, "open")}
			target.Egress = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
		}
		return target
	})
	anExecution = rapid.Custom(func(t *rapid.T) action.Execution {
		e := action.Execution{Name: aText.Draw(t, "name"), Match: rapid.SampledFrom([]string{"", "user.added", "*"}).Draw(t, "condition"),
			OnUnavailable: rapid.SampledFrom([]action.OnUnavailable{"", action.UnavailableFail}).Draw(t, "on unavailable"),
			OnExhausted:   rapid.SampledFrom([]action.OnExhausted{"", action.ExhaustedStop}).Draw(t, "on exhausted")}
		if rapid.Bool().Draw(t, "stops") {
			e.MaxStop = aDuration.Draw(t, "max stop")
		}
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			e.Entries = append(e.Entries, rapid.SampledFrom([]action.Entry{{Target: "a"}, {Include: "b"}}).Draw(t, "entry"))
		}
		return e
	})
)

// TestMessages: what goes over the wire comes back the same.
func TestMessages(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		target := aTarget.Draw(t, "target")
		m := targetMessage("acme", &target)
		require.Equal(t, "acme", m.GetOrg())
		require.Equal(t, target, targetOf(m))
		e := anExecution.Draw(t, "execution")
		x := executionMessage("acme", action.OnEvent, &e)
		require.Equal(t, "acme", x.GetOrg())
		require.Equal(t, e, executionOf(x))
	})
}

// TestClosure: the part of a catalog that an execution needs is valid by
// itself, and merged into the whole it changes nothing.
func TestClosure(t *testing.T) {
	t.Parallel()
	whole, problems := file.Parse("whole.yaml", []byte(`
targets:
  a: {type: webhook, url: https://a.example/a}
  b: {type: webhook, url: https://a.example/b}
  c: {type: webhook, url: https://a.example/c}
events:
  everybody: {list: true, targets: [{target: a}, {include: deep}]}
  deep: {list: true, targets: [{target: b}]}
  user.*: {targets: [{include: everybody}]}
  order.*: {targets: [{target: c}]}
requests:
  everybody: {targets: [{target: c}]}
  "*": {targets: [{include: everybody}]}
orgs:
  acme:
    targets: {a: {type: webhook, url: https://acme.example/a}}
    events:
      deep: {list: true, targets: [{target: a}]}
      user.*: {targets: [{include: deep}, {include: everybody}]}
`))
	require.NotNil(t, whole, "%v", problems)
	part := reached(whole, []executionRef{{"acme", action.OnEvent, "user.*"}})
	require.Empty(t, catalog.Diff(whole, catalog.MergeInto(whole, part)))
	require.Equal(t, `version: 1
instance: default
targets:
  a:
    type: webhook
    url: https://a.example/a
  b:
    type: webhook
    url: https://a.example/b
events:
  everybody:
    list: true
    targets:
      - target: a
      - include: deep
  deep:
    list: true
    targets:
      - target: b
orgs:
  acme:
    targets:
      a:
        type: webhook
        url: https://acme.example/a
    events:
      deep:
        list: true
        targets:
          - target: a
      "user.*":
        targets:
          - include: deep
          - include: everybody
`, string(file.Export(part)))
	_, problems = file.Parse("part.yaml", file.Export(part))
	require.False(t, catalog.HasErrors(problems), "%v", problems)
}

func TestIncludersFirst(t *testing.T) {
	t.Parallel()
	s, _ := file.Parse("file.yaml", []byte(`
targets: {a: {type: webhook, url: https://a.example/a}}
events:
  one: {list: true, targets: [{target: a}]}
  two: {list: true, targets: [{include: one}]}
  user.*: {targets: [{include: two}, {include: one}]}
orgs:
  acme: {events: {user.added: {targets: [{include: two}]}}}
`))
	require.NotNil(t, s)
	at := map[string]int{}
	for i, e := range includersFirst(s) {
		at[e.GetName()] = i
	}
	require.Len(t, at, 4)
	require.Less(t, at["user.*"], at["two"])
	require.Less(t, at["user.added"], at["two"])
	require.Less(t, at["two"], at["one"])
}
