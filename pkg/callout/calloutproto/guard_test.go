package calloutproto_test

import (
	"path"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
)

// lockout catches everything and lets nothing pass.
const lockout = `
targets:
  dead: {type: webhook, url: "http://127.0.0.1:1/", interrupt_on_error: true}
requests:
  "*": {targets: [{target: dead}]}
`

func TestAnExemptServiceCannotBeLockedOut(t *testing.T) {
	n, _ := startNode(t, newTargets(t), lockout, nil)
	client := newClient(t, callout.Options{URL: n.NATSURL(), Exempt: []string{"/acme.user.v1.AdminService/"}})
	eachFramework(t, calloutproto.Options{Client: client}, func(t *testing.T, s *service) {
		_, err := s.create(within(t, 5*time.Second), ada())
		code, _ := s.told(err)
		require.Equal(t, calloutproto.Internal, code)
		require.Empty(t, s.handled)
		_, err = s.admin(within(t, 5*time.Second), ada())
		require.NoError(t, err)
		require.Len(t, s.handled, 1)
	})
}

func TestOnlyNamedHeadersReachTargets(t *testing.T) {
	hooks := newTargets(t)
	n, _ := startNode(t, hooks, "targets: {see: {type: webhook, url: HOOKS/see}}\nrequests: {'*': {targets: [{target: see}]}}\nresponses: {'*': {targets: [{target: see}]}}", nil)
	send := []string{"authorization", "Bearer secret", "cookie", "id=secret", "x-team", "red", "x-team", "blue", "x-other", "no"}
	// Each framework's clients write binary values in their own way.
	binary := map[string]string{"connect": "AP8", "grpc": "\x00\xff"}
	for _, row := range []struct {
		name    string
		allowed []string
		want    string
	}{
		{"none by default", nil, ``},
		{"what is named, in any case", []string{"X-TEAM", "X-Absent"}, `"headers":{"X-Team":["red","blue"]}`},
		{"bytes as base64", []string{"X-Key-Bin"}, `"headers":{"X-Key-Bin":["AP8"]}`},
		{"a credential when it is named", []string{"Authorization", "x-team"}, `"headers":{"Authorization":["Bearer secret"],"X-Team":["red","blue"]}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := calloutproto.Options{Client: newClient(t, callout.Options{URL: n.NATSURL(), Headers: row.allowed})}
			eachFramework(t, o, func(t *testing.T, s *service) {
				seen := len(hooks.got("see"))
				_, err := s.create(within(t, 5*time.Second), ada(), append(slices.Clone(send), "x-key-bin", binary[path.Base(t.Name())])...)
				require.NoError(t, err)
				bodies := hooks.got("see")[seen:]
				require.Len(t, bodies, 2, "the request and the response")
				for _, body := range bodies {
					if row.want == "" {
						require.NotContains(t, body, "headers")
					} else {
						require.Contains(t, body, row.want)
					}
					if row.name != "a credential when it is named" {
						require.NotContains(t, body, "secret")
					}
				}
			})
		})
	}
}
