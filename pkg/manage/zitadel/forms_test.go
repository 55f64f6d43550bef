package zitadel_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/callout-hq/callout/pkg/manage/zitadel"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// text is a message as JSON; a client of the test sends it as its form has it.
type text struct{ json string }

// messages is the codec of a client that knows ZITADEL's messages.
type messages struct {
	name   string
	method protoreflect.MethodDescriptor
}

func (m messages) Name() string { return m.name }

func (m messages) Marshal(v any) ([]byte, error) {
	message := dynamicpb.NewMessage(m.method.Input())
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(v.(*text).json), message); err != nil {
		return nil, err
	}
	if m.name == "json" {
		return protojson.Marshal(message)
	}
	return proto.Marshal(message)
}

func (m messages) Unmarshal(raw []byte, v any) error {
	if status, ok := v.(proto.Message); ok { // what gRPC tells of an error
		return proto.Unmarshal(raw, status)
	}
	message := dynamicpb.NewMessage(m.method.Output())
	unmarshal := proto.Unmarshal
	if m.name == "json" {
		unmarshal = protojson.Unmarshal
	}
	if err := unmarshal(raw, message); err != nil {
		return err
	}
	out, err := protojson.Marshal(message)
	v.(*text).json = string(out)
	return err
}

// forms are the ways in which a client may speak.
var forms = map[string][]connect.ClientOption{
	"grpc": {connect.WithGRPC()}, "grpcweb": {connect.WithGRPCWeb()}, "connect": nil,
}

// speaker asks one node in one form.
type speaker struct {
	http     *http.Client
	url      string
	form     string
	codec    string
	service  string
	instance string
}

func (s speaker) ask(ctx context.Context, call, body string) (answer string, err error) {
	found, err := zitadel.Files.FindDescriptorByName(protoreflect.FullName(s.service + "." + call))
	if err != nil {
		return "", err
	}
	options := append([]connect.ClientOption{connect.WithCodec(messages{s.codec, found.(protoreflect.MethodDescriptor)})}, forms[s.form]...)
	req := connect.NewRequest(&text{body})
	req.Header().Set("Callout-Instance", s.instance)
	got, err := connect.NewClient[text, text](s.http, s.url+"/"+s.service+"/"+call, options...).CallUnary(ctx, req)
	if err != nil {
		return "", err
	}
	return got.Msg.json, nil
}

// h2c is a client over HTTP/2 without TLS.
func h2c(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

var asked = regexp.MustCompile(`(?s)^POST \S*/(\w+)[^\n]*\n(.*)\n-> (\d+) (.*)$`)

// TestEveryForm: in each form every call answers what it answers in Connect's JSON,
// which a file holds, and fails with the same code and words. It does so in one of two
// instances, and nothing of it is seen in the other.
func TestEveryForm(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "connect.golden"))
	require.NoError(t, err)
	for form := range forms {
		for _, codec := range []string{"proto", "json"} {
			for _, service := range zitadel.Services() {
				t.Run(form+" "+codec+" "+service, func(t *testing.T) {
					n := run(t, "")
					other, err := own(t, n).CreateInstance(within(t), connect.NewRequest(&calloutv1.CreateInstanceRequest{Instance: "other"}))
					require.NoError(t, err, other)
					_, err = own(t, n).DeclareConditions(within(t), connect.NewRequest(&calloutv1.DeclareConditionsRequest{Instance: "other", Declaration: declared}))
					require.NoError(t, err)
					s := speaker{h2c(t), n.HTTPURL(), form, codec, service, "other"}
					played := play(t, s, strings.Split(strings.TrimSpace(string(golden)), "\n\n"))
					if strings.Contains(service, "v2beta") {
						require.Greater(t, played, 55)
					} else {
						require.Greater(t, played, 95)
					}
					s.instance = ""
					left, err := s.ask(within(t), "ListTargets", `{}`)
					require.NoError(t, err)
					require.JSONEq(t, `{"pagination":{"appliedLimit":"100"}}`, left)
				})
			}
		}
	}
}

// play asks what a golden file asked, and tells how much of it a message can say.
func play(t *testing.T, s speaker, parts []string) (played int) {
	t.Helper()
	names := newSession("")
	for _, part := range parts {
		call, body, status, want := split(t, part)
		beta := strings.Contains(s.service, "v2beta")
		if s.cannotSay(call, names.filled(body)) || beta && strings.Contains(body, "secret") {
			continue
		}
		played++
		answer, err := s.ask(within(t), call, names.filled(body))
		if err != nil {
			requireSameRefusal(t, part, want, names.masked(err.Error()))
			continue
		}
		require.Equal(t, "200", status, part)
		names.learn(call, body, strings.ReplaceAll(answer, " ", ""))
		if beta {
			want = strings.ReplaceAll(want, `,"payloadType":"PAYLOAD_TYPE_JSON"`, "")
		}
		require.JSONEq(t, want, names.masked(answer), part)
	}
	return played
}

func split(t *testing.T, part string) (call, body, status, want string) {
	t.Helper()
	found := asked.FindStringSubmatch(part)
	require.NotNil(t, found, part)
	return found[1], found[2], found[3], found[4]
}

// cannotSay tells whether a body is none that a message could be, or a call is not of
// this version.
func (s speaker) cannotSay(call, body string) bool {
	found, err := zitadel.Files.FindDescriptorByName(protoreflect.FullName(s.service + "." + call))
	if err != nil {
		return true
	}
	message := dynamicpb.NewMessage(found.(protoreflect.MethodDescriptor).Input())
	return (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(body), message) != nil
}

func requireSameRefusal(t *testing.T, part, want, got string) {
	t.Helper()
	var refusal struct{ Code, Message string }
	require.NoError(t, json.Unmarshal([]byte(want), &refusal), part)
	require.Equal(t, fmt.Sprintf("%s: %s", refusal.Code, refusal.Message), got, part)
}
