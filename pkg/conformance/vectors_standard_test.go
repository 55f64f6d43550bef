package conformance_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/sign"
)

// standardVectors are about the headers of Standard Webhooks.
func standardVectors(m *maker) {
	k, stamp := m.keys, m.stamp()
	good := m.standard("msg_1", event, k.First)
	fits := good[2][1]
	m.good("2.2", "v1", "msg_1", one(k.First, good, event))
	m.good("2.2", "v1a", "msg_1", one(k.Public, m.standard("msg_1", event, k.Private), event))
	m.good("2.2", "names of headers in another case", "msg_1", one(k.First, headers{{"Webhook-Id", "msg_1"}, {"WEBHOOK-TIMESTAMP", stamp}, {"Webhook-Signature", fits}}, event))
	m.ids()
	m.entries(fits)
	m.bounds()
	for n, name := range []string{"no id", "no timestamp", "no signature"} {
		m.bad("2.2", name, one(k.First, slices.Delete(slices.Clone(good), n, n+1), event))
	}
	m.bad("2.2", "the id twice", one(k.First, append(slices.Clone(good), good[0]), event))
	m.bad("2.2", "the timestamp twice", one(k.First, append(slices.Clone(good), good[1]), event))
	m.good("2.2", "the signature in two headers", "msg_1", one(k.First, append(m.three("msg_1", stamp, m.v1(k.Stranger, "msg_1", stamp, event)), good[2]), event))
	m.good("2.2", "the signature in two headers, the first fits", "msg_1", one(k.First, append(slices.Clone(good), [2]string{sign.HeaderSignature, m.v1(k.Stranger, "msg_1", stamp, event)}), event))
	m.bad("2.2", "another id than was signed", one(k.First, m.three("msg_2", stamp, fits), event))
	m.bad("2.2", "another time than was signed", one(k.First, m.three("msg_1", "1700000001", fits), event))
	m.bad("2.2", "a v1a where a v1 is meant", one(k.First, m.three("msg_1", stamp, "v1a,"+fits[3:]), event))
	m.bad("2.2", "an HMAC under the bytes of a public key", one(k.Public, m.three("msg_1", stamp, "v1,"+base64.StdEncoding.EncodeToString(m.mac(m.decoded(k.Public), "msg_1."+stamp+"."+event))), event))
	m.bad("2.2", "a v1a that has a byte less", one(k.Public, m.three("msg_1", stamp, "v1a,"+base64.StdEncoding.EncodeToString(m.signature("msg_1")[:63])), event))
	m.bad("2.2", "a v1a that has a byte more", one(k.Public, m.three("msg_1", stamp, "v1a,"+base64.StdEncoding.EncodeToString(append(m.signature("msg_1"), 0))), event))
	m.bad("2.2", "a v1 that has a byte more", one(k.First, m.three("msg_1", stamp, "v1,"+base64.StdEncoding.EncodeToString(append(m.mac(m.decoded(k.First), "msg_1."+stamp+"."+event), 0))), event))
	m.bad("2.2", "a v1a whose S is not reduced", one(k.Public, m.three("msg_1", stamp, "v1a,"+base64.StdEncoding.EncodeToString(m.malleable("msg_1"))), event))
}

func (m *maker) signature(id string) []byte {
	return ed25519.Sign(m.ed25519(m.keys.Private), []byte(id+"."+m.stamp()+"."+event))
}

// malleable is a signature with the order of the group added to S: another text of the same
// signature, which RFC 8032 has refused.
func (m *maker) malleable(id string) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	out := m.signature(id)
	s := slices.Clone(out[32:])
	slices.Reverse(s)
	sum := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	return append(out[:32], sum...)
}

// ids are the texts that a webhook-id may be. Each of them is signed as it stands.
func (m *maker) ids() {
	k, stamp := m.keys, m.stamp()
	signed := func(id string) line { return one(k.First, m.three(id, stamp, m.v1(k.First, id, stamp, event)), event) }
	long := strings.Repeat("i", 255)
	m.good("2.2", "an id of 255 characters", long, signed(long))
	m.good("2.2", "an id of one character", "!", signed("!"))
	m.good("2.2", "an id with a comma", "a,b~c", signed("a,b~c"))
	for _, c := range []struct{ name, id string }{{"that is empty", ""}, {"of 256 characters", long + "i"}, {"with a dot", "msg.1"}, {"that is a dot", "."}, {"with a space", "msg 1"}, {"that is not ASCII", "msg_é"}, {"with a tab", "msg\t1"}, {"with DEL", "msg\x7f"}} {
		m.bad("2.2", "an id "+c.name, signed(c.id))
	}
	// The boundaries move: what was signed as the body of "a" is, with a dot, that of another id.
	inner := stamp + "." + event
	m.bad("2.2", "an id with a dot that moves into the body", one(k.First, m.three("a."+stamp, stamp, m.v1(k.First, "a", stamp, inner)), event))
}

