package catalog

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// faults are the problems of a target that a request names, as PATH CODE.
func faults(t *testing.T, x action.Target) []string {
	t.Helper()
	s := Empty("default").WithTarget("", x).WithExecution("", action.Request, action.Execution{Name: "*", Match: "*", Entries: []action.Entry{{Target: x.Name}}})
	out := []string{}
	for _, p := range Validate(s) {
		out = append(out, p.Path+" "+p.Code)
		for _, secret := range []string{"hunter2", "a.example"} {
			require.NotContains(t, p.Message, secret)
		}
	}
	return out
}

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// numbered gives n different texts.
func numbered(n int, format string) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf(format, i))
	}
	return out
}

func keyed(names []string, value string) map[string]string {
	out := map[string]string{}
	for _, name := range names {
		out[name] = value
	}
	return out
}

// TestTargetSettings tries each setting at its bounds and beside them. A target
// that the API makes has no file that could be read wrongly: all is held here.
func TestTargetSettings(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*action.Target)
		want string // PATH CODE behind targets.t, several with a comma; empty when all is well
	}{
		{"no kind", func(x *action.Target) { x.Kind = "" }, "type missing"},
		{"an unknown kind", func(x *action.Target) { x.Kind = "rest" }, "type bad_value"},
		{"no url", func(x *action.Target) { x.URL = "" }, "url missing"},
		{"a url that is none", func(x *action.Target) { x.URL = "ftp://a.example" }, "url bad_url"},
		{"the shortest timeout", func(x *action.Target) { x.Timeout = action.MinTimeout }, ""},
		{"the longest timeout", func(x *action.Target) { x.Timeout = action.MaxTimeout }, ""},
		{"a shorter timeout", func(x *action.Target) { x.Timeout = action.MinTimeout - 1 }, "timeout out_of_range"},
		{"a longer timeout", func(x *action.Target) { x.Timeout = action.MaxTimeout + 1 }, "timeout out_of_range"},
		{"replace", func(x *action.Target) { x.Mapping = action.Replace }, ""},
		{"an unknown mapping", func(x *action.Target) { x.Mapping = "patch" }, "mapping bad_value"},

		{"retry at its bounds", func(x *action.Target) {
			x.Retry = action.Retry{Initial: action.MinWait, Max: action.MaxWait, MaxAge: MaxKeep, Attempts: action.MaxAttempts}
		}, ""},
		{"initial too short", func(x *action.Target) { x.Retry.Initial = action.MinWait - 1 }, "retry.initial out_of_range"},
		{"max too long", func(x *action.Target) { x.Retry.Max = action.MaxWait + 1 }, "retry.max out_of_range"},
		{"max below initial", func(x *action.Target) { x.Retry.Initial, x.Retry.Max = 2*time.Second, time.Second }, "retry.max out_of_range"},
		{"max_age too long", func(x *action.Target) { x.Retry.MaxAge = MaxKeep + 1 }, "retry.max_age out_of_range"},
		{"too many attempts", func(x *action.Target) { x.Retry.Attempts = action.MaxAttempts + 1 }, "retry.attempts out_of_range"},
		{"fewer attempts than none", func(x *action.Target) { x.Retry.Attempts = -1 }, "retry.attempts out_of_range"},

		{"a key of the environment", func(x *action.Target) { x.SigningKey.Env = "A_KEY" }, ""},
		{"a key of a file", func(x *action.Target) { x.SigningKey.File = "/run/secrets/a key" }, ""},
		{"a key of both", func(x *action.Target) { x.SigningKey = action.KeySource{Env: "A_KEY", File: "/run/key"} }, "signing_key misplaced"},
		{"a key itself", func(x *action.Target) { x.SigningKey.Env = "hunter2-hunter2" }, "signing_key.env bad_value"},
		{"a name of the environment too long", func(x *action.Target) { x.SigningKey.Env = strings.Repeat("A", 256) }, "signing_key.env bad_value"},
		{"a path of two lines", func(x *action.Target) { x.SigningKey.File = "hunter2\n" }, "signing_key.file bad_value"},
		{"a path too long", func(x *action.Target) { x.SigningKey.File = strings.Repeat("a", maxPath+1) }, "signing_key.file bad_value"},

		{"no signature", func(x *action.Target) { x.Signatures = nil }, "signature missing"},
		{"an unknown signature", func(x *action.Target) { x.Signatures = []action.Signature{"sha1"} }, "signature[0] bad_value"},
		{"a signature twice", func(x *action.Target) { x.Signatures = []action.Signature{action.SignStandard, action.SignStandard} }, "signature[1] duplicate_key"},

		{"64 lanes", func(x *action.Target) { x.Lanes = 64 }, ""},
		{"no lane", func(x *action.Target) { x.Lanes = 0 }, "lanes out_of_range"},
		{"two lanes", func(x *action.Target) { x.Lanes = 2 }, "lanes out_of_range"},
		{"lanes of an async target", func(x *action.Target) { x.Kind, x.Lanes = action.Async, 4 }, "lanes no_effect"},
		{"the greatest concurrency", func(x *action.Target) { x.Concurrency = action.MaxConcurrency }, ""},
		{"a greater concurrency", func(x *action.Target) { x.Concurrency = action.MaxConcurrency + 1 }, "concurrency out_of_range"},
		{"a negative concurrency", func(x *action.Target) { x.Concurrency = -1 }, "concurrency out_of_range"},
		{"the largest answer", func(x *action.Target) { x.MaxAnswer = action.CeilingAnswer }, ""},
		{"a larger answer", func(x *action.Target) { x.MaxAnswer = action.CeilingAnswer + 1 }, "max_answer out_of_range"},
		{"the greatest rate", func(x *action.Target) { x.Rate = action.Rate{N: MaxRate, Per: time.Hour} }, ""},
		{"a greater rate", func(x *action.Target) { x.Rate = action.Rate{N: MaxRate + 1, Per: time.Second} }, "rate out_of_range"},
		{"a rate of nothing", func(x *action.Target) { x.Rate = action.Rate{Per: time.Second} }, "rate out_of_range"},
		{"a rate of a day", func(x *action.Target) { x.Rate = action.Rate{N: 1, Per: 24 * time.Hour} }, "rate out_of_range"},
		{"an idle time", func(x *action.Target) { x.IdleTime = action.MaxIdleTime }, ""},
		{"too long an idle time", func(x *action.Target) { x.IdleTime = action.MaxIdleTime + 1 }, "idle_time out_of_range"},
		{"an idle time below nothing", func(x *action.Target) { x.IdleTime = -1 }, "idle_time out_of_range"},
		{"an idle time of none that is kept", func(x *action.Target) { x.IdleTime, x.NoKeepAlive = time.Second, true }, "idle_time no_effect"},
		{"TLS", func(x *action.Target) {
			x.URL, x.TLS = "https://a.example", action.TLS{ServerName: "b_c.example", MinVersion: action.TLS13}
		}, ""},
		{"TLS for an address", func(x *action.Target) { x.URL, x.TLS.ServerName = "https://a.example", "fd00::1" }, ""},
		{"TLS in the clear", func(x *action.Target) { x.URL, x.TLS.ServerName = "HTTP://a.example", "a" }, "tls no_effect"},
		{"TLS that is all wrong", func(x *action.Target) {
			x.URL, x.TLS = "https://a.example", action.TLS{CA: "x", ServerName: "a.example:443", MinVersion: "1.1"}
		}, "tls.ca bad_value,tls.server_name bad_value,tls.min_version bad_value"},
		{"a breaker", func(x *action.Target) { x.Breaker = action.Breaker{Failures: MaxFailures, Open: action.MaxWait} }, ""},
		{"a breaker after none", func(x *action.Target) { x.Breaker = action.Breaker{Open: time.Second} }, "breaker.failures out_of_range"},
		{"a breaker for no time", func(x *action.Target) { x.Breaker = action.Breaker{Failures: 1} }, "breaker.open out_of_range"},
		{"a breaker with nothing right", func(x *action.Target) {
			x.Breaker = action.Breaker{Failures: MaxFailures + 1, Open: action.MaxWait + 1}
		},
			"breaker.failures out_of_range,breaker.open out_of_range"},

		{"as many addresses as may be", func(x *action.Target) { x.Egress = prefixes(numbered(MaxPrefixes, "10.0.0.%d/32")...) }, ""},
		{"more addresses", func(x *action.Target) { x.Egress = prefixes(numbered(MaxPrefixes+1, "10.0.0.%d/32")...) }, "egress.allow too_many"},
		{"no address", func(x *action.Target) { x.Egress = []netip.Prefix{{}} }, "egress.allow[0] bad_value"},
		{"bits behind the length", func(x *action.Target) { x.Egress = prefixes("fd00::/8", "10.1.2.3/8") }, "egress.allow[1] bad_value"},

		{"as many labels as may be", func(x *action.Target) { x.Labels = keyed(numbered(MaxLabels, "l%d"), strings.Repeat("ü", maxLabel/2)) }, ""},
		{"more labels", func(x *action.Target) { x.Labels = keyed(numbered(MaxLabels+1, "l%d"), "") }, "labels too_many"},
		{"a label's name that begins with a dot", func(x *action.Target) { x.Labels = keyed([]string{".a"}, "") }, `labels.".a" bad_name`},
		{"a label's value of two lines", func(x *action.Target) { x.Labels = keyed([]string{"a"}, "b\nc") }, "labels.a bad_value"},
		{"a label's value too long", func(x *action.Target) { x.Labels = keyed([]string{"a"}, strings.Repeat("b", maxLabel+1)) }, "labels.a bad_value"},
		{"a label's value that is no UTF-8", func(x *action.Target) { x.Labels = keyed([]string{"a"}, "\xff") }, "labels.a bad_value"},

		{"what is known", func(x *action.Target) {
			x.Redact, x.Mask = []string{"/request/password", "/event_payload/a~1b/*/0", "/*/email", "/user/human"}, []string{"/response", "/event_type"}
		}, ""},
		{"a wrong root", func(x *action.Target) {
			x.Redact, x.Mask = []string{"/password", "/requests/a"}, []string{"/event_payloads/a"}
		},
			"redact[0] no_effect,redact[1] no_effect,mask[0] no_effect"},
		{"no pointer", func(x *action.Target) { x.Redact, x.Mask = []string{"request"}, []string{"/a~2", ""} }, "redact[0] bad_value,mask[0] bad_value,mask[1] bad_value"},
		{"what is told apart", func(x *action.Target) {
			x.Redact = []string{"/event_type", "/cloudevent/source", "/aggregateID", "/orgID"}
		},
			"redact[0] bad_value,redact[1] bad_value,redact[2] bad_value,redact[3] bad_value"},
		{"everything", func(x *action.Target) { x.Redact = []string{"/*"} }, "redact[0] bad_value"},
		{"more pointers", func(x *action.Target) { x.Redact = numbered(MaxPointers+1, "/request/%d") }, "redact too_many"},
		{"cloudevents of a call", func(x *action.Target) { x.Kind, x.Payload = action.CallOut, action.PayloadCloudEvents }, "payload no_effect"},
		{"another payload", func(x *action.Target) { x.Payload = "xml" }, "payload bad_value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := hook("t", action.Webhook)
			c.set(&x)
			want := []string{}
			for one := range strings.SplitSeq(c.want, ",") {
				if one != "" {
					want = append(want, "targets.t."+one)
				}
			}
			require.ElementsMatch(t, want, faults(t, x))
		})
	}
}

