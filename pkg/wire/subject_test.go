package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// wide is the longest id there is, in the characters that need most room.
var wide = strings.Repeat("ü", action.MaxID/2)

func TestCallSubjects(t *testing.T) {
	wideToken := strings.Repeat("=C3=BC", action.MaxID/2)
	for _, c := range []struct {
		instance string
		phase    action.Phase
		name     string
		want     string
	}{
		{"default", action.Request, "/zitadel.user.v2.UserService/AddHumanUser", "callout.call.default.request.zitadel.user.v2.UserService.AddHumanUser"},
		{"default", action.Response, "/zitadel.user.v2.UserService/AddHumanUser", "callout.call.default.response.zitadel.user.v2.UserService.AddHumanUser"},
		{"default", action.Request, "/Service/Method", "callout.call.default.request.Service.Method"},
		{"default", action.Function, "create_id_token", "callout.call.default.function.create_id_token"},
		{"default", action.Function, "pre.user-info", "callout.call.default.function.pre=2Euser-info"},
		{"a.b *>", action.Function, "f", "callout.call.a=2Eb=20=2A=3E.function.f"},
		{wide, action.Request, "/s/m", "callout.call." + wideToken + ".request.s.m"},
	} {
		got, err := wire.CallSubject(c.instance, c.phase, c.name)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
		instance, phase, name, err := wire.ParseCall(got)
		require.NoError(t, err)
		require.Equal(t, []any{c.instance, c.phase, c.name}, []any{instance, phase, name})
	}
}

func TestCallSubjectRefuses(t *testing.T) {
	for _, c := range []struct {
		instance string
		phase    action.Phase
		name     string
		field    string
	}{
		{"", action.Request, "/s/m", "instanceID"},
		{strings.Repeat("i", 201), action.Request, "/s/m", "instanceID"},
		{"a\nb", action.Function, "f", "instanceID"},
		{"a\xff", action.Function, "f", "instanceID"},
		{"i", action.Request, "s/m", "fullMethod"},
		{"i", action.Response, "/s.*/m", "fullMethod"},
		{"i", action.Request, "/s/>", "fullMethod"},
		{"i", action.Request, "/s..t/m", "fullMethod"},
		{"i", action.Request, "*", "fullMethod"},
		{"i", action.Request, "", "fullMethod"},
		{"i", action.Request, "/" + strings.Repeat("s.", 127) + "s/m", "fullMethod"},
		{"i", action.Function, "", "function"},
		{"i", action.Function, "*", "function"},
		{"i", action.Function, "a..b", "function"},
		{"i", action.Function, strings.Repeat("f", 101), "function"},
	} {
		_, err := wire.CallSubject(c.instance, c.phase, c.name)
		requireField(t, err, c.field)
	}
}

func TestParseCallRefuses(t *testing.T) {
	for _, subject := range []string{
		"", "callout.call", "callout.call.", "callout.call.i", "callout.call.i.request", "callout.call.i.request.s",
		"callout.call.i.request.s..m", "callout.call.i.request.s.m-", "callout.call.i.request.=2E.m",
		"callout.call.i.request.*.m", "callout.call.i.response.s.>", "callout.call.i.event.user.added",
		"callout.call.i.Request.s.m", "callout.call.i..s.m", "callout.call.i.function", "callout.call.i.function.",
		"callout.call.i.function.=", "callout.call.i.function.a.b", "callout.call.i.function.a=2eb", "callout.call.i.function.=2A",
		"callout.call..request.s.m", "callout.call.=69.request.s.m", "callout.call.a=2.request.s.m",
		"callout.call.=.request.s.m", "callout.call.=0A.request.s.m", "callout.call.=FF.request.s.m",
		"callout.call." + strings.Repeat("i", 201) + ".request.s.m",
		"callout.call.i.request." + strings.Repeat("s.", 127) + "m",
		"callout.event.i.request.s.m", "i.request.s.m", " callout.call.i.request.s.m",
	} {
		_, _, _, err := wire.ParseCall(subject)
		require.Equal(t, action.CodeBadField, action.CodeOf(err), "%q", subject)
	}
}

