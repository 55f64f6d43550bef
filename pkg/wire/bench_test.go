package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// BenchmarkNewCall reads the body of a call with an object of about 1 KiB, in
// one long text and in many short members.
func BenchmarkNewCall(b *testing.B) {
	var members []string
	for i := range 30 {
		members = append(members, fmt.Sprintf(`"member%d":{"value":%d,"text":"some text"}`, i, i))
	}
	for name, object := range map[string]string{
		"one text":     `{"pad":"` + strings.Repeat("x", 1000) + `"}`,
		"many members": "{" + strings.Join(members, ",") + "}",
	} {
		body := (&wire.CallBody{FullMethod: "/a.S/M", InstanceID: "default", OrgID: "acme", Request: []byte(object)}).Append(nil)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := wire.NewCall("default", action.Request, "/a.S/M", body, 1<<20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStoredEvent reads what a worker reads of each event before it is
// sent: the subject, the body, and that they agree.
func BenchmarkStoredEvent(b *testing.B) {
	payload := `{"pad":"` + strings.Repeat("x", 1000) + `"}`
	event := action.Event{AggregateID: "u1", AggregateType: "user", ResourceOwner: "acme", InstanceID: "default",
		Version: "v1", Sequence: 7, Type: "user.added", Payload: []byte(payload)}
	body, err := wire.EncodeEvent(event)
	if err != nil {
		b.Fatal(err)
	}
	lane := wire.Partition("u1", 64)
	subject := fmt.Sprintf("callout.event.default.%d.%d.%d.acme.user.added", lane%4, lane%16, lane)
	b.Run("subject", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := wire.ParseStoredEvent(subject); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("body", func(b *testing.B) {
		b.ReportAllocs()
		at, _ := wire.ParseStoredEvent(subject)
		for b.Loop() {
			facts, err := wire.ReadEvent(body)
			if err == nil {
				err = wire.CheckStored(at, facts)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
