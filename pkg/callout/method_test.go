package callout

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// TestWhatIsNoMethodIsRefused: a name that no condition can cover would never be
// intercepted, whatever is configured, and nobody would notice.
func TestWhatIsNoMethodIsRefused(t *testing.T) {
	t.Parallel()
	n, _ := startNode(t, "", "targets: {}", nil)
	client := connect(t, Options{URL: n.NATSURL()})
	for _, method := range []string{"", "other.X/Y", "POST /users", "/a/b/c", "/a.S/", "//M", "/a..S/M", "/a.S/M.N", "/größe.S/M", "/a.S/M ", "/a.S"} {
		require.True(t, client.Configured(action.Request, method, ""), "%q is asked about, to be told", method)
		_, err := client.Request(context.Background(), Call{Method: method, Request: []byte(`{}`)})
		var e *action.Error
		require.ErrorAs(t, err, &e, method)
		require.Equal(t, []any{action.CodeBadField, "Method"}, []any{e.Code, e.Field}, method)
	}
	for _, method := range []string{"/a.S/M", "/S/M", "/a_b.c1.S/M_2"} {
		require.False(t, client.Configured(action.Request, method, ""), method)
		r, err := client.Request(context.Background(), Call{Method: method, Request: []byte(`{}`)})
		require.NoError(t, err)
		require.Equal(t, action.Continue, r.Outcome)
	}
}

// TestIDsOfACallAreChecked: what is no UTF-8 would else be sent as another id.
func TestIDsOfACallAreChecked(t *testing.T) {
	t.Parallel()
	n, _ := startNode(t, "", "targets: {t: {type: webhook, url: \"http://127.0.0.1:1/\"}}\nrequests: {\"*\": {targets: [{target: t}]}}", nil)
	client := connect(t, Options{URL: n.NATSURL()})
	for field, call := range map[string]Call{"OrgID": {OrgID: "\xff"}, "ProjectID": {ProjectID: "a\nb"}, "UserID": {UserID: string(make([]byte, 201))}} {
		call.Method, call.Request = "/a.S/M", []byte(`{}`)
		_, err := client.Request(context.Background(), call)
		var e *action.Error
		require.ErrorAs(t, err, &e, field)
		require.Equal(t, []any{action.CodeBadField, field}, []any{e.Code, e.Field})
	}
}