// TestCloudEventsAreForEvents: where a call reaches a target that gets them, it is said that
// the call is sent as it is; where an event does, all is well.
func TestCloudEventsAreForEvents(t *testing.T) {
	x := hook("t", action.Webhook)
	x.Payload = action.PayloadCloudEvents
	require.Equal(t, []string{`requests."*".targets[0].target no_effect`}, faults(t, x))
	s := Empty("default").WithTarget("", x).WithExecution("", action.OnEvent, action.Execution{Name: "*", Match: "*", Entries: []action.Entry{{Target: "t"}}})
	require.Empty(t, Validate(s))
}

func TestTargetPointers(t *testing.T) {
	for p, fault := range map[string]string{
		"/":     "",
		"/a/b":  "",
		"/a~0b": "", "/a~1b/0": "",
		"/日本/ü":                                 "",
		"/" + strings.Repeat("a", maxPointer-1): "",
		strings.Repeat("/a", action.MaxDepth):   "",
		"":                                      "begins with /",
		"a":                                     "begins with /",
		"#/a":                                   "begins with /",
		"/a~":                                   "~ is written ~0",
		"/a~2":                                  "~ is written ~0",
		"/~0~":                                  "~ is written ~0",
		"/\xff":                                 "is UTF-8",
		"/" + strings.Repeat("a", maxPointer):   "at most 1024 bytes",
		strings.Repeat("/a", action.MaxDepth+1): "levels deep",
	} {
		got := checkPointer(p)
		if fault == "" {
			require.Empty(t, got, "%q", p)
		} else {
			require.Contains(t, got, fault, "%q", p)
		}
	}
	x := hook("t", action.CallOut)
	x.Allow = []string{"/a", "b"}
	require.Equal(t, []string{"targets.t.allow[1] bad_value"}, faults(t, x))
	x.Allow = numbered(MaxPointers+1, "/a%d")
	require.Equal(t, []string{"targets.t.allow too_many"}, faults(t, x))
	for kind, want := range map[action.Kind][]string{action.CallOut: {}, action.Webhook: {"targets.t.allow no_effect"}, action.Async: {"targets.t.allow no_effect"}} {
		x.Kind, x.Allow = kind, []string{"/a"}
		require.Equal(t, want, faults(t, x), kind)
	}
}

