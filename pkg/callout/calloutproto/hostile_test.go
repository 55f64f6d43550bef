package calloutproto_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
)

func unmarshal(text string, into proto.Message) error {
	return protojson.Unmarshal([]byte(text), into)
}

// TestHostileAnswersAreTakenWholeOrNotAtAll: whatever comes back, there is no
// panic, the message is as it was, and the result is the answer or nothing.
func TestHostileAnswersAreTakenWholeOrNotAtAll(t *testing.T) {
	taken, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m := fitting(t, "message")
		kept := proto.Clone(m)
		sent, err := calloutproto.Encode(m)
		require.NoError(t, err)
		changed := "{" + strings.Join(drawFields(t, "answer", true), ",") + "}"
		got, err := calloutproto.Apply(m, sent, []byte(changed))
		require.True(t, proto.Equal(kept, m), "the message was touched by %s", changed)

		want := newEvery()
		strict := unmarshal(changed, want)
		if err != nil {
			refused++
			require.Error(t, strict, changed)
			require.Nil(t, got)
			require.Equal(t, action.CodeAnswerMalformed, action.CodeOf(err), "%s: %v", changed, err)
			return
		}
		taken++
		if strict == nil {
			require.True(t, proto.Equal(want, got), "%s gave %v", changed, got)
		}
		again, err := calloutproto.Encode(got)
		require.NoError(t, err, changed)
		same, err := calloutproto.Apply(got, again, again)
		require.NoError(t, err)
		require.True(t, proto.Equal(got, same))
	})
	require.NotZero(t, taken, "the answers are all refused: they test nothing")
	require.NotZero(t, refused)
}

// TestUnknownMembersChangeNothing: with them the result is what it is without.
func TestUnknownMembersChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, to := fitting(t, "from"), fitting(t, "to")
		sent, err := calloutproto.Encode(m)
		require.NoError(t, err)
		changed, err := calloutproto.Encode(to)
		require.NoError(t, err)
		more := `{"nickname":{"a":[1,{"b":null}]},` + strings.TrimPrefix(string(changed), "{")
		if len(changed) == 2 {
			more = `{"nickname":7}`
		}
		got, err := calloutproto.Apply(m, sent, []byte(more))
		require.NoError(t, err, more)
		require.True(t, proto.Equal(to, got), "from %s by %s: %v", sent, more, got)
	})
}

// TestABranchThatCameReplacesTheOneThatWas goes from every branch to every
// other, at the top and below, as merging leaves it: both stand in the object.
func TestABranchThatCameReplacesTheOneThatWas(t *testing.T) {
	below := []string{`%`, `{"sMessage":%}`, `{"rMessage":[{"sBool":true},%]}`, `{"mMessage":{"k":%}}`, `{"pMessage":{"sMessage":%}}`, `{"oMessage":%}`}
	for _, from := range kinds {
		for _, to := range kinds {
			if from.name == to.name {
				continue
			}
			a := `"` + jsonName("o_"+from.name) + `":` + from.good[0]
			b := `"` + jsonName("o_"+to.name) + `":` + to.good[0]
			for _, place := range below {
				at := func(members string) string { return strings.Replace(place, "%", "{"+members+"}", 1) }
				m, want := newEvery(), newEvery()
				require.NoError(t, unmarshal(at(a), m))
				require.NoError(t, unmarshal(at(b), want))
				sent, err := calloutproto.Encode(m)
				require.NoError(t, err)
				was, err := calloutproto.Encode(want)
				require.NoError(t, err)
				for _, both := range []string{merged(sent, was, place, from.name, to.name), merged(was, sent, place, to.name, from.name)} {
					got, err := calloutproto.Apply(m, sent, []byte(both))
					require.NoError(t, err, both)
					require.True(t, proto.Equal(want, got), "%s after %s: %v", both, sent, got)
				}
			}
		}
	}
}

// merged puts the branch of b beside that of a.
func merged(a, b []byte, place, ofA, ofB string) string {
	before, after, _ := strings.Cut(place, "%")
	inner := func(text []byte) string {
		s := strings.TrimSuffix(strings.TrimPrefix(string(text), before), after)
		return strings.TrimSuffix(strings.TrimPrefix(s, "{"), "}")
	}
	return before + "{" + inner(a) + "," + inner(b) + "}" + after
}

