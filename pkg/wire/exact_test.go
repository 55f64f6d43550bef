package wire_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestNamesAreExact: a member whose name differs by case is another member,
// wherever the engine reads one.
func TestNamesAreExact(t *testing.T) {
	var read struct {
		Name string
		Wait time.Duration
		Raw  []byte
	}
	require.NoError(t, wire.Unmarshal([]byte(`{"Name":"a","name":"b","NAME":"c","Wait":5,"Raw":"eA==","more":{}}`), &read))
	require.Equal(t, "a", read.Name)
	require.Equal(t, 5*time.Nanosecond, read.Wait)
	require.Equal(t, "x", string(read.Raw))
	for _, bad := range []string{``, `{"Name":"a","Name":"b"}`, "{\"Name\":\"\xff\"}", `{"Name":7}`, `{} {}`} {
		require.Error(t, wire.Unmarshal([]byte(bad), &read), bad)
	}

	_, err := wire.NewCall("default", action.Request, "/acme.S/M", []byte(`{"fullmethod":"/acme.S/M","request":{}}`), 1<<10)
	require.Equal(t, action.CodeBadField, action.CodeOf(err))
	call, err := wire.NewCall("default", action.Request, "/acme.S/M", []byte(`{"FullMethod":"/x.Y/Z","fullMethod":"/acme.S/M","Request":7,"request":{"a":1},"INSTANCEID":"other","OrgID":7}`), 1<<10)
	require.NoError(t, err)
	require.Equal(t, []string{`{"a":1}`, ""}, []string{string(call.Object()), call.OrgID})

	facts, err := wire.ReadEvent([]byte(`{"AggregateID":"b","aggregateID":"a","event_type":"t","Event_Type":"u","ID":"x","ResourceOwner":"o"}`))
	require.NoError(t, err)
	require.Equal(t, wire.EventFacts{AggregateID: "a", Type: "t"}, facts)

	result, err := wire.DecodeReply([]byte(`{"outcome":"rejected","Outcome":"continue","error":{"code":"rejected","status":400,"Code":"busy","Message":"no","message":"yes"}}`))
	require.NoError(t, err)
	require.Equal(t, []any{action.Rejected, action.CodeRejected, "yes"}, []any{result.Outcome, result.Error.Code, result.Error.Message})
}
