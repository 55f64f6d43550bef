package manage_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
)

// TestWhoDidWhat: each change, action and refusal is told of with who, where, what, and
// the values before and after; no look is, and no secret.
func TestWhoDidWhat(t *testing.T) {
	t.Parallel()
	w := startWalled(t)
	id, writer := w.token(access.Scope{Instance: "default"}, []access.Verb{access.Write, access.Read, access.Operate})
	_, reader := w.token(access.Scope{Instance: "default"}, []access.Verb{access.Read})
	did := func(token, method string, q map[string]any, want int) {
		t.Helper()
		status, answer := w.rpc(token, method, q)
		require.Equal(t, want, status, "%s: %v", method, answer)
	}
	target := map[string]any{"name": "hook", "url": "http://127.0.0.1:9/next", "headers": map[string]any{"Authorization": "Bearer hunter2"}}
	did(writer, "UpdateTarget", map[string]any{"target": target, "updateMask": "url,headers"}, 200)
	did(writer, "UpdateTarget", map[string]any{"target": target, "updateMask": "url,headers", "dryRun": true}, 200)
	did(writer, "Apply", map[string]any{"configuration": "targets: {more: {type: webhook, url: 'http://127.0.0.1:9/'}}"}, 200)
	did(writer, "PauseTarget", map[string]any{"target": "hook"}, 200)
	did(writer, "PauseTarget", map[string]any{"target": "nobody"}, 404)
	did(reader, "DeleteTarget", map[string]any{"name": "hook"}, 403)
	did(reader, "DeleteTarget", map[string]any{"name": "hook"}, 403)
	did(reader, "ListTargets", map[string]any{}, 200)
	did("", "DeleteTarget", map[string]any{"name": "hook"}, 401)
	did(w.operator, "PauseTarget", map[string]any{"instance": "twin", "target": "hook"}, 200)
	did(w.operator, "ResumeTarget", map[string]any{"instance": "twin", "target": "hook"}, 200)

	status, answer := w.rpc(reader, "ListAudit", map[string]any{})
	require.Equal(t, 200, status, "%v", answer)
	var told []string
	for _, r := range answer["records"].([]any) {
		m := r.(map[string]any)
		told = append(told, strings.TrimSpace(fmt.Sprint(m["operation"], " ", or(m["object"]), " ", or(m["code"]))))
		require.Equal(t, "127.0.0.1", m["from"])
		if m["operation"] == "UpdateTarget" {
			require.Equal(t, id, m["who"])
			require.Contains(t, fmt.Sprint(m["changes"]), "http://127.0.0.1:9/next")
			require.Contains(t, fmt.Sprint(m["changes"]), "before:http://127.0.0.1:9/")
		}
	}
	require.Equal(t, []string{"CreateToken t", "CreateToken t", "UpdateTarget hook", "Apply", "PauseTarget hook", "PauseTarget nobody not_found", "DeleteTarget hook forbidden"}, told)
	require.NotContains(t, fmt.Sprint(answer), "hunter2")
	require.NotContains(t, fmt.Sprint(answer), "Bearer")
	status, _ = w.rpc(reader, "ListAudit", map[string]any{"all": true})
	require.Equal(t, 403, status)
	_, answer = w.rpc(w.operator, "ListAudit", map[string]any{"all": true, "pageSize": 3})
	require.Len(t, answer["records"], 3)
	_, rest := w.rpc(w.operator, "ListAudit", map[string]any{"all": true, "pageToken": answer["nextPageToken"]})
	require.Len(t, rest["records"], 6)
	_, none := w.rpc(w.operator, "ListAudit", map[string]any{"all": true, "pageToken": rest["nextPageToken"]})
	require.Empty(t, none["records"])
}

func or(v any) any {
	if v == nil {
		return ""
	}
	return v
}
