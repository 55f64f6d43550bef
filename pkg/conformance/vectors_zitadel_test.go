package conformance_test

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/callout-hq/callout/pkg/sign"
)

// zitadelVectors are about ZITADEL's header.
func zitadelVectors(m *maker) {
	k, stamp := m.keys, m.stamp()
	v1 := "v1=" + m.hex(k.First, stamp, event)
	wrong := "v1=" + m.hex(k.Stranger, stamp, event)
	with := func(value string) line {
		return one(k.First, headers{{sign.HeaderZitadel, value}, {"Callout-Delivery-Id", "dlv_1"}}, event)
	}
	t := "t=" + stamp
	for _, c := range []struct{ name, value string }{
		{"as it is sent", t + "," + v1}, {"the time behind", v1 + "," + t}, {"spaces before elements", t + ", " + v1}, {"behind one that does not fit", t + "," + wrong + "," + v1},
		{"before one that does not fit", t + "," + v1 + "," + wrong}, {"doubled", t + "," + v1 + "," + v1}, {"beside an unknown element", t + ",v0=aa,x," + v1},
		{"beside one in upper case", t + ",v1=" + strings.ToUpper(wrong[3:]) + "," + v1}, {"four more than keys", t + strings.Repeat(","+wrong, 4) + "," + v1},
	} {
		m.good("2.3", c.name, "dlv_1", with(c.value))
	}
	for _, c := range []struct{ name, value string }{
		{"that is empty", ""}, {"without a time", v1}, {"without a signature", t}, {"with two times", t + "," + t + "," + v1}, {"with a second time", t + ",t=1700000001," + v1},
		{"in upper case", t + ",v1=" + strings.ToUpper(v1[3:])}, {"of 62 digits", t + "," + v1[:len(v1)-2]}, {"of 66 digits", t + "," + v1 + "00"}, {"with an odd digit", t + "," + v1[:len(v1)-1]},
		{"in base64", t + "," + strings.Replace(m.v1(k.First, "", stamp, event), ",", "=", 1)}, {"of another version", t + ",v2=" + v1[3:]}, {"behind a semicolon", t + ";" + v1},
		{"of another key", t + "," + wrong}, {"with one digit changed", t + ",v1=" + changed(v1[3:])}, {"that signs another time", "t=1700000001," + v1},
		{"five more than keys", t + strings.Repeat(","+wrong, 5) + "," + v1}, {"of 70 elements", t + strings.Repeat(",x", 68) + "," + v1},
		{"with an element in upper case", "T=" + stamp + "," + v1},
	} {
		m.bad("2.3", "a signature "+c.name, with(c.value))
	}
	twice := with(t + "," + v1)
	twice.Headers = append(twice.Headers, twice.Headers[0])
	m.bad("2.3", "the header twice", twice)
	m.bad("2.3", "another body", one(k.First, m.zitadel("dlv_1", event, k.First), event+" "))
	m.bad("2.3", "under the decoded secret", with(t+",v1="+m.hex(string(m.decoded(k.First)), stamp, event)))
	none := one(k.First, m.zitadel("dlv_1", event, k.First)[:1], event)
	m.good("2.3", "no delivery id beside it", "", none)
	m.good("7.1", "an id that nobody has signed of 256 characters is none", "", one(k.First, m.zitadel(strings.Repeat("i", 256), event, k.First), event))
	m.good("7.1", "an id that nobody has signed with a space is none", "", one(k.First, m.zitadel("a b", event, k.First), event))
	m.good("7.1", "an id that nobody has signed of 255 characters", strings.Repeat("i", 255), one(k.First, m.zitadel(strings.Repeat("i", 255), event, k.First), event))
}

func changed(text string) string {
	if text[0] == '0' {
		return "1" + text[1:]
	}
	return "0" + text[1:]
}