// TestTargetURLs: what cannot be dialled, or holds what would be shown to people
// who may not see it.
func TestTargetURLs(t *testing.T) {
	for text, fault := range map[string]string{
		"https://a.example":                 "",
		"http://127.0.0.1:8080/x?y=z&a=%20": "",
		"https://[::1]:443/":                "",
		"HTTPS://a.example/":                "",
		"https://bücher.example/ü":          "",
		"https://a.example:65535":           "",
		"":                                  "begins with https://",
		"a.example":                         "begins with https://",
		"//a.example":                       "begins with https://",
		"file:///etc/passwd":                "begins with https://",
		"https:a.example":                   "names no host",
		"https://":                          "names no host",
		"https://:8080/":                    "names no host",
		"https://user:hunter2@a.example":    "no user and no password",
		"https://hunter2@a.example":         "no user and no password",
		"https://a.example/#top":            "no fragment",
		"https://a.example/#":               "no fragment",
		"https://a.example/a b":             "no spaces",
		"https://a.example\n":               "no spaces",
		"https://a.example/\xff":            "no spaces",
		"https://a.example:":                "the port",
		"https://a.example:0":               "the port",
		"https://a.example:65536":           "the port",
		"https://a.example:http":            "no url",
		"https://a.example/%zz":             "no url",
		"https://[::1":                      "no url",
		"http://a/" + strings.Repeat("a", action.MaxURL-9): "",
		"http://a/" + strings.Repeat("a", action.MaxURL-8): "at most 2048 bytes",
	} {
		got := checkURL(text)
		if fault == "" {
			require.Empty(t, got, text)
			continue
		}
		require.Contains(t, got, fault, text)
		require.NotContains(t, got, "hunter2")
	}
}

