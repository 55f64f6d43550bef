package callout

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/node"
)

const nothingConfigured = "version: 1\n"

// known waits until a node knows a number of methods.
func known(t *testing.T, n *node.Node, methods int) *catalog.Declared {
	t.Helper()
	var d *catalog.Declared
	require.Eventually(t, func() bool {
		var err error
		d, err = n.Dispatcher().Instance("default").Declared(within(t, 5*time.Second))
		require.NoError(t, err)
		return len(d.Methods) == methods
	}, time.Minute, 5*time.Millisecond)
	return d
}

func TestDeclareAtStart(t *testing.T) {
	t.Parallel()
	n, _ := startNode(t, "", nothingConfigured, nil)
	connect(t, Options{URL: n.NATSURL(), Exempt: []string{"/acme.admin"}, Declare: &Declaration{Core: "users",
		Methods:   []string{"/acme.user.v1.UserService/AddUser", "/acme.admin.v1.AdminService/Get", "/callout.v1.ActionService/Apply"},
		Functions: []string{"create_id_token"}, EventTypes: []string{"user.added"}}})
	d := known(t, n, 1)
	require.Equal(t, []string{"/acme.user.v1.UserService/AddUser"}, d.Methods, "what is never intercepted cannot be extended")
	require.Equal(t, []string{"create_id_token"}, d.Functions)
	require.Equal(t, []string{"user.added"}, d.EventTypes)
	require.Equal(t, "users", d.Cores[0].Core)
}

// TestDeclareWhenNATSComesLate: Connect does not wait for it.
func TestDeclareWhenNATSComesLate(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	began := time.Now()
	c := connect(t, Options{URL: "nats://" + address, Declare: &Declaration{Core: "users", Methods: []string{"/s.S/A"}}})
	require.Less(t, time.Since(began), 10*time.Second, "connecting is bounded")
	require.Equal(t, action.CodeUnavailable, action.CodeOf(c.Declare(within(t, 5*time.Second), Declaration{Core: "tokens", Functions: []string{"f"}})))
	select {
	case <-c.declaring.ended:
	default:
		t.Error("what was announced before may still take the place of what is declared now")
	}

	late := connect(t, Options{URL: "nats://" + address, Declare: &Declaration{Core: "users", Methods: []string{"/s.S/A", "/s.S/B"}}})
	n, _ := startNode(t, "", nothingConfigured, func(o *node.Options) { o.NATSListen = address })
	d := known(t, n, 2)
	require.Len(t, d.Cores, 1, "Declare has ended what was announced, and failed itself")
	late.Close()
	known(t, n, 2)
}

// TestDeclareAgain takes the place of what was declared before.
func TestDeclareAgain(t *testing.T) {
	t.Parallel()
	n, _ := startNode(t, "", nothingConfigured, nil)
	c := connect(t, Options{URL: n.NATSURL(), Declare: &Declaration{Core: "users", Methods: []string{"/s.S/A", "/s.S/B"}}})
	require.NoError(t, c.Declare(within(t, 5*time.Second), Declaration{Core: "users", Methods: []string{"/s.S/C"}}))
	require.Equal(t, []string{"/s.S/C"}, known(t, n, 1).Methods)
	require.NoError(t, c.Declare(within(t, 5*time.Second), Declaration{Core: "users"}))
	known(t, n, 0)
	require.Equal(t, action.CodeBadField, action.CodeOf(c.Declare(within(t, 5*time.Second), Declaration{Core: "users", Methods: []string{"*"}})))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, c.Declare(gone, Declaration{Core: "users", Methods: []string{"/s.S/C"}}))
}

func TestDeclareWhatCannotBeMeant(t *testing.T) {
	t.Parallel()
	_, err := Connect(t.Context(), Options{URL: "nats://" + freeAddress(t), Declare: &Declaration{Core: "users", Methods: []string{"/s.S/A", "s.S"}}})
	var of *action.Error
	require.ErrorAs(t, err, &of)
	require.Equal(t, []any{action.CodeBadField, "methods[1]"}, []any{of.Code, of.Field})
}
