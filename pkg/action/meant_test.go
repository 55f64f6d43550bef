package action

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMeant(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		phase       Phase
		text, meant string
	}{
		{OnEvent, "user*", "user.*"}, {OnEvent, "user.**", "user.*"}, {OnEvent, "user.human*", "user.human.*"}, {OnEvent, "user.", "user.*"},
		{OnEvent, "/user.added", "user.added"}, {OnEvent, " user.added", "user.added"}, {OnEvent, "*.added", ""}, {OnEvent, "", ""},
		{Request, "pkg.Service/Method", "/pkg.Service/Method"}, {Response, "/pkg.Service", "pkg.Service"}, {Request, "/pkg.Service/*", "pkg.Service"},
		{Request, "pkg.Service/*", "pkg.Service"}, {Request, "pkg..Service", ""}, {Request, "/*", "*"}, {Request, "Service/Method", "/Service/Method"},
		{Function, "create id token", "create_id_token"}, {Function, "/claims", "claims"}, {Function, "*", ""},
	} {
		require.Equal(t, tt.meant, Meant(tt.phase, tt.text), "%s %q", tt.phase, tt.text)
		_, err := ParseCondition(tt.phase, tt.text)
		require.Error(t, err)
		if tt.meant != "" {
			require.ErrorContains(t, err, `; did you mean "`+tt.meant+`"? (`)
			_, err = ParseCondition(tt.phase, tt.meant)
			require.NoError(t, err)
		}
	}
	require.NotContains(t, []string{"user.*"}, Meant(OnEvent, "user.added"), "what is a condition is meant as it is")
}
