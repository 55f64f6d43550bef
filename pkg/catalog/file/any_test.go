package file

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// printable texts with everything that YAML could take for something else.
func awkward(most int) *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"a", "true", "null", "~", "<<", "- a", "a: b", "a #b", "#", "*a", "&a", "!a", "%", "@", "`", "|", ">", "'", `"`, `\`,
			"{a}", "[a]", "1", "1.5", "0x1", "2026-01-02", "ü", "日本", "🙂", "a\u2028b", "\u00a0", "?", ":", "=", ".inf", "on"}),
		rapid.StringOfN(rapid.RuneFrom([]rune(`ab "'\:#-*&!|>%@{}[],?<=~/.üé日🙂`)), 1, most, most),
	)
}

func anyTarget(t *rapid.T, name string) action.Target {
	s, d := time.Second, func(label string) time.Duration {
		return time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(24*time.Hour)).Draw(t, label))
	}
	x := action.Target{Name: name,
		Kind: rapid.SampledFrom([]action.Kind{action.Webhook, action.CallOut, action.Async}).Draw(t, "kind"),
		URL: rapid.SampledFrom([]string{"https://a.example", "http://127.0.0.1:9000/a?b=c&d=%20", "https://ü.example/'\"[{,*", "https://[::1]:80/",
			"https://a.example/x:", "https://a.example/日"}).Draw(t, "url"),
		Timeout:          time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(270*s)).Draw(t, "timeout")),
		InterruptOnError: rapid.Bool().Draw(t, "interrupt"),
		Mapping:          rapid.SampledFrom([]action.Mapping{"", action.Merge, action.Replace}).Draw(t, "mapping"),
		Retry:            action.Retry{Initial: d("initial"), MaxAge: d("age"), Attempts: rapid.IntRange(0, 1000).Draw(t, "attempts")},
		Lanes:            rapid.SampledFrom([]int{1, 4}).Draw(t, "lanes"),
		Concurrency:      rapid.IntRange(0, 10).Draw(t, "concurrency"),
		MaxAnswer:        rapid.IntRange(0, 9).Draw(t, "answer"),
		Paused:           rapid.Bool().Draw(t, "paused"),
	}
	x.Retry.Max = x.Retry.Initial + d("max")%(24*time.Hour-x.Retry.Initial+1)
	x.Signatures = rapid.SampledFrom([][]action.Signature{nil, {action.SignStandard}, {action.SignStandard, action.SignZitadel}}).Draw(t, "signature")
	x.SigningKey = rapid.SampledFrom([]action.KeySource{{}, {Env: "A_KEY"}, {File: "/run/a key: #1"}}).Draw(t, "key")
	x.Rate = rapid.SampledFrom([]action.Rate{{}, {N: 5, Per: time.Second}, {N: 600, Per: time.Minute}, {N: 1, Per: time.Hour}}).Draw(t, "rate")
	x.Egress = rapid.SampledFrom([][]netip.Prefix{nil, {netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::1/128")}}).Draw(t, "egress")
	x.Breaker = rapid.SampledFrom([]action.Breaker{{}, {Failures: 3, Open: d("open")}}).Draw(t, "breaker")
	x.IdleTime = rapid.SampledFrom([]time.Duration{0, 20 * time.Second}).Draw(t, "idle time")
	x.TLS = rapid.SampledFrom([]action.TLS{{}, {CA: exampleCA}, {ServerName: "fd00::1", MinVersion: "1.3"}, {CA: exampleCA + exampleCA, ServerName: "a.example"}}).Draw(t, "tls")
	for _, p := range rapid.SliceOfN(awkward(12), 0, 2).Draw(t, "allow") {
		x.Allow = append(x.Allow, "/"+strings.ReplaceAll(p, "~", "~0"))
	}
	for i, v := range rapid.SliceOfN(awkward(12), 0, 2).Draw(t, "texts") {
		if x.Headers == nil {
			x.Headers, x.Labels = map[string]string{}, map[string]string{}
		}
		x.Headers["X-H"+string(rune('a'+i))] = "a\t" + strings.ReplaceAll(v, "\u00a0", "") + "z"
		x.Labels["l"+string(rune('a'+i))] = v
	}
	return catalog.WithDefaults(x)
}

// names are legal, and YAML could take most of them for something else.
var names = []string{"x", "two words", "*", "true", "- 1", "null", "1", "on", "1e3", "-", "0x1", "2026-01-02", "** ", "*x"}

// matches are conditions of a phase.
func matches(phase action.Phase) []string {
	switch phase {
	case action.Function:
		return []string{"claims", "on", "1", "a.b"}
	case action.OnEvent:
		return []string{"*", "user.*", "user.added", "1", "true", "null.*"}
	}
	return []string{"*", "/s.S/M", "/s.S/N", "s.S", "v1.on"}
}

// anyCatalog is legal: includes name lists that stand before them, and nothing
// is a call target that an event could reach.
func anyCatalog(t *rapid.T) *catalog.Snapshot {
	s := catalog.Empty(awkward(20).Draw(t, "instance"))
	orgs := rapid.SliceOfNDistinct(awkward(20), 0, 3, rapid.ID[string]).Draw(t, "orgs")
	for _, org := range append([]string{""}, orgs...) {
		sc := &catalog.Scope{Targets: map[string]action.Target{}, Sections: map[action.Phase][]action.Execution{}}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, rapid.ID[string]).Draw(t, "targets") {
			x := anyTarget(t, name)
			if org != "" {
				x.Egress = nil // which the instance's may have alone
			}
			sc.Targets[name] = x
		}
		for _, phase := range action.Phases {
			if section := anySection(t, phase, sc.Targets); len(section) > 0 {
				sc.Sections[phase] = section
			}
		}
		s.Scopes[org] = sc
	}
	return s
}

func anySection(t *rapid.T, phase action.Phase, targets map[string]action.Target) (section []action.Execution) {
	taken, lists := map[string]bool{}, []string{}
	add := func(e action.Execution) {
		if e.Entries = anyEntries(t, phase, targets, lists); !taken[e.Name] {
			section = append(section, e)
		}
		taken[e.Name] = true
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "lists") {
		name := fmt.Sprintf("list %d", i)
		add(action.Execution{Name: name})
		lists = append(lists, name)
	}
	for _, match := range rapid.SliceOfNDistinct(rapid.SampledFrom(matches(phase)), 0, 3, rapid.ID[string]).Draw(t, "matches") {
		e := action.Execution{Name: match, Match: match}
		if name := rapid.SampledFrom(names).Draw(t, "name"); rapid.Bool().Draw(t, "named") && !(catalog.HasMethods(phase) && catalog.KeyIsCondition(phase, name)) {
			e.Name = name
		}
		if phase == action.OnEvent {
			e.OnExhausted = rapid.SampledFrom([]action.OnExhausted{"", action.ExhaustedStop, action.ExhaustedDeadLetter}).Draw(t, "exhausted")
			e.MaxStop = rapid.SampledFrom([]time.Duration{0, time.Millisecond, 90 * time.Minute}).Draw(t, "stop")
		} else {
			e.OnUnavailable = rapid.SampledFrom([]action.OnUnavailable{"", action.UnavailableFail, action.UnavailableContinue}).Draw(t, "unavailable")
		}
		add(e)
	}
	return section
}

func anyEntries(t *rapid.T, phase action.Phase, targets map[string]action.Target, lists []string) []action.Entry {
	can := []action.Entry{}
	for name, x := range targets {
		if phase != action.OnEvent || x.Kind != action.CallOut {
			can = append(can, action.Entry{Target: name})
		}
	}
	slices.SortFunc(can, func(a, b action.Entry) int { return strings.Compare(a.Target, b.Target) })
	for _, name := range lists {
		can = append(can, action.Entry{Include: name})
	}
	if len(can) == 0 {
		return can
	}
	return rapid.SliceOfN(rapid.SampledFrom(can), 0, 3).Draw(t, "entries")
}

// exampleCA is an authority that ends in a hundred years.
const exampleCA = `-----BEGIN CERTIFICATE-----
MIIBazCCARGgAwIBAgIBATAKBggqhkjOPQQDAjAcMRowGAYDVQQDExFFeGFtcGxl
IGF1dGhvcml0eTAgFw0yNjAxMDEwMDAwMDBaGA8yMTI2MDEwMTAwMDAwMFowHDEa
MBgGA1UEAxMRRXhhbXBsZSBhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjOPQMB
BwNCAATot6I3RqYfkyp8yVniXlWpGtw/7DBmzs/ICQEocB3x5D7E6zcSkyKQ6u9a
SuEIWZ10P+pniNh8S5fQPbEB5G/oo0IwQDAOBgNVHQ8BAf8EBAMCAgQwDwYDVR0T
AQH/BAUwAwEB/zAdBgNVHQ4EFgQUzqNmvwGSx1a79/X5pycDsLydH0wwCgYIKoZI
zj0EAwIDSAAwRQIgWKxbIAHzW0+Jr4muYl32qFZnSz4AOiFqBZNPNIlSyN8CIQCJ
my+AY+AL6cWJa5Qpzw/Edmhn3NUjPfl3YMOFItU2gQ==
-----END CERTIFICATE-----
`
