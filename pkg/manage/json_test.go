package manage_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// conversation is a talk with the service in JSON, as anybody could have it. In
// an answer, what differs from run to run is written ID, TIME, ETAG and KEY.
var conversation = []struct {
	method, body string
	status       int
	answer       string
}{
	{"CreateTarget", `{"target":{"name":"audit","type":"webhook","url":"https://a.example/audit","timeout":"2s","retry":{"attempts":3}}}`, 200,
		`{"target":{"name":"audit","id":"ID","type":"webhook","url":"https://a.example/audit","timeout":"2s","mapping":"merge",` +
			`"retry":{"initial":"1s","max":"300s","maxAge":"86400s","attempts":3},"signature":["zitadel","standard"],"lanes":1,"etag":"ETAG","createTime":"TIME","updateTime":"TIME"},` +
			`"signingKey":"KEY","revision":"2"}`},
	{"CreateTarget", `{"target":{"name":"audit","type":"frob","lanes":3}}`, 409, `"code":"already_exists"`},
	{"CreateTarget", `{"target":{"name":"b","type":"frob","lanes":3}}`, 400, `"path":"target.lanes","severity":"SEVERITY_ERROR","code":"out_of_range","message":"lanes is 1, 4, 16 or 64"`},
	{"SetExecution", `{"execution":{"phase":"PHASE_EVENT","condition":"user.*","targets":[{"target":"audit"}],"maxStop":"3600s"},"requestId":"42"}`, 200,
		`{"execution":{"phase":"PHASE_EVENT","condition":"user.*","name":"user.*","targets":[{"target":"audit"}],"maxStop":"3600s","etag":"ETAG","id":"ID","createTime":"TIME","updateTime":"TIME"},` +
			`"revision":"3","created":true,"changed":true}`},
	{"GetTarget", `{"name":"audit"}`, 200, `"usedBy":["events.user.*"]}`},
	{"GetExecution", `{"phase":"PHASE_EVENT","condition":"user.*"}`, 200, `"revision":"3"}`},
	{"ListTargets", `{"filter":{"labels":{}},"pageSize":1}`, 200, `"totalSize":1,"revision":"3"}`},
	{"ListExecutions", `{"filter":{"phases":["PHASE_EVENT"],"org":"*"},"orderBy":"create_time desc"}`, 200, `"totalSize":1,"revision":"3"}`},
	{"UpdateTarget", `{"target":{"name":"audit","labels":{"team":"blue"}},"updateMask":"labels,retry.attempts"}`, 200, `"labels":{"team":"blue"}`},
	{"UpdateTarget", `{"target":{"name":"audit"},"updateMask":"retry.maxAge","etag":"x"}`, 400, `unknown field \"etag\"`},
	{"DeleteTarget", `{"name":"audit"}`, 400, `"code":"still_used"`},
	{"ListRevisions", `{"pageSize":1}`, 200, `{"revisions":[{"revision":"4","createTime":"TIME","source":"api UpdateTarget","changed":1}],"nextPageToken":"4"}`},
	{"DiffRevisions", `{}`, 200, `{"from":"3","to":"4","changes":[{"action":"ACTION_CHANGED","kind":"KIND_TARGET","name":"audit","fields":["labels","retry"],"differences":[{"field":"retry.attempts","before":"3"},{"field":"labels.team","after":"blue"}]}]}`},
	{"Rollback", `{"revision":"2","dryRun":true}`, 200, `{"revision":"4","changed":true,"changes":[{"action":"ACTION_CHANGED","kind":"KIND_TARGET","name":"audit","fields":["labels","retry"],"differences":[{"field":"retry.attempts","after":"3"},{"field":"labels.team","before":"blue"}]},` +
		`{"action":"ACTION_REMOVED","kind":"KIND_EXECUTION","phase":"PHASE_EVENT","name":"user.*","condition":"user.*"}]}`},
	{"DeleteExecution", `{"phase":"PHASE_EVENT","condition":"user.*","waiting":"WAITING_DRAIN"}`, 200,
		`{"revision":"5","job":{"id":"ID","kind":"drain","about":"execution user.*","state":"running","createTime":"TIME"}}`},
	{"DeleteTarget", `{"name":"audit","waiting":"WAITING_DISCARD"}`, 200,
		`{"revision":"6","job":{"id":"ID","kind":"discard","about":"target audit","state":"done","createTime":"TIME","endTime":"TIME"}}`},
	{"Export", `{"revision":"2"}`, 200, `"revision":"2","configuration":"version: 1\ninstance: default\ntargets:\n  audit:\n`},
}

