package dispatch

import (
	"bytes"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// cloudPrefix begins the headers of a CloudEvent in binary mode, in canonical form.
const cloudPrefix = "Ce-"

// takesCloudEvents tells whether a request is one that CloudEvents may be sent with, by
// its type or by its headers: a page of somebody else can send neither without asking
// first.
func takesCloudEvents(r *http.Request, media string) bool {
	return strings.HasPrefix(r.URL.Path, "/v1/instances/") && strings.HasSuffix(r.URL.Path, "/events") &&
		(media == wire.TypeCloudEvent || media == wire.TypeCloudEvents || isBinary(r.Header))
}

// isBinary tells whether headers are those of a CloudEvent in binary mode: one that
// lacks some of them is told so.
func isBinary(h http.Header) bool {
	return slices.ContainsFunc([]string{"Ce-Specversion", "Ce-Id", "Ce-Type", "Ce-Source"}, func(name string) bool { return len(h[name]) > 0 })
}

// asEvents gives the events of a request as those of our own form, which it may be in
// anyway: a CloudEvent in structured or binary mode, or a batch of them, in their
// order. The error names the attribute.
func asEvents(r *http.Request, raw []byte) (events []byte, isCloud bool, err error) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case media == wire.TypeCloudEvent:
		events, err = wire.ReadCloudEvent(raw)
	case media == wire.TypeCloudEvents:
		events, err = readCloudBatch(raw)
	case isBinary(r.Header):
		events, err = wire.ReadCloudHeaders(cloudAttributes(r.Header), r.Header.Get("Content-Type"), raw)
	default:
		return raw, false, nil
	}
	return events, true, err
}

// attributeOf names the attribute that a member of an event came from.
var attributeOf = map[string]string{
	"aggregateID": "subject", "event_type": "type", "event_payload": "data", "resourceOwner": "org", "instanceID": "instance",
}

// asAttribute has an error name what its sender knows: the attribute, not the member
// that it became.
func asAttribute(err error) error {
	refusal := action.AsError(err, action.StageDecode)
	at, member := "", refusal.Field
	if dot := strings.LastIndexByte(member, '.'); dot >= 0 {
		at, member = member[:dot+1], member[dot+1:]
	}
	attribute, ok := attributeOf[member]
	if !ok {
		return err
	}
	out := *refusal.WithField(at + attribute)
	if rest, named := strings.CutPrefix(out.Message, member+":"); named {
		out.Message = attribute + ":" + rest
	}
	return &out
}

func readCloudBatch(raw []byte) ([]byte, error) {
	all, err := wire.Elements(raw)
	if err != nil {
		return nil, err
	}
	for n, one := range all {
		if all[n], err = wire.ReadCloudEvent(one); err != nil {
			refusal := action.AsError(err, action.StageDecode)
			return nil, refusal.WithField(strings.TrimSuffix("["+strconv.Itoa(n)+"]."+refusal.Field, "."))
		}
	}
	return slices.Concat([]byte{'['}, bytes.Join(all, []byte{','}), []byte{']'}), nil
}

// cloudAttributes are those that headers tell, by their names. One that stands twice
// does so here too.
func cloudAttributes(h http.Header) []wire.Attribute {
	var all []wire.Attribute
	for name, values := range h {
		if attribute, is := strings.CutPrefix(name, cloudPrefix); is {
			for _, value := range values {
				all = append(all, wire.Attribute{Name: strings.ToLower(attribute), Value: value})
			}
		}
	}
	slices.SortFunc(all, func(a, b wire.Attribute) int { return strings.Compare(a.Name, b.Name) })
	return all
}
