package demo

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"github.com/callout-hq/callout/pkg/sign"
)

// configuration is what an administrator would write for the epic's diagram.
// The waits between attempts are short, so that a broken party is played in
// about a second.
var configuration = template.Must(template.New("callout.yaml").Parse(`version: 1
instance: {{printf "%q" .Instance}}
targets:
  AddMetadataToUser:
    type: call
    url: {{printf "%q" .Metadata}}
    timeout: 5s
    interrupt_on_error: true
    allow: [/metadata]
    signing_key: {file: {{printf "%q" .MetadataKey}}}
  UserAddedHook:
    type: webhook
    url: {{printf "%q" .Hook}}
    timeout: 5s
    retry: {initial: 200ms, max: 1s, max_age: 1m}
    signing_key: {file: {{printf "%q" .HookKey}}}
  ResponseStateAsyncHook:
    type: async
    url: {{printf "%q" .State}}
    timeout: 10s
    retry: {initial: 200ms, max: 1s, max_age: 1m}
    signing_key: {file: {{printf "%q" .StateKey}}}
  CompleteToken:
    type: call
    url: {{printf "%q" .Token}}
    timeout: 5s
    interrupt_on_error: true
    signing_key: {file: {{printf "%q" .TokenKey}}}
requests:
  create_user:
    condition: {{.Method}}
    targets: [{target: AddMetadataToUser}]
events:
  {{.Event}}:
    targets: [{target: UserAddedHook}]
responses:
  create_user:
    condition: {{.Method}}
    targets: [{target: ResponseStateAsyncHook}]
functions:
  {{.Function}}:
    targets: [{target: CompleteToken}]
`))

// places is where the targets listen and where their keys lie.
type places struct {
	Instance, Method, Event, Function        string
	Metadata, Hook, State, Token             string
	MetadataKey, HookKey, StateKey, TokenKey string
}

// yaml is the configuration for p.
func (p places) yaml() ([]byte, error) {
	p.Instance, p.Method, p.Event, p.Function = instance, createUserMethod, userAdded, createIDToken
	var b bytes.Buffer
	if err := configuration.Execute(&b, p); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// newKeyFile makes a signing key and keeps it in a file that only its owner
// reads, as a mounted secret would be.
func newKeyFile(dir string, target Party) (key, path string, err error) {
	key = sign.NewKey()
	path = filepath.Join(dir, string(target)+".key")
	if err := os.WriteFile(path, []byte(key), 0o600); err != nil {
		return "", "", fmt.Errorf("the signing key of %s: %w", target, err)
	}
	return key, path, nil
}
