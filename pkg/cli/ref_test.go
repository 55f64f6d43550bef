package cli

import (
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

func flagOrg(t *testing.T, org ...string) *orgFlag {
	t.Helper()
	o := &orgFlag{}
	o.add(&cobra.Command{}, "")
	for _, value := range org {
		require.NoError(t, o.cmd.Flags().Set("org", value))
	}
	return o
}

// TestRefs: how things are named on the command line, and that what is printed
// is read back.
func TestRefs(t *testing.T) {
	t.Parallel()
	const method = "/zitadel.user.v2.UserService/AddHumanUser"
	for text, want := range map[string]ref{
		"user.added":                 {name: "user.added"},
		"event/user.*":               {phase: action.OnEvent, name: "user.*"},
		"acme:event/user.*":          {org: "acme", known: true, phase: action.OnEvent, name: "user.*"},
		"request/" + method:          {phase: action.Request, name: method},
		method:                       {name: method},
		"a:b/c:response/" + method:   {org: "a:b/c", known: true, phase: action.Response, name: method},
		"team/logging":               {name: "team/logging"},
		":function/create_id_token":  {known: true, phase: action.Function, name: "create_id_token"},
		"acme:zitadel.user.v2.Users": {org: "acme", known: true, name: "zitadel.user.v2.Users"},
		"event/com.acme:order/paid":  {phase: action.OnEvent, name: "com.acme:order/paid"},
		"acme:event/com.acme:paid":   {org: "acme", known: true, phase: action.OnEvent, name: "com.acme:paid"},
		":event/com.acme:paid":       {known: true, phase: action.OnEvent, name: "com.acme:paid"},
		"orders/create":              {name: "orders/create"},
	} {
		got, err := flagOrg(t).execution(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		if !want.known || want.org != "" {
			require.Equal(t, text, got.String())
		}
	}
	for _, text := range []string{"", "acme:", "event/", "acme:event/"} {
		_, err := flagOrg(t).execution(text)
		var usage *usageError
		require.ErrorAs(t, err, &usage, text)
	}
	got, err := flagOrg(t, "acme").target("crm")
	require.NoError(t, err)
	require.Equal(t, ref{org: "acme", known: true, name: "crm"}, got)
	got, err = flagOrg(t, "").target("crm")
	require.NoError(t, err)
	require.Equal(t, ref{known: true, name: "crm"}, got)
	_, err = flagOrg(t, "other").target("acme:crm")
	require.ErrorContains(t, err, `is of the organization "acme", and --org says "other"`)
	got, err = flagOrg(t, "acme").executionOf([]string{"event", "user.*"})
	require.NoError(t, err)
	require.Equal(t, ref{org: "acme", known: true, phase: action.OnEvent, name: "user.*"}, got)
}
