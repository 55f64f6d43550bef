package zitadel_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// step is one call: its name in Connect, its method and path in REST, and the
// body. What a path holds is a member of the body in Connect. $name stands for
// the id of the target of that name.
type step struct {
	about      string
	call       string
	rest, path string
	body       string
	connect    string // the body in Connect, where it is another one
}

func create(about, body string) step {
	return step{about: about, call: "CreateTarget", rest: "POST", path: "targets", body: body}
}

func get(about, id string) step {
	return step{about: about, call: "GetTarget", rest: "GET", path: "targets/" + id, connect: fmt.Sprintf(`{"id":%q}`, id)}
}

func change(about, id, body string) step {
	return step{about: about, call: "UpdateTarget", rest: "POST", path: "targets/" + id, body: body,
		connect: strings.Replace(fmt.Sprintf(`{"id":%q,`, id)+body[1:], ",}", "}", 1)}
}

func remove(about, id string) step {
	return step{about: about, call: "DeleteTarget", rest: "DELETE", path: "targets/" + id, connect: fmt.Sprintf(`{"id":%q}`, id)}
}

func targets(about, body string) step {
	return step{about: about, call: "ListTargets", rest: "POST", path: "targets/search", body: body}
}

func set(about, body string) step {
	return step{about: about, call: "SetExecution", rest: "PUT", path: "executions", body: body}
}

func executions(about, body string) step {
	return step{about: about, call: "ListExecutions", rest: "POST", path: "executions/search", body: body}
}