// TestWhatDoesNotFit names the ways in which an answer does not, each beside a
// field that would.
func TestWhatDoesNotFit(t *testing.T) {
	m := newEvery()
	require.NoError(t, unmarshal(`{"sInt32":1,"oString":"was","sAny":{"@type":"type.googleapis.com/acme.user.v1.User","email":"a"}}`, m))
	sent, err := calloutproto.Encode(m)
	require.NoError(t, err)
	for name, member := range map[string]string{
		"another type":                  `"sString":7`,
		"a fraction for an integer":     `"sInt64":1.5`,
		"an integer that is too large":  `"sUint32":4294967296`,
		"a negative unsigned":           `"sUint64":-1`,
		"a number out of range":         `"sDouble":1e400`,
		"a bad timestamp":               `"sTimestamp":"2024-02-30T00:00:00Z"`,
		"a bad duration":                `"sDuration":"5"`,
		"a bad mask":                    `"sMask":"a..b_"`,
		"a field under both its names":  `"sBool":true,"s_bool":true`,
		"the name of no value of it":    `"sEnum":"BLUE"`,
		"the same in a list":            `"rEnum":["RED","BLUE"]`,
		"the same in a map":             `"mEnum":{"a":"BLUE"}`,
		"bytes that are not base64":     `"sBytes":"!!"`,
		"null in a list":                `"rString":[null]`,
		"null in a map":                 `"mString":{"a":null}`,
		"a list for a message":          `"sMessage":[]`,
		"a message for a list":          `"rMessage":{}`,
		"two branches that are new":     `"oBool":true,"oInt32":5`,
		"a branch that is both names":   `"oString":"was","o_string":"was"`,
		"a branch that was and changed": `"oString":"is","oBool":true`,
		"an Any of no known type":       `"sAny":{"@type":"type.googleapis.com/no.Such"}`,
		"an Any without a type":         `"sAny":{"displayName":"a"}`,
		"an Any that does not fit":      `"sAny":{"@type":"type.googleapis.com/acme.user.v1.User","state":"NO"}`,
		"an unpaired surrogate":         `"sString":"\ud800"`,
		"deep below":                    `"sMessage":{"rMessage":[{"mMessage":{"a":{"sInt32":"x"}}}]}`,
		"deep below, beside an unknown": `"sMessage":{"no":1,"rMessage":[{"mMessage":{"a":{"no":1,"sInt32":"x"}}}]}`,
	} {
		for _, changed := range []string{`{"sInt64":"5",` + member + `}`, `{` + member + `,"unknown":1,"sInt64":"5"}`} {
			got, err := calloutproto.Apply(m, sent, []byte(changed))
			require.Equal(t, action.CodeAnswerMalformed, action.CodeOf(err), "%s: %s gave %v", name, changed, got)
		}
	}
	for _, junk := range []string{``, `null`, `[]`, `7`, `{`, `{"a":1}{}`, `{"a":1,"a":2}`, "\xff", strings.Repeat(`{"sMessage":`, 5000) + `{}`} {
		_, err := calloutproto.Apply(m, sent, []byte(junk))
		require.Equal(t, action.CodeAnswerMalformed, action.CodeOf(err), "%.20s", junk)
	}
}

// TestAnyKeepsItsBranches: what stands in an Any is a message like another.
func TestAnyKeepsItsBranches(t *testing.T) {
	const of = `"@type":"type.googleapis.com/acme.user.v1.User"`
	m := newEvery()
	require.NoError(t, unmarshal(`{"sAny":{`+of+`,"email":"a"}}`, m))
	sent, err := calloutproto.Encode(m)
	require.NoError(t, err)
	for changed, want := range map[string]string{
		`{"sAny":{` + of + `,"email":"a","phone":"b"}}`:            `{"sAny":{` + of + `,"phone":"b"}}`,
		`{"sAny":{` + of + `,"email":"a","nickname":{"b":[1]}}}`:   `{"sAny":{` + of + `,"email":"a"}}`,
		`{"sAny":{"@type":"x.y/acme.user.v1.Address","city":"c"}}`: `{"sAny":{"@type":"x.y/acme.user.v1.Address","city":"c"}}`,
		`{"rAny":[{` + of + `,"no":1},{"no":1,` + of + `}]}`:       `{"rAny":[{` + of + `},{` + of + `}]}`,
	} {
		got, err := calloutproto.Apply(m, sent, []byte(changed))
		require.NoError(t, err, changed)
		expected := newEvery()
		require.NoError(t, unmarshal(want, expected))
		require.True(t, proto.Equal(expected, got), "%s: %v", changed, got)
	}
}

var newer = protowire.AppendString(protowire.AppendTag(nil, 1000, protowire.BytesType), "from the future")