var varying = []struct {
	pattern *regexp.Regexp
	word    string
}{
	{regexp.MustCompile(`"id":"[0-9A-Z]{26}"`), `"id":"ID"`}, {regexp.MustCompile(`"etag":"[0-9a-f]{16}"`), `"etag":"ETAG"`},
	{regexp.MustCompile(`"(create|update|end)Time":"[0-9T:.Z-]+"`), `"${1}Time":"TIME"`}, {regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`), "KEY"},
}

func plainWords(t *testing.T, answer string) string {
	t.Helper()
	var b json.RawMessage = []byte(answer)
	raw, err := json.Marshal(b) // without the spaces that the server puts in at random
	require.NoError(t, err)
	for _, v := range varying {
		raw = v.pattern.ReplaceAll(raw, []byte(v.word))
	}
	return string(raw)
}

func TestConversationInJSON(t *testing.T) {
	t.Parallel()
	n := run(t, "", nil)
	for _, tt := range conversation {
		status, answer := post(t, n.HTTPURL()+"/callout.v1.ActionService/"+tt.method, tt.body, nil)
		require.Equal(t, tt.status, status, "%s %s: %s", tt.method, tt.body, answer)
		require.Contains(t, plainWords(t, answer), tt.answer, "%s %s", tt.method, tt.body)
	}
}

// TestConversationByReflection has the same talk as gRPC, with messages that it
// learns of from the server alone.
func TestConversationByReflection(t *testing.T) {
	t.Parallel()
	n := run(t, "", nil)
	h2 := &http.Transport{Protocols: new(http.Protocols)}
	h2.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(h2.CloseIdleConnections)
	stream := grpcreflect.NewClient(&http.Client{Transport: h2}, n.HTTPURL(), connect.WithGRPC()).NewStream(within(t))
	files, err := stream.FileContainingSymbol("callout.v1.ActionService")
	require.NoError(t, err)
	set := &descriptorpb.FileDescriptorSet{}
	known := map[string]bool{}
	for len(files) > 0 {
		file := files[0]
		if files = files[1:]; known[file.GetName()] {
			continue
		}
		known[file.GetName()] = true
		set.File = append(set.File, file)
		for _, needed := range file.GetDependency() {
			more, err := stream.FileByFilename(needed)
			require.NoError(t, err)
			files = append(files, more...)
		}
	}
	_, err = stream.Close()
	require.NoError(t, err)
	slices.Reverse(set.File)
	registry, err := protodesc.NewFiles(set)
	require.NoError(t, err)
	for _, tt := range conversation {
		answer, err := callByName(t, &http.Client{Transport: h2}, n.HTTPURL(), registry, tt.method, tt.body)
		switch {
		case tt.status == 200:
			require.NoError(t, err, tt.method)
			require.Contains(t, plainWords(t, answer), tt.answer, "%s %s", tt.method, tt.body)
		case strings.Contains(tt.answer, "unknown field"):
			require.ErrorContains(t, err, "unknown field")
		default:
			require.Error(t, err, tt.method)
		}
	}
}

// callByName calls a method with a message that is made of JSON.
func callByName(t *testing.T, by *http.Client, url string, registry *protoregistry.Files, method, body string) (string, error) {
	t.Helper()
	found, err := registry.FindDescriptorByName(protoreflect.FullName("callout.v1.ActionService." + method))
	require.NoError(t, err)
	m := found.(protoreflect.MethodDescriptor)
	question := dynamicpb.NewMessage(m.Input())
	if err := protojson.Unmarshal([]byte(body), question); err != nil {
		return "", err
	}
	c := connect.NewClient[dynamicpb.Message, dynamicpb.Message](by, url+"/callout.v1.ActionService/"+method, connect.WithGRPC(), connect.WithSchema(m),
		connect.WithResponseInitializer(func(_ connect.Spec, message any) error {
			*message.(*dynamicpb.Message) = *dynamicpb.NewMessage(m.Output())
			return nil
		}))
	answer, err := c.CallUnary(within(t), connect.NewRequest(question))
	if err != nil {
		return "", err
	}
	raw, err := protojson.Marshal(answer.Msg)
	return string(raw), err
}