// steps go through every call, one after the other.
var steps = []step{
	create("a webhook", `{"name":"audit","restWebhook":{"interruptOnError":true},"timeout":"10s","endpoint":"https://hooks.example.com/audit"}`),
	create("a call", `{"name":"rename","restCall":{"interruptOnError":false},"timeout":"1.5s","endpoint":"https://hooks.example.com/rename","payloadType":"PAYLOAD_TYPE_JSON"}`),
	create("an async target", `{"name":"log","restAsync":{},"timeout":"270s","endpoint":"https://hooks.example.com/log"}`),
	create("a name that is taken", `{"name":"audit","restAsync":{},"timeout":"10s","endpoint":"https://hooks.example.com/again"}`),
	create("without anything", `{}`),
	create("two kinds, and no time", `{"name":"two","restAsync":{},"restCall":{},"timeout":"0s","endpoint":"https://hooks.example.com/two"}`),
	create("what only the service can tell", `{"name":"wrong","restAsync":{},"timeout":"10s","endpoint":"hooks.example.com"}`),
	create("a payload that there is not yet", `{"name":"secret","restAsync":{},"timeout":"10s","endpoint":"https://hooks.example.com/secret","payloadType":"PAYLOAD_TYPE_JWE"}`),
	create("a value of another type", `{"name":"odd","restWebhook":{"interruptOnError":"yes"}}`),
	create("a time that is none", `{"name":"odd","restAsync":{},"timeout":10,"endpoint":"https://hooks.example.com/odd"}`),

	get("a webhook", "$audit"),
	get("a call", "$rename"),
	get("an async target", "$log"),
	get("one that is not there", "01JZZZZZZZZZZZZZZZZZZZZZZZ"),

	change("time and place", "$audit", `{"timeout":"20s","endpoint":"https://hooks.example.com/audit/2"}`),
	get("changed", "$audit"),
	change("the name", "$log", `{"name":"journal"}`),
	change("the kind, in the other spelling", "$log", `{"rest_call":{"interrupt_on_error":true}}`),
	get("renamed, and a call now", "$log"),
	change("nothing", "$log", `{}`),
	change("back again", "$log", `{"restAsync":{}}`),
	change("one that is not there", "01JZZZZZZZZZZZZZZZZZZZZZZZ", `{"name":"x"}`),
	change("all wrong", "$log", `{"name":"","restAsync":{},"restCall":{},"timeout":"271s","endpoint":"","expirationSigningKey":"5s"}`),
	change("a new key", "$log", `{"expirationSigningKey":"0s"}`),

	targets("all", `{}`),
	targets("a page", `{"pagination":{"offset":1,"limit":1,"asc":true},"sortingColumn":"TARGET_FIELD_NAME_NAME"}`),
	targets("by name", `{"filters":[{"targetNameFilter":{"targetName":"UDI","method":"TEXT_FILTER_METHOD_CONTAINS_IGNORE_CASE"}}]}`),
	targets("by id", `{"filters":[{"inTargetIdsFilter":{"targetIds":["$rename","01JZZZZZZZZZZZZZZZZZZZZZZZ"]}}]}`),
	targets("a part of a name, where the whole is asked for", `{"filters":[{"targetNameFilter":{"targetName":"audi"}}]}`),
	targets("two filters", `{"filters":[{"inTargetIdsFilter":{"targetIds":["$rename","$audit"]}},{"inTargetIdsFilter":{"targetIds":["$log","$audit"]}}]}`),
	targets("none", `{"filters":[{"targetNameFilter":{"targetName":"nobody"}}]}`),
	targets("too many", `{"pagination":{"limit":1001}}`),
	targets("no filter", `{"filters":[{}]}`),

	set("a method", `{"condition":{"request":{"method":"/zitadel.user.v2.UserService/AddHumanUser"}},"targets":["$rename","$audit"]}`),
	set("all requests", `{"condition":{"request":{"all":true}},"targets":["$log"]}`),
	set("a service", `{"condition":{"response":{"service":"zitadel.user.v2.UserService"}},"targets":["$log","$log"]}`),
	set("a function", `{"condition":{"function":{"name":"preaccesstoken"}},"targets":["$rename"]}`),
	set("an event", `{"condition":{"event":{"event":"user.human.added"}},"targets":["$audit"]}`),
	set("a group", `{"condition":{"event":{"group":"user.human"}},"targets":["$audit"]}`),
	set("the same group", `{"condition":{"event":{"group":"user.human.*"}},"targets":["$audit","$log"]}`),
	set("all events", `{"condition":{"event":{"all":true}},"targets":["$log"]}`),
	set("a call on an event", `{"condition":{"event":{"event":"user.human.removed"}},"targets":["$rename"]}`),
	set("a target that is not there", `{"condition":{"request":{"all":true}},"targets":["$log","01JZZZZZZZZZZZZZZZZZZZZZZZ"]}`),
	set("no condition", `{"targets":["$log"]}`),
	set("half a condition", `{"condition":{"request":{}},"targets":["$log"]}`),
	set("two conditions", `{"condition":{"request":{"all":true},"response":{"all":true}},"targets":["$log"]}`),
	set("a method that no core has declared", `{"condition":{"request":{"method":"/zitadel.user.v2.UserService/AddHumanUsr"}},"targets":["$log"]}`),
	set("a group that no core has declared", `{"condition":{"event":{"group":"usr"}},"targets":["$log"]}`),
	set("a method that is none", `{"condition":{"request":{"method":"AddHumanUser"}},"targets":["$log"]}`),

	executions("all", `{"pagination":{"asc":true}}`),
	executions("a page", `{"pagination":{"offset":"1","limit":2,"asc":true},"sortingColumn":"EXECUTION_FIELD_NAME_ID"}`),
	executions("by type", `{"filters":[{"executionTypeFilter":{"executionType":"EXECUTION_TYPE_FUNCTION"}}]}`),
	executions("by target", `{"pagination":{"asc":true},"filters":[{"targetFilter":{"targetId":"$rename"}}]}`),
	executions("by condition", `{"pagination":{"asc":true},"filters":[{"inConditionsFilter":{"conditions":[{"event":{"group":"user.human"}},{"request":{"all":true}},{"request":{"service":"no.Service"}}]}}]}`),
	executions("no filter", `{"filters":[{"executionTypeFilter":{}}]}`),

	remove("in use", "$rename"),
	set("nothing for a method", `{"condition":{"request":{"method":"/zitadel.user.v2.UserService/AddHumanUser"}},"targets":[]}`),
	set("nothing for a function", `{"condition":{"function":{"name":"preaccesstoken"}}}`),
	set("nothing once more", `{"condition":{"function":{"name":"preaccesstoken"}}}`),
	remove("no longer in use", "$rename"),
	remove("once more", "$rename"),
	targets("what remains", `{"pagination":{"asc":true}}`),
	executions("what remains", `{"pagination":{"asc":true}}`),

	{"", "ListExecutionFunctions", "GET", "executions/functions", "", "{}"},
	{"", "ListExecutionMethods", "GET", "executions/methods", "", "{}"},
	{"", "ListExecutionServices", "GET", "executions/services", "", "{}"},

	{"", "AddPublicKey", "POST", "targets/$audit/publickeys", `{"publicKey":"eA=="}`, `{"targetId":"$audit","publicKey":"eA=="}`},
	{"", "ListPublicKeys", "POST", "targets/$audit/publickeys/search", `{}`, `{"targetId":"$audit"}`},
	{"", "ActivatePublicKey", "POST", "targets/$audit/publickeys/k/activate", ``, `{"targetId":"$audit","keyId":"k"}`},
	{"", "DeactivatePublicKey", "POST", "targets/$audit/publickeys/k/deactivate", ``, `{"targetId":"$audit","keyId":"k"}`},
	{"", "RemovePublicKey", "DELETE", "targets/$audit/publickeys/k", ``, `{"targetId":"$audit","keyId":"k"}`},
}

