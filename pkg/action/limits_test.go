package action_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

// A row of a grammar's table: what it takes and what it refuses.
type grammar struct {
	check func(string) error
	good  []string
	bad   []string
}

var grammars = map[string]grammar{
	"name": {action.CheckName,
		[]string{"a", "set_display_name", "*", "/zitadel.user.v2.UserService/AddHumanUser", "two words", "A-Z_.*/ 9", strings.Repeat("n", 100)},
		[]string{"", strings.Repeat("n", 101), "ü", "a\n", "\na", "a\tb", "a,b", "a:b", "a'b", `a"b`, "a\x00", "\xff", "a@b", "a=b", "a>b"}},
	"id": {action.CheckID,
		[]string{"", "a", "acme corp", "*.>", "=", "ü日🙂", "\u2028", strings.Repeat("a", 200), strings.Repeat("ü", 100)},
		[]string{strings.Repeat("a", 201), strings.Repeat("ü", 100) + "a", "a\n", "\x00", "\x1f", "\x7f", "\u0085", "\u009f", "\xff", "a\xc3", "\xed\xa0\x80"}},
	"event type": {action.CheckEventType,
		[]string{"t", "user.added", "user.human.added", "A-b_c.9", "-", strings.Repeat("a.", 15) + "a", strings.Repeat("t", 255),
			"orders/create", "com.acme:thing", "https://acme.example/order#paid", "user/added", "user.ü", "a=2E", "日本.注文🙂", "a+b,c;d'\"\\%", "a/", "=", strings.Repeat("ü", 100)},
		[]string{"", ".", "a.", ".a", "a..b", "ü.", ".ü", "ü..ü", "*", "user.*", "user.>", "ü.*", "user added", "user\u00a0added", "user.added\n", "user.added\t", "a\u0085", "\xff", "a\xc3",
			"/user.added", "/acme.S/M", "a\u200bb", "a\u202eb", "a\ufffe", "a\ue000", strings.Repeat("a.", 16) + "a", strings.Repeat("ü.", 16) + "a", strings.Repeat("t", 256), strings.Repeat("ü", 101)}},
	"method": {action.CheckMethod,
		[]string{"/zitadel.user.v2.UserService/AddHumanUser", "/s/m", "/S_1.t/M_2", "/" + strings.Repeat("s", 252) + "/m"},
		[]string{"", "/", "//", "/s", "/s/", "//m", "s/m", "/s/m/", "/s/m/n", "/.s/m", "/s./m", "/s..t/m", "/s/m.n", "/s-t/m", "/s/m-n", "/s/*", "/*/m",
			"/s /m", "/s/m\n", "/ü/m", " /s/m", "/" + strings.Repeat("s", 253) + "/m"}},
	"service": {action.CheckService,
		[]string{"zitadel.user.v2.UserService", "s", "S_1", strings.Repeat("s", 255)},
		[]string{"", "*", ".", "s.", ".s", "s..t", "s.*", "/s", "s/m", "s-t", "ü", "s\n", strings.Repeat("s", 256)}},
	"function": {action.CheckFunction,
		[]string{"create_id_token", "preuserinfo", "pre.user-info", strings.Repeat("f", 100)},
		[]string{"", "*", "f.*", ".f", "f.", "f..g", "f g", "function/preuserinfo", "ü", "f\n", strings.Repeat("f", 101), strings.Repeat("f.", 16) + "f"}},
}

func TestGrammars(t *testing.T) {
	for name, g := range grammars {
		t.Run(name, func(t *testing.T) {
			for _, s := range g.good {
				require.NoError(t, g.check(s), "%q", s)
			}
			for _, s := range g.bad {
				err := g.check(s)
				require.Error(t, err, "%q", s)
				require.NotEmpty(t, err.Error())
				if len(s) > 8 {
					require.NotContains(t, err.Error(), s, "what was sent is not repeated")
				}
			}
		})
	}
}

// TestEventTypeSaysWhatIsWrong: each thing that a type may not have is named.
func TestEventTypeSaysWhatIsWrong(t *testing.T) {
	for text, says := range map[string]string{
		"user added": "no spaces", "user\u00a0x": "no spaces", "user\nx": "no spaces", "user\x00": "no control characters", "user\u0085": "no spaces",
		"user..x": "no empty segment", "": "no empty segment", "user.": "no empty segment", "a*": "no *", "ü.>": "no >", "\xff": "UTF-8",
		"/a.B/C": "does not begin with /", "a\u202eb": "U+202E", strings.Repeat("a.", 16) + "a": "at most 16 segments", strings.Repeat("t", 256): "at most 255 bytes",
		strings.Repeat("ü", 101): "at most 600 bytes as it stands in subjects, this one has 606",
	} {
		require.ErrorContains(t, action.CheckEventType(text), says, "%q", text)
		require.False(t, action.IsEventType(text), "%q", text)
	}
}

// TestIsEventTypeAgrees with CheckEventType, whatever the text is.
func TestIsEventTypeAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z.*_ é/:=-]{0,300}`), rapid.StringMatching(`(a\.){0,17}[ab]`)).Draw(t, "type")
		require.Equal(t, action.CheckEventType(s) == nil, action.IsEventType(s), "%q", s)
	})
}

func TestSplitMethod(t *testing.T) {
	for _, c := range []struct {
		text, service, method string
		ok                    bool
	}{
		{"/zitadel.user.v2.UserService/AddHumanUser", "zitadel.user.v2.UserService", "AddHumanUser", true},
		{"/s/m", "s", "m", true},
		{"s/m", "", "", false},
		{"/s/m/n", "", "", false},
		{"/s/*", "", "", false},
		{"/s.*/m", "", "", false},
		{"/s", "", "", false},
		{"", "", "", false},
	} {
		service, method, ok := action.SplitMethod(c.text)
		require.Equal(t, []any{c.service, c.method, c.ok}, []any{service, method, ok}, c.text)
	}
}
