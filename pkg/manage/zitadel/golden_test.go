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

// member writes the id of a target as a member, before others.
func member(id, members string) string {
	return strings.Replace(fmt.Sprintf(`{"targetId":%q,%s}`, id, members), ",}", "}", 1)
}

func addKey(about, id, members string) step {
	return step{about: about, call: "AddPublicKey", rest: "POST", path: "targets/" + id + "/publickeys", body: "{" + members + "}", connect: member(id, members)}
}

func keys(about, id, members string) step {
	return step{about: about, call: "ListPublicKeys", rest: "POST", path: "targets/" + id + "/publickeys/search", body: "{" + members + "}", connect: member(id, members)}
}

func ofKey(about, call, id, key string) step {
	st := step{about: about, call: call, rest: "POST", path: "targets/" + id + "/publickeys/" + key, connect: member(id, fmt.Sprintf(`"keyId":%q`, key))}
	switch call {
	case "RemovePublicKey":
		st.rest = "DELETE"
	case "ActivatePublicKey":
		st.path += "/activate"
	default:
		st.path += "/deactivate"
	}
	return st
}

// Public keys as they are sent: PEM in base64.
const (
	oneKey     = "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUZrd0V3WUhLb1pJemowQ0FRWUlLb1pJemowREFRY0RRZ0FFaTVxTnk2RWdBdlM0S2Y4TUpLSHpQdEViQXFlOQpQUVVIOUZhcStYc3FqMGVOVS9NREZSWEN5Wk1FN0hlUEN3QUNaanJqVk5wT1hoVnYwcVBWMW9PMnlRPT0KLS0tLS1FTkQgUFVCTElDIEtFWS0tLS0tCg=="
	otherKey   = "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUZrd0V3WUhLb1pJemowQ0FRWUlLb1pJemowREFRY0RRZ0FFRG5sVmdWNEQ4RFlGd05TVGtZRmpvd2dIWC81awpwKzBFbEl0SHJzQzdBMTF3N0tXRWY1Q3FqMzlvb3dUNjNoVWF5K1cxQnFFYXQvcGxFYktpSndpOTdRPT0KLS0tLS1FTkQgUFVCTElDIEtFWS0tLS0tCg=="
	signingKey = "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUNvd0JRWURLMlZ3QXlFQTVkK1RXRDExZUtzT0djSjZnT2ZkbjBsdEthRDA4TTNqRmNYWi9CMStwc1U9Ci0tLS0tRU5EIFBVQkxJQyBLRVktLS0tLQo=" // Ed25519
)