// declared is what the core of the steps can be extended at.
var declared = &calloutv1.Declaration{Core: "zitadel", Functions: []string{"preuserinfo", "preaccesstoken"},
	Methods:    []string{"/zitadel.user.v2.UserService/AddHumanUser", "/zitadel.user.v2.UserService/DeleteUser", "/zitadel.org.v2.OrgService/AddOrg"},
	EventTypes: []string{"user.human.added", "user.human.removed"}}

// TestEveryCall holds the answers of all calls, in both forms, against a file.
func TestEveryCall(t *testing.T) {
	for _, form := range []string{"rest", "connect"} {
		t.Run(form, func(t *testing.T) {
			n := run(t, "")
			_, err := own(t, n).DeclareConditions(within(t), connect.NewRequest(&calloutv1.DeclareConditionsRequest{Declaration: declared}))
			require.NoError(t, err)
			s := newSession(n.HTTPURL())
			for _, st := range steps {
				s.do(t, form, st)
			}
			path := filepath.Join("testdata", form+".golden")
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(s.log.String()), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			asked, expected := strings.Split(s.log.String(), "\n\n"), strings.Split(string(want), "\n\n")
			for i := range min(len(asked), len(expected)) {
				require.Equal(t, expected[i], asked[i], "-update writes %s anew", path)
			}
			require.Len(t, asked, len(expected))
		})
	}
}

var (
	aTime   = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[\d:.]+Z"`)
	aKey    = regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`)
	anID    = regexp.MustCompile(`"id":"([0-9A-Z]{26})"`)
	aName   = regexp.MustCompile(`"name":"(\w+)"`)
	aDetail = regexp.MustCompile(`"value":"[A-Za-z0-9+/]+",`) // the binary form of what stands behind debug
)

// session goes through steps and writes them down. What is another one each
// time is replaced: ids by $name, times, keys.
type session struct {
	url string
	ids map[string]string // by $name
	log strings.Builder
}

func newSession(url string) *session { return &session{url: url, ids: map[string]string{}} }

func (s *session) do(t *testing.T, form string, st step) {
	t.Helper()
	method, path, body := st.rest, "/v2/actions/"+st.path, st.body
	if form == "connect" {
		method, path = "POST", "/zitadel.action.v2.ActionService/"+st.call
		if st.connect != "" {
			body = st.connect
		}
	}
	fmt.Fprintf(&s.log, "%s %s", method, path)
	if st.about != "" {
		fmt.Fprintf(&s.log, "   (%s)", st.about)
	}
	s.log.WriteString("\n" + body + "\n")
	status, answer := ask(t, method, s.url+s.filled(path), s.filled(body), nil)
	if id := anID.FindStringSubmatch(answer); status == 200 && st.call == "CreateTarget" {
		s.ids["$"+aName.FindStringSubmatch(body)[1]] = id[1]
	}
	fmt.Fprintf(&s.log, "-> %d %s\n\n", status, s.masked(answer))
}

func (s *session) filled(text string) string {
	for name, id := range s.ids {
		text = strings.ReplaceAll(text, name, id)
	}
	return text
}

func (s *session) masked(text string) string {
	for name, id := range s.ids {
		text = strings.ReplaceAll(text, id, name)
	}
	text = aDetail.ReplaceAllString(aKey.ReplaceAllString(aTime.ReplaceAllString(text, `"TIME"`), "KEY"), "")
	return strings.TrimSpace(text)
}
