package manage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

const configured = `
targets:
  log: {type: async, url: "https://a.example/log"}
  check: {type: webhook, url: "https://a.example/check"}
  spare: {type: call, url: "https://a.example/spare"}
requests:
  base: {targets: [{target: log}]}
  "*": {targets: [{include: base}]}
  add: {condition: /s.S/Add, targets: [{target: check}, {include: base}]}
events: {"user.*": {targets: [{target: log}]}}
orgs: {acme: {targets: {log: {type: webhook, url: "https://acme.example/log"}}, events: {user.added: {targets: [{target: check}, {target: log}]}}}}
`

// asked is a question of any kind.
type asked func(*testing.T) error

func TestObjectRefusals(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, configured, nil))
	create := func(target *calloutv1.Target) asked {
		return func(t *testing.T) error {
			_, err := c.CreateTarget(within(t), connect.NewRequest(&calloutv1.CreateTargetRequest{Target: target}))
			return err
		}
	}
	update := func(target *calloutv1.Target, mask ...string) asked {
		return func(t *testing.T) error {
			_, err := c.UpdateTarget(within(t), connect.NewRequest(&calloutv1.UpdateTargetRequest{Target: target, UpdateMask: &fieldmaskpb.FieldMask{Paths: mask}}))
			return err
		}
	}
	remove := func(q *calloutv1.DeleteTargetRequest) asked {
		return func(t *testing.T) error {
			_, err := c.DeleteTarget(within(t), connect.NewRequest(q))
			return err
		}
	}
	set := func(e *calloutv1.Execution, createOnly bool) asked {
		return func(t *testing.T) error {
			_, err := c.SetExecution(within(t), connect.NewRequest(&calloutv1.SetExecutionRequest{Execution: e, CreateOnly: createOnly}))
			return err
		}
	}
	drop := func(q *calloutv1.DeleteExecutionRequest) asked {
		return func(t *testing.T) error {
			_, err := c.DeleteExecution(within(t), connect.NewRequest(q))
			return err
		}
	}
	const (
		request = calloutv1.Phase_PHASE_REQUEST
		event   = calloutv1.Phase_PHASE_EVENT
	)
	good := func(change func(*calloutv1.Target)) *calloutv1.Target {
		target := &calloutv1.Target{Name: "new", Type: "webhook", Url: "https://a.example/new"}
		change(target)
		return target
	}
	include := []*calloutv1.Entry{{Entry: &calloutv1.Entry_Include{Include: "base"}}}
	for _, tt := range []struct {
		name string
		ask  asked
		code connect.Code
		want string // code field: message
		all  string // paths of the problems
	}{
		{"nothing to make", create(nil), connect.CodeInvalidArgument, "bad_field target: target: a target is needed", "target"},
		{"everything is wrong", create(&calloutv1.Target{Org: "\x01", Name: "a,b", Type: "frob", Timeout: durationpb.New(time.Hour), Headers: map[string]string{"Host": "x"},
			Rate: "many", Retry: &calloutv1.Retry{Attempts: 5000}, Lanes: 3, Egress: &calloutv1.Egress{Allow: []string{"10.0.0.0/99"}}, Breaker: &calloutv1.Breaker{Failures: 1},
			SigningKey: &calloutv1.KeySource{}, Allow: []string{"x"}, Signature: []string{"mine"}, Labels: map[string]string{" ": ""}}),
			connect.CodeInvalidArgument, "bad_field target.org: target.org: an id has no control characters; target.name: a name has 1 to 100 letters, digits, spaces or _ - . * /; " +
				"target.allow[0]: a JSON pointer begins with /, such as /user/displayName; and 13 more",
			"target.org target.name target.allow[0] target.breaker target.egress target.egress.allow[0] target.headers.Host target.labels.\" \" target.lanes target.rate " +
				"target.retry.attempts target.signature[0] target.signing_key target.timeout target.type target.url"},
		{"an instance that is none", func(t *testing.T) error {
			_, err := c.CreateTarget(within(t), connect.NewRequest(&calloutv1.CreateTargetRequest{Instance: "a\x01", Target: good(func(*calloutv1.Target) {})}))
			return err
		}, connect.CodeInvalidArgument, "bad_field instance: instance: an id has no control characters", "instance"},
		{"it is there", create(good(func(w *calloutv1.Target) { w.Name = "log" })), connect.CodeAlreadyExists, `already_exists target.name: there is a target "log" already`, ""},
		{"a key that is not there", create(good(func(w *calloutv1.Target) { w.SigningKey = &calloutv1.KeySource{Env: "CALLOUT_NO_SUCH_KEY"} })),
			connect.CodeInvalidArgument, "bad_field target.signing_key.env: over the API no variable of the dispatcher's environment can be named: it was started without --key-env", ""},
		{"no duration", create(good(func(w *calloutv1.Target) { w.Timeout = &durationpb.Duration{Seconds: 1, Nanos: -1} })),
			connect.CodeInvalidArgument, `bad_field target.timeout: target.timeout: "timeout" is a duration with its unit, such as 500ms, 10s, 5m or 24h`, "target.timeout"},

		{"no such target", update(&calloutv1.Target{Name: "chekc", Url: "https://b.example"}, "url"), connect.CodeNotFound,
			`not_found target.name: no target is named "chekc"; did you mean "check"?`, ""},
		{"no such id", update(&calloutv1.Target{Id: "01J"}, "url"), connect.CodeNotFound, `not_found target.id: no target has the id "01J"`, ""},
		{"another etag", update(&calloutv1.Target{Name: "check", Etag: "0", Url: "https://b.example"}, "url"), connect.CodeAborted,
			`conflict target.etag: the target was changed: its etag is ` + etagOf(t, c, "check") + `, not "0"`, ""},
		{"fields that are none", update(&calloutv1.Target{Name: "check"}, "uri", "id", "timeout.seconds", "headers.X-Team", "retry.most"), connect.CodeInvalidArgument,
			`bad_field update_mask: update_mask: "uri" is no field of a target; update_mask: id cannot be set; ` +
				`update_mask: "timeout.seconds" names no field; timeout is set as a whole; and 2 more`, "update_mask update_mask update_mask update_mask update_mask"},
		{"a name beside an id", update(&calloutv1.Target{Id: idOf(t, c, "check"), Name: "checks", Url: "https://b.example"}, "url"), connect.CodeInvalidArgument,
			"bad_field target.name: another name is given by putting name into update_mask", ""},
		{"a name that is taken", update(&calloutv1.Target{Id: idOf(t, c, "check"), Name: "spare"}, "name"), connect.CodeInvalidArgument,
			`bad_field target.name: there is a target "spare" already`, ""},
		{"no name", update(&calloutv1.Target{Id: idOf(t, c, "check")}, "name"), connect.CodeInvalidArgument, "bad_field target.name: target.name: a target has a name", "target.name"},
		{"a name that an organization has", func(t *testing.T) error {
			ask(t, c.CreateTarget, &calloutv1.CreateTargetRequest{Target: good(func(w *calloutv1.Target) { w.Org, w.Name = "acme", "theirs" })})
			return update(&calloutv1.Target{Id: idOf(t, c, "check"), Name: "theirs"}, "name")(t)
		}, connect.CodeInvalidArgument, `bad_field target.name: orgs.acme.events.user.added would then mean the target "theirs" of organization "acme"`, ""},
		{"a name that the instance has", func(t *testing.T) error {
			id := ask(t, c.GetTarget, &calloutv1.GetTargetRequest{Org: "acme", Name: "theirs"}).GetTarget().GetId()
			return update(&calloutv1.Target{Org: "acme", Id: id, Name: "check"}, "name")(t)
		}, connect.CodeInvalidArgument, `bad_field target.name: orgs.acme.events.user.added names the target "check" of the instance, and would then mean this one`, ""},
		{"what uses it does not fit", update(&calloutv1.Target{Name: "log", Type: "call"}, "type"), connect.CodeInvalidArgument, `bad_catalog : it does not fit the rest: events."user.*".targets[0].target: an event goes to webhook and async targets only`,
			`events."user.*".targets[0].target`},
		{"both wrong", update(&calloutv1.Target{Name: "check", Lanes: 5, Concurrency: 1 << 30}, "lanes", "concurrency"), connect.CodeInvalidArgument,
			"bad_field target.concurrency: target.concurrency: concurrency is between 1 and 10000; target.lanes: lanes is 1, 4, 16 or 64", "target.concurrency target.lanes"},

		{"used", remove(&calloutv1.DeleteTargetRequest{Name: "check"}), connect.CodeFailedPrecondition,
			`still_used : the target "check" is used in 2 places: requests.add, orgs.acme.events.user.added`, ""},
		{"not there", remove(&calloutv1.DeleteTargetRequest{Name: "nobody"}), connect.CodeNotFound, `not_found name: no target is named "nobody"`, ""},
		{"both", remove(&calloutv1.DeleteTargetRequest{Name: "check", Id: "x"}), connect.CodeInvalidArgument, "bad_field id: one of name and id says which target is meant, not both", ""},
		{"another etag of a target", remove(&calloutv1.DeleteTargetRequest{Name: "spare", Etag: "0"}), connect.CodeAborted,
			`conflict etag: the target was changed: its etag is ` + etagOf(t, c, "spare") + `, not "0"`, ""},
		{"what waits", remove(&calloutv1.DeleteTargetRequest{Name: "spare", Waiting: 7}), connect.CodeInvalidArgument,
			"bad_field waiting: what waits is drained or discarded, or the delete is refused when anything does", ""},
		{"the id of an execution", remove(&calloutv1.DeleteTargetRequest{
			Id: ask(t, c.GetExecution, &calloutv1.GetExecutionRequest{Phase: request, Name: "add"}).GetExecution().GetId()}), connect.CodeNotFound, "not_found id: ", ""},
		{"of another scope", remove(&calloutv1.DeleteTargetRequest{Org: "acme", Id: idOf(t, c, "check")}), connect.CodeNotFound, "not_found id: ", ""},

		{"an execution that is none", set(nil, false), connect.CodeInvalidArgument, "bad_field execution.phase: ", "execution.phase execution.condition execution.targets"},
		{"unknown names", set(&calloutv1.Execution{Phase: request, Condition: "/s.S/New", Targets: append(entries("chekc", "base"), &calloutv1.Entry{}, &calloutv1.Entry{Entry: &calloutv1.Entry_Include{Include: "bas"}})}, false),
			connect.CodeInvalidArgument, "bad_field execution.targets[0].target: ",
			"execution.targets[0].target execution.targets[1].target execution.targets[2] execution.targets[3].include"},
		{"settings of others", set(&calloutv1.Execution{Phase: request, Condition: "no such thing!", OnExhausted: "stop", OnUnavailable: "maybe", Targets: entries("log"), MaxStop: durationpb.New(time.Hour)}, false),
			connect.CodeInvalidArgument, "bad_field execution.condition: ", "execution.condition execution.max_stop execution.on_exhausted execution.on_unavailable"},
		{"a list with a condition's name", set(&calloutv1.Execution{Phase: request, Name: "a.b", Targets: entries("log")}, false), connect.CodeInvalidArgument,
			"bad_field execution.name: ", "execution.name"},
		{"a name that another has", set(&calloutv1.Execution{Phase: request, Condition: "/s.S/Other", Name: "add", Targets: entries("log")}, false), connect.CodeInvalidArgument,
			`bad_field execution.name: execution.name: "add" stands twice in this section`, "execution.name"},
		{"a call in an event", set(&calloutv1.Execution{Phase: event, Condition: "a.b", Targets: entries("spare")}, false), connect.CodeInvalidArgument,
			`bad_field execution.targets[0].target: execution.targets[0].target: an event goes to webhook and async targets only, and "spare" is a call target`, "execution.targets[0].target"},
		{"a ring", set(&calloutv1.Execution{Phase: request, Name: "base", Targets: []*calloutv1.Entry{{Entry: &calloutv1.Entry_Include{Include: "*"}}}}, false),
			connect.CodeInvalidArgument, "bad_catalog : ", `requests."*".targets[0].include`},
		{"another name while others include it", set(&calloutv1.Execution{Phase: request, Condition: "*", Name: "every", Targets: include, Etag: "0"}, false), connect.CodeAborted,
			"conflict execution.etag: ", ""},
		{"an etag of nothing", set(&calloutv1.Execution{Phase: event, Condition: "a.b", Targets: entries("log"), Etag: "0"}, false), connect.CodeAborted,
			`conflict execution.etag: an etag was given, and there is not an execution for "a.b" any more`, ""},
		{"made twice", set(&calloutv1.Execution{Phase: request, Condition: "/s.S/Add", Targets: entries("log")}, true), connect.CodeAlreadyExists,
			`already_exists execution.condition: there is an execution for "/s.S/Add" already`, ""},
		{"a list made twice", set(&calloutv1.Execution{Phase: request, Name: "base", Targets: entries("log")}, true), connect.CodeAlreadyExists,
			`already_exists execution.name: there is a list "base" already`, ""},

		{"included", drop(&calloutv1.DeleteExecutionRequest{Phase: request, Name: "base"}), connect.CodeFailedPrecondition,
			`still_used : the list "base" is used in 2 places: requests.*, requests.add`, ""},
		{"no execution", drop(&calloutv1.DeleteExecutionRequest{Phase: request, Condition: "/s.S/Ad"}), connect.CodeNotFound,
			`not_found condition: no request execution has the condition "/s.S/Ad"`, ""},
		{"no execution of an organization", drop(&calloutv1.DeleteExecutionRequest{Phase: request, Org: "acme", Name: "add"}), connect.CodeNotFound,
			`not_found name: no request execution has the name "add" in organization "acme"`, ""},
		{"which one", drop(&calloutv1.DeleteExecutionRequest{Phase: request}), connect.CodeInvalidArgument, "bad_field condition: ", ""},
		{"of no phase", drop(&calloutv1.DeleteExecutionRequest{Name: "add"}), connect.CodeInvalidArgument, "bad_field phase: ", ""},
		{"another etag of an execution", drop(&calloutv1.DeleteExecutionRequest{Phase: request, Name: "add", Etag: "0"}), connect.CodeAborted, "conflict etag: the execution was changed: ", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := ask(t, c.Export, &calloutv1.ExportRequest{})
			err := tt.ask(t)
			var of *connect.Error
			require.ErrorAs(t, err, &of)
			require.Equal(t, tt.code, of.Code(), err)
			d := manage.Detail(err)
			require.Contains(t, fmt.Sprintf("%s %s: %s", d.GetCode(), d.GetField(), of.Message()), tt.want)
			var paths []string
			for _, p := range d.GetProblems() {
				paths = append(paths, p.GetPath())
			}
			require.Equal(t, tt.all, strings.Join(paths, " "), "%v", d)
			if !strings.Contains(tt.name, "a name that an organization has") {
				require.Equal(t, before.GetRevision(), ask(t, c.GetRevision, &calloutv1.GetRevisionRequest{}).GetRevision())
			}
		})
	}
}