func TestTargetHeaders(t *testing.T) {
	for _, c := range []struct {
		name    string
		headers map[string]string
		want    []string
	}{
		{"usual ones", map[string]string{"X-Team": "identity", "Authorization": "Bearer hunter2", "X!#$%&'*+-.^_`|~9": "a\tb"}, nil},
		{"as many as may be", keyed(numbered(MaxHeaders, "X-%d"), strings.Repeat("v", MaxHeaderValue)), nil},
		{"more", keyed(numbered(MaxHeaders+1, "X-%d"), ""), []string{"headers too_many"}},
		{"the longest name", keyed([]string{strings.Repeat("x", MaxHeaderName)}, ""), nil},
		{"a longer name", keyed([]string{strings.Repeat("x", MaxHeaderName+1)}, ""), []string{"headers." + strings.Repeat("x", MaxHeaderName+1) + " bad_header"}},
		{"no name", keyed([]string{""}, ""), []string{`headers."" bad_header`}},
		{"a name with a colon", keyed([]string{"X:Y"}, ""), []string{`headers."X:Y" bad_header`}},
		{"a name with a line", keyed([]string{"X\r\nY"}, ""), []string{`headers."X\r\nY" bad_header`}},
		{"one of HTTP", keyed([]string{"Content-LENGTH"}, "5"), []string{"headers.Content-LENGTH bad_header"}},
		{"one of a signature", keyed([]string{"webhook-signature"}, "v1,hunter2"), []string{"headers.webhook-signature bad_header"}},
		{"one of ours", keyed([]string{"callout-anything"}, ""), []string{"headers.callout-anything bad_header"}},
		{"one twice", map[string]string{"X-A": "1", "x-a": "2"}, []string{"headers.x-a duplicate_key"}},
		{"a longer value", keyed([]string{"X"}, strings.Repeat("v", MaxHeaderValue+1)), []string{"headers.X bad_header"}},
		{"a value of two lines", keyed([]string{"X"}, "hunter2\r\nX-Admin: 1"), []string{"headers.X bad_header"}},
		{"a value with DEL", keyed([]string{"X"}, "hunter2\x7f"), []string{"headers.X bad_header"}},
		{"a value with space around", keyed([]string{"X"}, " hunter2"), []string{"headers.X bad_header"}},
	} {
		x := hook("t", action.Webhook)
		x.Headers = c.headers
		want := []string{}
		for _, w := range c.want {
			want = append(want, "targets.t."+w)
		}
		require.Equal(t, want, faults(t, x), c.name)
	}
	for name := range ownHeaders {
		require.Equal(t, strings.ToLower(name), name, "it is looked up in lower case")
	}
}

// TestDefaultsAreLegal: what a target leaves open is filled in with what a check
// takes, and what it says is kept.
func TestDefaultsAreLegal(t *testing.T) {
	require.Empty(t, faults(t, WithDefaults(action.Target{Name: "t", Kind: action.CallOut, URL: "https://a.example"})))
	said := action.Target{Timeout: time.Second, Retry: action.Retry{Initial: 2, Max: 3, MaxAge: 4, Attempts: 5}, Lanes: 4, Mapping: action.Replace, Signatures: []action.Signature{action.SignStandard}}
	require.Equal(t, said, WithDefaults(said))
	once := WithDefaults(action.Target{})
	require.Equal(t, once, WithDefaults(once))
}