// TestFieldsOfANewerClientSurviveInListsAndMaps, in every entry that can be told
// to be the same as before.
func TestFieldsOfANewerClientSurviveInListsAndMaps(t *testing.T) {
	m := newEvery()
	require.NoError(t, unmarshal(`{"rMessage":[{"sInt32":1},{"sInt32":2},{"sInt32":3}],"mMessage":{"a":{"sInt32":1},"b":{"sInt32":2},"c":{}}}`, m))
	list, entries := field(m, "r_message").List(), field(m, "m_message").Map()
	for i := range list.Len() {
		list.Get(i).Message().SetUnknown(newer)
	}
	entries.Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { v.Message().SetUnknown(newer); return true })
	sent, err := calloutproto.Encode(m)
	require.NoError(t, err)
	for changed, want := range map[string]string{ // + is an element with the field, - one without
		`[{"sInt32":1},{"sInt32":2},{"sInt32":3}]`:              "1+ 2+ 3+",
		`[{"sInt32":1},{"sInt32":3}]`:                           "1+ 3+",
		`[{"sInt32":1},{"sInt32":9},{"sInt32":3}]`:              "1+ 9- 3+",
		`[{"sInt32":0},{"sInt32":1},{"sInt32":2},{"sInt32":3}]`: "0- 1+ 2+ 3+",
		`[{"sInt32":1},{"sInt32":1},{"sInt32":2},{"sInt32":3}]`: "1+ 1- 2+ 3+",
		`[{"sInt32":3},{"sInt32":2},{"sInt32":1}]`:              "3- 2- 1-",
		`[]`:                          "",
		`[{"sInt32":2},{"sInt32":3}]`: "2+ 3+",
		`[{"sInt32":1},{"sInt32":2},{"sInt32":3},{"sInt32":4}]`:              "1+ 2+ 3+ 4-",
		`[{"sInt32":1},{"sInt32":2},{"sInt32":2},{"sInt32":3}]`:              "1+ 2+ 2- 3+",
		`[{"sInt32":7},{"sInt32":8},{"sInt32":9},{"sInt32":3,"sBool":true}]`: "7- 8- 9- 3-",
	} {
		got, err := calloutproto.Apply(m, sent, []byte(`{"rMessage":`+changed+`}`))
		require.NoError(t, err)
		var shown []string
		elements := field(got, "r_message").List()
		for i := range elements.Len() {
			shown = append(shown, show(elements.Get(i).Message()))
		}
		require.Equal(t, want, strings.Join(shown, " "), changed)
	}
	got, err := calloutproto.Apply(m, sent, []byte(`{"mMessage":{"a":{"sInt32":1},"b":{"sInt32":5},"d":{}}}`))
	require.NoError(t, err)
	after := field(got, "m_message").Map()
	require.Equal(t, 3, after.Len())
	for key, want := range map[string]string{"a": "1+", "b": "5+", "d": "0-"} {
		require.Equal(t, want, show(after.Get(protoreflect.ValueOfString(key).MapKey()).Message()), key)
	}
}

func field(m proto.Message, name protoreflect.Name) protoreflect.Value {
	return m.ProtoReflect().Mutable(every.Fields().ByName(name))
}

func show(m protoreflect.Message) string {
	mark := "-"
	if len(m.GetUnknown()) > 0 {
		mark = "+"
	}
	return m.Get(every.Fields().ByName("s_int32")).String() + mark
}

// TestAnAnyIsChangedAsAWhole: its bytes mean nothing beside the name of another
// type.
func TestAnAnyIsChangedAsAWhole(t *testing.T) {
	address := &userv1.Address{City: "a"}
	address.ProtoReflect().SetUnknown(newer)
	packed, err := anypb.New(address)
	require.NoError(t, err)
	m := newEvery()
	m.ProtoReflect().Set(every.Fields().ByName("s_any"), protoreflect.ValueOfMessage(packed.ProtoReflect()))
	sent, err := calloutproto.Encode(m)
	require.NoError(t, err)

	got, err := calloutproto.Apply(m, sent, []byte(strings.Replace(string(sent), "{", `{"sBool":true,`, 1)))
	require.NoError(t, err)
	var kept userv1.Address
	require.NoError(t, unpack(got, &kept))
	require.True(t, proto.Equal(address, &kept), "what nobody changed is as it was, to the byte")

	// A user's first field is written as an address's.
	got, err = calloutproto.Apply(m, sent, []byte(`{"sAny":{"@type":"type.googleapis.com/acme.user.v1.User","userId":"a"}}`))
	require.NoError(t, err)
	var taken userv1.User
	require.NoError(t, unpack(got, &taken))
	require.True(t, proto.Equal(&userv1.User{UserId: "a"}, &taken), "%v", &taken)
}

func unpack(m proto.Message, into proto.Message) error {
	held := field(m, "s_any").Message()
	fields := held.Descriptor().Fields()
	packed := &anypb.Any{TypeUrl: held.Get(fields.ByName("type_url")).String(), Value: held.Get(fields.ByName("value")).Bytes()}
	return packed.UnmarshalTo(into)
}
