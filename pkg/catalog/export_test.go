package catalog

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

// stored is a catalog as it is kept, without its revision. What is empty is
// left out, so that two catalogs that mean the same are the same text.
func stored(t require.TestingT, s *Snapshot) string {
	copied := *s
	copied.Revision = 0
	raw, err := json.MarshalIndent(copied, "", " ")
	require.NoError(t, err)
	return string(raw)
}

func requireRoundTrip(t require.TestingT, s *Snapshot) {
	text := Export(s)
	back, problems := Parse("export.yaml", text)
	require.NotNil(t, back, "%s\n%s", show(problems), text)
	require.Equal(t, withoutEmptySections(t, s), withoutEmptySections(t, back), string(text))
	require.Equal(t, string(text), string(Export(back)), "the order is stable")
}

// withoutEmptySections: a section that was written down and is empty is none.
func withoutEmptySections(t require.TestingT, s *Snapshot) string {
	var copied Snapshot
	require.NoError(t, json.Unmarshal([]byte(stored(t, s)), &copied))
	for _, sc := range copied.Scopes {
		for phase, section := range sc.Sections {
			if len(section) == 0 {
				delete(sc.Sections, phase)
			}
		}
	}
	return stored(t, &copied)
}

// TestExportOfFiles reads every good file of testdata back, and shows one.
func TestExportOfFiles(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.yaml"))
	require.NoError(t, err)
	good := 0
	for _, file := range files {
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		if s, _ := Parse(file, src); s != nil {
			good++
			requireRoundTrip(t, s)
		}
	}
	require.GreaterOrEqual(t, good, 3)
	golden(t, "export", string(Export(parsed(t, string(testdata(t, "callout.yaml"))))))
}

func TestExportOfNothing(t *testing.T) {
	require.Equal(t, "version: 1\ninstance: default\n", string(Export(Empty("default"))))
	requireRoundTrip(t, Empty("default"))
	requireRoundTrip(t, &Snapshot{Instance: "ü *", Scopes: map[string]*Scope{"": {}, "a: b": {}, "<<": {}, "~": {}, "null": {}, "- x": {}, "#": {}}})
}

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
	return WithDefaults(x)
}

// TestExportReadsBack: whatever a catalog holds, its export is the same again.
func TestExportReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySnapshot(t)
		s.Instance = awkward(20).Draw(t, "instance")
		for i, org := range rapid.SliceOfNDistinct(awkward(20), 0, 3, rapid.ID[string]).Draw(t, "orgs") {
			name := []string{"x", "two words", "*", "a.b/c", "true", "- 1"}[i]
			sc := &Scope{Targets: map[string]action.Target{name: anyTarget(t, name)}, Sections: map[action.Phase][]action.Execution{}}
			sc.Sections[action.Request] = []action.Execution{
				{Name: "a name", Match: "/s/M", Entries: []action.Entry{{Target: name}, {Include: "no"}}, OnUnavailable: action.UnavailableContinue},
				{Name: "no", Entries: []action.Entry{}},
			}
			sc.Sections[action.OnEvent] = []action.Execution{
				{Name: "on", Match: "user.*", Entries: []action.Entry{}, OnExhausted: action.ExhaustedStop, MaxStop: 90 * time.Minute},
			}
			s.Scopes[org] = sc
		}
		if HasErrors(Validate(s)) {
			t.Fatalf("the generator is wrong: %s", show(Validate(s)))
		}
		requireRoundTrip(t, s)
	})
}