// steps go through every call, one after the other.
var steps = []step{
	create("a webhook", `{"name":"audit","restWebhook":{"interruptOnError":true},"timeout":"10s","endpoint":"https://hooks.example.com/audit"}`),
	create("a call", `{"name":"rename","restCall":{"interruptOnError":false},"timeout":"1.5s","endpoint":"https://hooks.example.com/rename","payloadType":"PAYLOAD_TYPE_JSON"}`),
	create("an async target", `{"name":"log","restAsync":{},"timeout":"270s","endpoint":"https://hooks.example.com/log"}`),
	create("a name that is taken", `{"name":"audit","restAsync":{},"timeout":"10s","endpoint":"https://hooks.example.com/again"}`),
	create("without anything", `{}`),
	create("two kinds, and no time", `{"name":"two","restAsync":{},"restCall":{},"timeout":"0s","endpoint":"https://hooks.example.com/two"}`),
	create("what only the service can tell", `{"name":"wrong","restAsync":{},"timeout":"10s","endpoint":"hooks.example.com"}`),
	create("a payload that there is none of", `{"name":"secret","restAsync":{},"timeout":"10s","endpoint":"https://hooks.example.com/secret","payloadType":99}`),
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
	change("all wrong", "$log", `{"name":"","restAsync":{},"restCall":{},"timeout":"271s","endpoint":"","expirationSigningKey":"2592001s"}`),
	change("a new key", "$log", `{"expirationSigningKey":"0s"}`),
	change("a new key, and the one before for an hour", "$log", `{"expirationSigningKey":"3600s"}`),

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

	create("a payload that is encrypted", `{"name":"secret","restAsync":{},"timeout":"10s","endpoint":"https://hooks.example.com/secret","payloadType":"PAYLOAD_TYPE_JWE"}`),
	get("encrypted", "$secret"),
	change("as it is", "$secret", `{"payloadType":"PAYLOAD_TYPE_JSON"}`),
	change("signed", "$secret", `{"payloadType":"PAYLOAD_TYPE_JWT","name":"secret2"}`),
	get("signed", "$secret"),

	addKey("no PEM", "$secret", `"publicKey":"eA=="`),
	addKey("no base64", "$secret", `"publicKey":"-----BEGIN PUBLIC KEY-----"`),
	addKey("one that signs", "$secret", `"publicKey":"`+signingKey+`"`),
	addKey("none", "$secret", `"expirationDate":"2100-01-01T00:00:00Z"`),
	addKey("one that has expired", "$secret", `"publicKey":"`+oneKey+`","expirationDate":"2020-01-01T00:00:00Z"`),
	addKey("a time that is none", "$secret", `"publicKey":"`+oneKey+`","expirationDate":"tomorrow"`),
	addKey("a target that is not there", "01JZZZZZZZZZZZZZZZZZZZZZZZ", `"publicKey":"`+oneKey+`"`),
	addKey("one", "$secret", `"publicKey":"`+oneKey+`","expirationDate":"2100-01-01T00:00:00Z"`),
	addKey("once more", "$secret", `"public_key":"`+oneKey+`"`),
	addKey("another one", "$secret", `"publicKey":"`+otherKey+`"`),
	ofKey("", "ActivatePublicKey", "$secret", "$key1"),
	ofKey("once more", "ActivatePublicKey", "$secret", "$key1"),
	ofKey("one that is not there", "ActivatePublicKey", "$secret", "k"),
	ofKey("of a target that is not there", "ActivatePublicKey", "01JZZZZZZZZZZZZZZZZZZZZZZZ", "$key1"),
	ofKey("the active one", "RemovePublicKey", "$secret", "$key1"),
	keys("all", "$secret", `"pagination":{"asc":true}`),
	keys("of a target that is not there", "01JZZZZZZZZZZZZZZZZZZZZZZZ", ``),
	keys("a page", "$secret", `"pagination":{"offset":1,"limit":1},"sortingColumn":"PUBLIC_KEY_FIELD_NAME_EXPIRATION_DATE"`),
	keys("the active one", "$secret", `"filters":[{"activeFilter":true}]`),
	keys("the others", "$secret", `"filters":[{"activeFilter":false}]`),
	keys("by id", "$secret", `"filters":[{"keyIdsFilter":{"ids":["$key2","k"]}}]`),
	keys("by expiration", "$secret", `"filters":[{"expirationDateFilter":{"timestamp":"2100-01-01T00:00:00Z","method":"TIMESTAMP_FILTER_METHOD_AFTER"}}]`),
	keys("two filters", "$secret", `"filters":[{"activeFilter":true},{"keyIdsFilter":{"ids":["$key2"]}}]`),
	keys("too many", "$secret", `"pagination":{"limit":1001}`),
	keys("no filter", "$secret", `"filters":[{}]`),
	keys("no time", "$secret", `"filters":[{"expirationDateFilter":{}}]`),
	ofKey("in its place", "ActivatePublicKey", "$secret", "$key2"),
	keys("in its place", "$secret", `"filters":[{"activeFilter":true}]`),
	ofKey("", "DeactivatePublicKey", "$secret", "$key2"),
	ofKey("one that is not there", "DeactivatePublicKey", "$secret", "k"),
	ofKey("", "RemovePublicKey", "$secret", "$key2"),
	ofKey("once more", "RemovePublicKey", "$secret", "$key2"),
	ofKey("one that never was", "RemovePublicKey", "$secret", "k"),
	keys("what remains", "$secret", ``),
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
	aKeyID  = regexp.MustCompile(`"keyId":"([0-9A-Z]{26})"`)
	aName   = regexp.MustCompile(`"name":"(\w+)"`)
	aDetail = regexp.MustCompile(`"value":"[A-Za-z0-9+/]+",`) // the binary form of what stands behind debug
)

// session goes through steps and writes them down. What is another one each
// time is replaced: ids by $name, times, keys.
type session struct {
	url  string
	ids  map[string]string // by $name
	keys int               // public keys that were made
	log  strings.Builder
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
	if status == 200 {
		s.learn(st.call, body, answer)
	}
	fmt.Fprintf(&s.log, "-> %d %s\n\n", status, s.masked(answer))
}

// learn notes the id of what a call made: of a target by its name, of a public key by its
// number.
func (s *session) learn(call, body, answer string) {
	switch call {
	case "CreateTarget":
		s.ids["$"+aName.FindStringSubmatch(body)[1]] = anID.FindStringSubmatch(answer)[1]
	case "AddPublicKey":
		s.keys++
		s.ids[fmt.Sprintf("$key%d", s.keys)] = aKeyID.FindStringSubmatch(answer)[1]
	}
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
