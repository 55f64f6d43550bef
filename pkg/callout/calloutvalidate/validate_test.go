package calloutvalidate_test

import (
	"testing"

	"buf.build/go/protovalidate"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/callout/calloutvalidate"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
)

func TestRulesOfMessages(t *testing.T) {
	validate, err := calloutvalidate.New()
	require.NoError(t, err)
	for _, row := range []struct {
		name    string
		message proto.Message
		broken  string // the rule
	}{
		{"as it should be", &userv1.CreateUserRequest{User: &userv1.User{DisplayName: "Ada"}}, ""},
		{"without rules", &userv1.Address{}, ""},
		{"nil", nil, ""},
		{"missing", &userv1.CreateUserRequest{}, "required"},
		{"too long", &userv1.User{DisplayName: "a name of more than twenty"}, "string.max_len"},
		{"within another", &userv1.CreateUserRequest{User: &userv1.User{}}, "string.min_len"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := validate(row.message)
			if row.broken == "" {
				require.NoError(t, err)
				return
			}
			var broken *protovalidate.ValidationError
			require.ErrorAs(t, err, &broken)
			require.Equal(t, row.broken, broken.Violations[0].Proto.GetRuleId())
		})
	}
}
