package callout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

func TestExemptionEndsWithASegment(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		prefix, method string
		want           bool
	}{
		{"/acme.admin.v1.AdminService/", "/acme.admin.v1.AdminService/Get", true},
		{"/acme.admin.v1.AdminService/", "/acme.admin.v1.AdminServiceV2/Get", false},
		{"/acme.admin.v1.AdminService", "/acme.admin.v1.AdminService/Get", true},
		{"/acme.admin.v1.AdminService", "/acme.admin.v1.AdminServiceV2/Get", false},
		{"/acme.admin.v1.AdminService/Get", "/acme.admin.v1.AdminService/Get", true},
		{"/acme.admin.v1.AdminService/Get", "/acme.admin.v1.AdminService/GetUser", false},
		{"/acme.admin.v1.AdminService/Get", "/acme.admin.v1.AdminService/Set", false},
		{"/acme.admin", "/acme.admin.v1.AdminService/Get", true},
		{"/acme.admin.", "/acme.admin.v1.AdminService/Get", true},
		{"/acme.admin", "/acme.administration.v1.X/Get", false},
		{"/acme.admin", "/acme/Get", false},
		{"/acme.admin", "", false},
	} {
		require.Equal(t, row.want, covers(row.prefix, row.method), "%s covers %s", row.prefix, row.method)
	}
}

func TestOptionsThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	url := "nats://" + freeAddress(t)
	for field, options := range map[string][]Options{
		"Exempt":  {{Exempt: []string{""}}, {Exempt: []string{"/"}}, {Exempt: []string{"acme.admin"}}},
		"Headers": {{Headers: []string{""}}, {Headers: []string{"*"}}, {Headers: []string{"X-*"}}, {Headers: []string{"X Team"}}},
	} {
		for _, o := range options {
			o.URL = url
			_, err := Connect(within(t, 5*time.Second), o)
			var e *action.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, []any{action.CodeBadField, field}, []any{e.Code, e.Field}, "%+v", o)
		}
	}
}

// TestNobodyIsLockedOut has an execution on everything whose target is dead.
func TestNobodyIsLockedOut(t *testing.T) {
	t.Parallel()
	const everything = `
targets: {dead: {type: webhook, url: "http://127.0.0.1:1/", interrupt_on_error: true}}
requests: {"*": {targets: [{target: dead}]}}
responses: {"*": {targets: [{target: dead}]}}
`
	n, _ := startNode(t, "", everything, nil)
	known := connect(t, Options{URL: n.NATSURL(), Exempt: []string{"/acme.admin.v1.AdminService/"}})
	unknown := connect(t, Options{URL: "nats://" + freeAddress(t), Exempt: []string{"/acme.admin.v1.AdminService/"}})
	for name, client := range map[string]*Client{"known": known, "unknown": unknown} {
		t.Run(name, func(t *testing.T) {
			for method, exempt := range map[string]bool{
				"/acme.admin.v1.AdminService/Unlock":   true,
				"/callout.v1.ActionService/Apply":      true,
				"/acme.admin.v1.AdminServiceV2/Unlock": false,
				"/acme.user.v1.UserService/CreateUser": false,
				"/callout.v1.ActionServices/Apply":     false,
			} {
				call := Call{Method: method, Request: []byte(`{}`), Response: []byte(`{}`)}
				for _, run := range []func() (action.Result, error){
					func() (action.Result, error) { return client.Request(within(t, 5*time.Second), call) },
					func() (action.Result, error) { return client.Response(within(t, 5*time.Second), call) },
				} {
					result, err := run()
					require.NoError(t, err)
					require.Equal(t, exempt, result.Outcome == action.Continue, "%s: %+v", method, result)
					require.Empty(t, result.Warnings)
				}
				require.Equal(t, !exempt, client.Configured(action.Request, method, "acme"), method)
			}
		})
	}
}
