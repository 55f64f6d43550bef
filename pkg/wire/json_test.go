package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

func TestCheckJSONAcceptsOneStrictValue(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, c := range []struct {
		raw  string
		code action.Code
	}{
		{`{"a":1,"b":[true,null,"x"]}`, ""},
		{` 9007199254740993 `, ""},
		{deep(100), ""},
		{deep(101), action.CodeTooDeep},
		{deep(100000), action.CodeTooDeep},
		{``, action.CodeMalformed},
		{`{"a":1} {}`, action.CodeMalformed},
		{`{"a":1,"a":2}`, action.CodeMalformed},
		{`{"a":{"b":1,"b":2}}`, action.CodeMalformed},
		{`{"a":1,"\u0061":2}`, action.CodeMalformed},
		{"\"\xff\"", action.CodeMalformed},
		{`{"a":}`, action.CodeMalformed},
		{`{"a":01}`, action.CodeMalformed},
		{`{'a':1}`, action.CodeMalformed},
		{`{"a":1`, action.CodeMalformed},
	} {
		require.Equal(t, c.code, action.CodeOf(wire.CheckJSON([]byte(c.raw))), "%.40s", c.raw)
	}
}

func TestMembersPointIntoTheText(t *testing.T) {
	raw := []byte(" {\"a\" : 1.0, \"b\\\"\\\\\":{\"x\":[1, 2]}\n,\"\":\"\" } ")
	members, err := wire.Members(raw)
	require.NoError(t, err)
	var got []string
	for _, m := range members {
		require.Equal(t, byte('"'), raw[m.Start])
		got = append(got, m.Name+"="+string(raw[m.ValStart:m.ValEnd]))
	}
	require.Equal(t, []string{`a=1.0`, `b"\={"x":[1, 2]}`, `=""`}, got)

	_, err = wire.Members([]byte(`[1]`))
	require.Equal(t, action.CodeMalformed, action.CodeOf(err))
}

func TestSeveralValues(t *testing.T) {
	for raw, want := range map[string]bool{
		``: false, ` `: false, `{}`: false, `[1]`: false, `{"a":1}` + "\n": false,
		`{}{}`: true, `{"a":1}` + "\n" + `{"a":2}` + "\n": true, `1 2 3`: true, `{} null`: true,
		`{"a":1,"a":2}`: false, `{}{`: false, `{}x`: false, `{"a":1} {"a":2,"a":3}`: false, `{},{}`: false, "{}\xff": false,
		strings.Repeat("[", 101) + strings.Repeat("]", 101) + `{}`: false,
	} {
		require.Equal(t, want, wire.Several([]byte(raw)), raw)
	}
}