func TestEventSubjects(t *testing.T) {
	for _, c := range []struct{ instance, org, aggregate, kind, want string }{
		{"default", "acme", "u1", "user.added", "callout.event.default.acme.u1.user.added"},
		{"default", "", "u1", "user.added", "callout.event.default.=.u1.user.added"},
		{"my.inst", "Ünï", "*.>", "a", "callout.event.my=2Einst.=C3=9Cn=C3=AF.=2A=2E=3E.a"},
		{"i", "o", "a", "A-b_c.9", "callout.event.i.o.a.A-b_c.9"},
		{"i", "o", "a", "orders/create", "callout.event.i.o.a.orders=2Fcreate"},
		{"i", "o", "a", "com.acme:thing", "callout.event.i.o.a.com.acme=3Athing"},
		{"i", "o", "a", "=.=2F.ü", "callout.event.i.o.a.=3D.=3D2F.=C3=BC"},
	} {
		got, err := wire.EventSubject(c.instance, c.org, c.aggregate, c.kind)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
}

// TestTheLongestEventFits: the grammar alone keeps every subject within its
// bound.
func TestTheLongestEventFits(t *testing.T) {
	longest := strings.Repeat("a.", 15) + strings.Repeat("b", 225)
	require.Len(t, longest, action.MaxEventType)
	for _, longest := range []string{longest, strings.Repeat("ü", action.MaxToken/6), strings.Repeat("a", 80) + "." + strings.Repeat("/", 173)} {
		require.NoError(t, action.CheckEventType(longest))
		subject, err := wire.EventSubject(wide, wide, wide, longest)
		require.NoError(t, err)
		require.LessOrEqual(t, len(subject), action.MaxSubject)
		for _, token := range strings.Split(subject, ".") {
			require.LessOrEqual(t, len(token), action.MaxToken)
		}
	}
}

func TestEventSubjectRefuses(t *testing.T) {
	for _, c := range []struct{ instance, org, aggregate, kind, field string }{
		{"", "o", "a", "t", "instanceID"},
		{"i", "o", "", "t", "aggregateID"},
		{"i", "o", "a", "", "event_type"},
		{wide + "x", "o", "a", "t", "instanceID"},
		{"i", wide + "x", "a", "t", "resourceOwner"},
		{"i", "o", wide + "x", "t", "aggregateID"},
		{"i", "o\x7f", "a", "t", "resourceOwner"},
		{"i", "\xc3", "a", "t", "resourceOwner"},
		{"i", "o", "a\u0085", "t", "aggregateID"},
		{"i", "o", "a", "user.", "event_type"},
		{"i", "o", "a", "user.*", "event_type"},
		{"i", "o", "a", ">", "event_type"},
		{"i", "o", "a", "a b", "event_type"},
		{"i", "o", "a", strings.Repeat("t", 256), "event_type"},
		{"i", "o", "a", strings.Repeat("t.", 16) + "t", "event_type"},
	} {
		_, err := wire.EventSubject(c.instance, c.org, c.aggregate, c.kind)
		requireField(t, err, c.field)
	}
}

func TestParseStoredEvent(t *testing.T) {
	for _, c := range []struct {
		subject string
		want    wire.StoredEvent
	}{
		{"callout.event.default.1.5.21.acme.user.added", wire.StoredEvent{Instance: "default", Lane4: 1, Lane16: 5, Lane64: 21, Org: "acme", Type: "user.added"}},
		{"callout.event.a=2Eb.0.0.0.=.User.Added", wire.StoredEvent{Instance: "a.b", Type: "User.Added"}},
		{"callout.event.i.3.15.63.=C3=BC.a.b.c.d", wire.StoredEvent{Instance: "i", Lane4: 3, Lane16: 15, Lane64: 63, Org: "ü", Type: "a.b.c.d"}},
	} {
		got, err := wire.ParseStoredEvent(c.subject)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
}

func TestParseStoredEventRefuses(t *testing.T) {
	for _, subject := range []string{
		"", "callout.event.", "callout.event.i.1.5.21.o", "callout.event.i.o.a.user.added", // as published, not as stored
		"callout.catalog.i", "i.1.5.21.o.user.added", "callout.call.i.1.5.21.o.user.added",
		"callout.event..1.5.21.o.t", "callout.event.=69.1.5.21.o.t", "callout.event.=.1.5.21.o.t", "callout.event.=0A.1.5.21.o.t",
		"callout.event.i.x.5.21.o.t", "callout.event.i.1..21.o.t", "callout.event.i.1.5.2=31.o.t",
		"callout.event.i.+1.5.21.o.t", "callout.event.i.01.5.21.o.t", "callout.event.i.1.5.021.o.t", "callout.event.i.-0.5.21.o.t",
		"callout.event.i.4.5.21.o.t", "callout.event.i.1.16.21.o.t", "callout.event.i.1.5.64.o.t", "callout.event.i.1.5.-1.o.t",
		"callout.event.i.1.5.99999999999999999999.o.t",
		"callout.event.i.1.5.21..t", "callout.event.i.1.5.21.=6F.t", "callout.event.i.1.5.21.o=.t", "callout.event.i.1.5.21.=0D.t",
		"callout.event.i.1.5.21.o.", "callout.event.i.1.5.21.o.a..b", "callout.event.i.1.5.21.o.a=2E", "callout.event.i.1.5.21.o.*",
		"callout.event.i.1.5.21.o." + strings.Repeat("t", 256),
	} {
		_, err := wire.ParseStoredEvent(subject)
		require.Equal(t, action.CodeBadField, action.CodeOf(err), "%q", subject)
	}
}

// TestAStoredEventThatDoesNotParseStillTellsItsType: a worker needs it to find
// whose dead letter the event becomes.
func TestAStoredEventThatDoesNotParseStillTellsItsType(t *testing.T) {
	for subject, want := range map[string]wire.StoredEvent{
		"callout.event.i.1.5.21.bad=org.user.added": {Instance: "i", Lane4: 1, Lane16: 5, Lane64: 21, Type: "user.added"},
		"callout.event.i.1.5.21.acme.user.a=b":      {Instance: "i", Lane4: 1, Lane16: 5, Lane64: 21, Org: "acme", Type: "user.a=b"},
		"callout.event.i.x.5.21.acme.user.added":    {Instance: "i", Lane16: 5, Lane64: 21, Org: "acme", Type: "user.added"},
	} {
		got, err := wire.ParseStoredEvent(subject)
		require.Equal(t, action.CodeBadField, action.CodeOf(err), "%q", subject)
		require.Equal(t, want, got)
	}
}

func TestOtherSubjects(t *testing.T) {
	require.Equal(t, "callout.call.>", wire.AllCalls)
	require.Equal(t, "callout.event.a=2Eb.*.*.>", wire.EventsOf("a.b"))
	require.Equal(t, "callout.catalog.a=2Eb", wire.Marker("a.b"))
	require.Equal(t, "callout.async.i.=.set_display=20name", wire.AsyncSubject("i", "", "set_display name"))
	require.Equal(t, "callout.async.i.ac=2Eme.t=2A", wire.AsyncSubject("i", "ac.me", "t*"))
	require.Equal(t, "callout.async.i.>", wire.AsyncOf("i"))
	require.Equal(t, "callout.dead.i.dlv_1", wire.DeadSubject("i", "dlv_1"))
	require.Equal(t, "callout.dead.i.a=2Eb", wire.DeadSubject("i", "a.b"), "one token, which DeadOf covers")
	require.Equal(t, "callout.dead.i.*", wire.DeadOf("i"))
	source, destination := wire.Transform()
	require.Equal(t, "callout.event.*.*.*.>", source)
	require.Equal(t, "callout.event.{{wildcard(1)}}.{{partition(4,3)}}.{{partition(16,3)}}.{{partition(64,3)}}.{{wildcard(2)}}.>", destination)
}

func FuzzParseCall(f *testing.F) {
	for _, seed := range []string{"callout.call.i.request.a.b.C", "callout.call.i.function.pre=2Euser", "callout.call.=.response.a.b", "callout.call.=0A.function.f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, subject string) {
		instance, phase, name, err := wire.ParseCall(subject)
		if err != nil {
			require.Equal(t, action.CodeBadField, action.CodeOf(err))
			return
		}
		back, err := wire.CallSubject(instance, phase, name)
		require.NoError(t, err)
		require.Equal(t, subject, back, "one call has one subject")
	})
}

func FuzzParseStoredEvent(f *testing.F) {
	for _, seed := range []string{"callout.event.i.1.5.21.o.user.added", "callout.event.i.+1.5.21.=.t", "callout.event.=.0.0.0.=.t"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, subject string) {
		e, err := wire.ParseStoredEvent(subject)
		if err != nil {
			require.Equal(t, action.CodeBadField, action.CodeOf(err))
			return
		}
		_, err = wire.EventSubject(e.Instance, e.Org, "a", e.Type)
		require.NoError(t, err, "whatever is read could have been published")
		require.Equal(t, subject, fmt.Sprintf("callout.event.%s.%d.%d.%d.%s.%s", wire.Token(e.Instance), e.Lane4, e.Lane16, e.Lane64, wire.Token(e.Org), e.Type))
	})
}

func requireField(t *testing.T, err error, field string) {
	t.Helper()
	var e *action.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, action.CodeBadField, e.Code, "%v", err)
	require.Equal(t, action.StageDecode, e.Stage)
	require.Equal(t, field, e.Field)
}
