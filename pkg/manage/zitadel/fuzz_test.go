package zitadel

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// FuzzDecode: a body is refused, or read as it stands; what is answered is JSON.
func FuzzDecode(f *testing.F) {
	for _, raw := range []string{`{}`, `{"name":"a","restWebhook":{"interruptOnError":true},"timeout":"10s"}`, `{"rest_webhook":{},"restWebhook":{}}`, `null`, `[]`, "{\"name\":\"\xff\"}", `{"pagination":{"limit":"7","offset":-1}}`, `{"timeout":"1e9s"}`, `{"a_":1,"_a":2,"a__b":3}`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m map[string]any
		if err := decode(raw, &m); err != nil {
			return
		}
		require.NoError(t, wire.CheckJSON(encode(m)))
		for _, into := range []any{new(createTargetRequest), new(target), new(setExecutionRequest), new(listExecutionsRequest), new(targetID), new(pagination), new(condition), new(addPublicKeyRequest), new(listPublicKeysRequest), new(keyID)} {
			_ = decode(raw, into)
		}
	})
}

// FuzzMessage: a message of protobuf is refused, or becomes JSON that is read as any
// other; and what is answered becomes a message.
func FuzzMessage(f *testing.F) {
	for _, raw := range []string{"", "\x0a\x05audit\x12\x02\x08\x01\x2a\x02\x08\x0a\x32\x01x", "\x0a\x01\xff", "\x2a\x02\x10\xff", "{}", "\x0b\x0b\x0b"} {
		for call := range uint8(4) {
			f.Add(call, []byte(raw))
		}
	}
	calls := []string{"CreateTarget", "UpdateTarget", "ListTargets", "SetExecution", "ListExecutions", "AddPublicKey", "ListPublicKeys"}
	into := []func() any{
		func() any { return new(createTargetRequest) }, func() any { return new(updateTargetRequest) }, func() any { return new(listTargetsRequest) },
		func() any { return new(setExecutionRequest) }, func() any { return new(listExecutionsRequest) }, func() any { return new(addPublicKeyRequest) },
		func() any { return new(listPublicKeysRequest) },
	}
	f.Fuzz(func(t *testing.T, call uint8, raw []byte) {
		at := int(call) % len(calls)
		kind := methodOf(versions[0].service, calls[at]).Input()
		text, err := (&document{raw: raw, binary: kind}).json()
		if err != nil {
			require.Equal(t, action.CodeMalformed, action.CodeOf(err))
			return
		}
		require.NoError(t, wire.CheckJSON(text))
		_ = decode(text, into[at]())
		_, err = asBinary(text, kind)
		require.NoError(t, err)
	})
}