// entries are the texts that the header of signatures may be.
func (m *maker) entries(fits string) {
	k, stamp := m.keys, m.stamp()
	with := func(list string) line { return one(k.First, m.three("msg_1", stamp, list), event) }
	wrong := m.v1(k.Stranger, "msg_1", stamp, event)
	for _, c := range []struct{ name, list string }{
		{"behind one that does not fit", wrong + " " + fits}, {"before one that does not fit", fits + " " + wrong}, {"doubled", fits + " " + fits},
		{"behind two spaces", wrong + "  " + fits}, {"behind a comma and a space", wrong + ", " + fits}, {"beside one without a comma", "hello " + fits},
		{"beside an unknown version", "v9,AAAA " + fits}, {"beside one that is no base64", "v1,!!!! " + fits}, {"beside one that is empty", "v1, " + fits},
	} {
		m.good("2.2", "a signature "+c.name, "msg_1", with(c.list))
	}
	base := fits[3:]
	for _, c := range []struct{ name, list string }{
		{"that is empty", ""}, {"that is its version alone", "v1,"}, {"without its version", base}, {"of a version in upper case", "V1," + base}, {"with an equals sign for the comma", "v1=" + base},
		{"without padding", strings.TrimRight(fits, "=")}, {"with more padding", fits + "="}, {"with junk behind it", fits + "!"}, {"with a third field", fits + "," + base},
		{"cut short", "v1," + base[:40]}, {"of one block", "v1," + base[:4]}, {"behind a tab", wrong + "\t" + fits}, {"before a tab", fits + "\t" + wrong},
		{"in hex", "v1," + m.hex(k.First, "msg_1."+stamp, event)}, {"with one letter changed", "v1," + flipped(base)}, {"with a line break", "v1," + base[:20] + "\n" + base[20:]},
		{"in another order", "v1," + reversed(base)}, {"that a semicolon joins", wrong + ";" + fits},
	} {
		m.bad("2.2", "a signature "+c.name, with(c.list))
	}
	id := m.urlSafe()
	std := m.v1(k.First, id, stamp, event)
	m.good("2.2", "base64 with + and /", id, one(k.First, m.three(id, stamp, std), event))
	m.bad("2.2", "a signature in URL-safe base64", one(k.First, m.three(id, stamp, strings.NewReplacer("+", "-", "/", "_").Replace(std)), event))
}

// urlSafe is an id whose signature has both characters that URL-safe base64 writes otherwise.
func (m *maker) urlSafe() string {
	for id := "u"; ; id += "u" {
		if text := m.v1(m.keys.First, id, m.stamp(), event); strings.Contains(text, "+") && strings.Contains(text, "/") {
			return id
		}
	}
}

func flipped(text string) string {
	other := "A"
	if text[5] == 'A' {
		other = "B"
	}
	return text[:5] + other + text[6:]
}

func reversed(text string) string {
	raw := []byte(strings.TrimRight(text, "="))
	slices.Reverse(raw)
	return string(raw) + "="
}

// bounds are about how many entries are looked at.
func (m *maker) bounds() {
	k, stamp := m.keys, m.stamp()
	fits := m.v1(k.First, "msg_1", stamp, event)
	list := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = "v1," + base64.StdEncoding.EncodeToString(m.mac([]byte{byte(i)}, "another"))
		}
		return strings.Join(append(all, fits), " ")
	}
	with := func(keys []string, text string) line {
		return line{Keys: keys, Headers: m.three("msg_1", stamp, text), Body: []byte(event)}
	}
	m.good("2.2", "four signatures more than keys", "msg_1", with([]string{k.First}, list(4)))
	m.bad("2.2", "five signatures more than keys", with([]string{k.First}, list(5)))
	m.good("2.2", "four signatures more than two keys", "msg_1", with([]string{k.Second, k.First}, list(5)))
	m.bad("2.2", "five signatures more than two keys", with([]string{k.Second, k.First}, list(6)))
	m.good("2.2", "64 entries", "msg_1", with([]string{k.First}, strings.Repeat("x ", 63)+fits))
	m.bad("2.2", "65 entries", with([]string{k.First}, strings.Repeat("x ", 64)+fits))
}