// timeVectors are about the seconds of both schemes.
func timeVectors(m *maker) {
	k := m.keys
	standard := func(stamp string) line {
		return one(k.First, m.three("msg_1", stamp, m.v1(k.First, "msg_1", stamp, event)), event)
	}
	zitadel := func(stamp string) line {
		return one(k.First, headers{{sign.HeaderZitadel, "t=" + stamp + ",v1=" + m.hex(k.First, stamp, event)}, {"Callout-Delivery-Id", "dlv_1"}}, event)
	}
	for _, skew := range []int64{-300, -299, 299, 300} {
		stamp := strconv.FormatInt(k.Now+skew, 10)
		m.good("2.4", fmt.Sprintf("v1, %+d seconds", skew), "msg_1", standard(stamp))
		m.good("2.4", fmt.Sprintf("ZITADEL's, %+d seconds", skew), "dlv_1", zitadel(stamp))
	}
	for _, skew := range []int64{-86400, -301, 301, 86400} {
		stamp := strconv.FormatInt(k.Now+skew, 10)
		m.bad("2.4", fmt.Sprintf("v1, %+d seconds", skew), standard(stamp))
		m.bad("2.4", fmt.Sprintf("ZITADEL's, %+d seconds", skew), zitadel(stamp))
	}
	old := strconv.FormatInt(k.Now-301, 10)
	m.bad("2.4", "v1a, -301 seconds", one(k.Public, m.three("msg_1", old, m.v1a(k.Private, "msg_1", old, event)), event))
	now := m.stamp()
	for _, c := range []struct{ name, stamp string }{
		{"with a plus", "+" + now}, {"with a leading zero", "0" + now}, {"with a space before it", " " + now}, {"with a space behind it", now + " "}, {"with a fraction", now + ".0"},
		{"with an exponent", "17e8"}, {"in hex", "0x6553f100"}, {"with a unit", now + "s"}, {"in milliseconds", now + "000"}, {"that is negative", "-" + now},
		{"with an underscore", "1_700_000_000"}, {"in other digits", "１７００００００００"}, {"that is a date", "2023-11-14T22:13:20Z"}, {"that is zero", "0"},
		{"of 40 digits", strings.Repeat("1", 40)},
	} {
		m.bad("2.4", "v1, a time "+c.name, standard(c.stamp))
		m.bad("2.4", "ZITADEL's, a time "+c.name, zitadel(c.stamp))
	}
	m.bad("2.4", "v1, a time that is empty", standard(""))
}

// bodyVectors are about what is signed: the bytes, whatever they are.
func bodyVectors(m *maker) {
	k := m.keys
	spaced := "{ \"event_type\" : \"thing.added\",\r\n  \"b\": 1.0, \"a\": [1 ,2], \"u\": \"\\u00e9\", \"n\": 1e2, \"slash\": \"\\/\" }\n"
	for _, c := range []struct{ name, body string }{
		{"that is empty", ""}, {"with its own spaces and escapes", spaced}, {"that is not ASCII", `{"name":"Zoë 你好 🌍"}`}, {"with a byte order mark", "\ufeff" + event},
		{"that is no UTF-8", "{\"name\":\"\xff\xfe\xc3\"}"}, {"that is no JSON", "a=b&c=d"}, {"with a zero byte", "a\x00b"}, {"with a member twice", `{"a":1,"a":2}`},
		{"with a large number", `{"n":12345678901234567890123}`}, {"with < and &", `{"h":"<a href='x'>&</a>\u2028"}`},
	} {
		m.good("2.1", "v1, a body "+c.name, "msg_1", one(k.First, m.standard("msg_1", c.body, k.First), c.body))
		m.good("2.1", "v1a, a body "+c.name, "msg_1", one(k.Public, m.standard("msg_1", c.body, k.Private), c.body))
		m.good("2.1", "ZITADEL's, a body "+c.name, "dlv_1", one(k.First, m.zitadel("dlv_1", c.body, k.First), c.body))
	}
	for _, c := range []struct{ name, signed, sent string }{
		{"with one letter changed", event, strings.Replace(event, "Ada", "Eve", 1)}, {"with a line break behind it", event, event + "\n"}, {"without its line break", event + "\n", event},
		{"that was parsed and written again", spaced, `{"event_type":"thing.added","b":1,"a":[1,2],"u":"é","n":100,"slash":"/"}`}, {"with members in another order", `{"a":1,"b":2}`, `{"b":2,"a":1}`},
		{"without its byte order mark", "\ufeff" + event, event}, {"cut short", event, event[:len(event)-1]}, {"that was taken away", event, ""}, {"that was put in", "", event},
		{"whose bad bytes were replaced", "{\"n\":\"\xff\"}", "{\"n\":\"\ufffd\"}"}, {"with CRLF for LF", "{\n}", "{\r\n}"},
	} {
		m.bad("2.1", "v1, a body "+c.name, one(k.First, m.standard("msg_1", c.signed, k.First), c.sent))
		m.bad("2.1", "v1a, a body "+c.name, one(k.Public, m.standard("msg_1", c.signed, k.Private), c.sent))
		m.bad("2.1", "ZITADEL's, a body "+c.name, one(k.First, m.zitadel("dlv_1", c.signed, k.First), c.sent))
	}
}
