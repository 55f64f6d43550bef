package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

func TestElements(t *testing.T) {
	for _, c := range []struct {
		raw  string
		want []string
	}{
		{`[]`, nil},
		{" [ \n] ", nil},
		{`[1]`, []string{`1`}},
		{"\t[ {\"a\" : 1.0} ,\r\n\"x,y\",[ 1,2 ],null , 9007199254740993 ]\n", []string{`{"a" : 1.0}`, `"x,y"`, `[ 1,2 ]`, `null`, `9007199254740993`}},
		{`[" , ","\u00e9"]`, []string{`" , "`, `"\u00e9"`}},
	} {
		got, err := wire.Elements([]byte(c.raw))
		require.NoError(t, err, c.raw)
		require.Equal(t, c.want, asTexts(got))
	}
}

func asTexts(parts [][]byte) (out []string) {
	for _, p := range parts {
		out = append(out, string(p))
	}
	return out
}

func TestElementsRefuses(t *testing.T) {
	for raw, code := range map[string]action.Code{
		``: action.CodeMalformed, `{}`: action.CodeMalformed, `7`: action.CodeMalformed, `null`: action.CodeMalformed,
		`[`: action.CodeMalformed, `[1`: action.CodeMalformed, `[1,]`: action.CodeMalformed, `[,1]`: action.CodeMalformed,
		`[1 2]`: action.CodeMalformed, `[1,,2]`: action.CodeMalformed, `[1]]`: action.CodeMalformed, `[1] [2]`: action.CodeMalformed,
		`[{"a":1,"a":2}]`: action.CodeMalformed, "[\"\xff\"]": action.CodeMalformed, `[1}`: action.CodeMalformed,
		strings.Repeat("[", 102) + strings.Repeat("]", 102): action.CodeTooDeep,
	} {
		_, err := wire.Elements([]byte(raw))
		require.Equal(t, code, action.CodeOf(err), raw)
	}
	_, err := wire.Elements([]byte(strings.Repeat("[", 100) + strings.Repeat("]", 100)))
	require.NoError(t, err)
}

func TestMembersRefuses(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for raw, code := range map[string]action.Code{
		``: action.CodeMalformed, `[]`: action.CodeMalformed, `7`: action.CodeMalformed, `[1`: action.CodeMalformed,
		`{`: action.CodeMalformed, `{"a"`: action.CodeMalformed, `{"a":1,}`: action.CodeMalformed, `{,"a":1}`: action.CodeMalformed,
		`{"a" 1}`: action.CodeMalformed, `{1:1}`: action.CodeMalformed, `{a:1}`: action.CodeMalformed, `{"a":1}}`: action.CodeMalformed,
		`{"a":1,"a":2}`: action.CodeMalformed, `{"a":[{"b":1,"\u0062":1}]}`: action.CodeMalformed, `{"a":1]`: action.CodeMalformed,
		deep(100): "", deep(101): action.CodeTooDeep,
	} {
		_, err := wire.Members([]byte(raw))
		require.Equal(t, code, action.CodeOf(err), raw)
	}
}

func TestIsObject(t *testing.T) {
	for raw, want := range map[string]bool{`{}`: true, " \t\r\n{": true, ``: false, ` `: false, `[{}]`: false, `"{"`: false, "\v{": false} {
		require.Equal(t, want, wire.IsObject([]byte(raw)), "%q", raw)
	}
}
