package conformance_test

import (
	"encoding/base64"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/conformance"
	"github.com/callout-hq/callout/pkg/sign"
)

// keyVectors are about section 1: which keys there are, and which scheme decides.
func keyVectors(m *maker) {
	k := m.keys
	m.keyTexts()
	m.badKeys()
	with := func(keys []string, h headers) line { return line{Keys: keys, Headers: h, Body: []byte(event)} }
	m.bad("1.2", "no key at all", with(nil, m.standard("msg_1", event, k.First)))
	both := []string{k.First, k.Second}
	m.good("1.3", "two keys, signed with the first", "msg_1", with(both, m.standard("msg_1", event, k.First)))
	m.good("1.3", "two keys, signed with the second", "msg_1", with(both, m.standard("msg_1", event, k.Second)))
	m.good("1.3", "two keys, signed with both", "msg_1", with(both, m.standard("msg_1", event, k.First, k.Second)))
	m.good("1.3", "one key, signed with the one before too", "msg_1", with(both[:1], m.standard("msg_1", event, k.Stranger, k.First)))
	m.good("1.3", "one key, signed with the next too", "msg_1", with(both[:1], m.standard("msg_1", event, k.First, k.Stranger)))
	m.bad("1.3", "two keys, signed with neither", with(both, m.standard("msg_1", event, k.Stranger)))
	m.good("1.3", "two keys, ZITADEL's signed with the first", "dlv_1", with(both, m.zitadel("dlv_1", event, k.First)))
	m.good("1.3", "two keys, ZITADEL's signed with the second", "dlv_1", with(both, m.zitadel("dlv_1", event, k.Second)))
	m.bad("1.3", "two keys, ZITADEL's signed with neither", with(both, m.zitadel("dlv_1", event, k.Stranger)))
	m.good("1.3", "a secret and a public key, signed with both", "msg_1", with([]string{k.First, k.Public}, m.standard("msg_1", event, k.First, k.Private)))
	m.good("1.3", "a secret and a public key, the v1 alone fits", "msg_1", with([]string{k.First, k.Public}, m.standard("msg_1", event, k.First, k.StrangerPrivate)))
	m.good("1.3", "a secret and a public key, the v1a alone fits", "msg_1", with([]string{k.First, k.Public}, m.standard("msg_1", event, k.Stranger, k.Private)))
	m.decisions()
	m.schemes()
	m.setAlone()
}

// setAlone are a set of keys without a payload: what its ed25519 keys sign is v1a.
func (m *maker) setAlone() {
	k := m.keys
	signed := func(by conformance.Pair) headers {
		key, err := sign.OpenPair(by.ID, by.Algorithm, by.Private)
		require.NoError(m.t, err)
		value, err := sign.NewSigner(nil).AppendV1a(nil, "msg_1", m.now(), []byte(event), key)
		require.NoError(m.t, err)
		return m.three("msg_1", m.stamp(), string(value))
	}
	alone := line{JWKS: m.set(k.Ed25519, k.RS256), Headers: signed(k.Ed25519), Body: []byte(event)}
	m.good("1.2", "a JWKS without a payload: v1a of the instance", "msg_1", alone)
	alone.Headers = signed(k.Next)
	m.bad("1.2", "a JWKS without a payload: v1a of another instance", alone)
	alone.Headers = nil
	m.bad("1.2", "a JWKS without a payload: no signature", alone)
	beside := line{Keys: []string{k.First}, JWKS: m.set(k.Ed25519), Headers: signed(k.Ed25519), Body: []byte(event)}
	m.good("1.2", "a secret and a JWKS: v1a of the instance", "msg_1", beside)
	beside.Headers = m.standard("msg_1", event, k.First)
	m.good("1.2", "a secret and a JWKS: v1", "msg_1", beside)
}

// keyTexts are the ways to write a key.
func (m *maker) keyTexts() {
	k := m.keys
	short := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 24)))
	long := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 64)))
	for _, c := range []struct{ name, key string }{{"a secret", k.First}, {"a secret of 24 bytes", short}, {"a secret of 64 bytes", long}, {"a secret without its prefix", k.Bare}} {
		m.good("1.1", c.name, "msg_1", one(c.key, m.standard("msg_1", event, c.key), event))
		m.good("1.1", c.name+", ZITADEL's scheme takes its text", "dlv_1", one(c.key, m.zitadel("dlv_1", event, c.key), event))
	}
	for _, c := range []struct{ name, key string }{{"a public key", k.Public}, {"a private key of 32 bytes", k.Private}, {"a private key of 64 bytes", k.PrivateLong}} {
		m.good("1.1", c.name, "msg_1", one(c.key, m.standard("msg_1", event, k.Private), event))
		m.bad("1.1", c.name+", another one has signed", one(c.key, m.standard("msg_1", event, k.StrangerPrivate), event))
		m.bad("1.1", c.name+" is no secret", one(c.key, headers{{sign.HeaderZitadel, "t=" + m.stamp() + ",v1=" + m.hex(c.key, m.stamp(), event)}, {"Callout-Delivery-Id", "dlv_1"}}, event))
	}
	for _, c := range []struct{ name, key string }{{"a text", k.Text}, {"a text of one byte", "k"}, {"a text of 512 bytes", strings.Repeat("k", 512)}, {"a text that is not ASCII", "schlüssel"}} {
		m.good("1.1", c.name, "dlv_1", one(c.key, m.zitadel("dlv_1", event, c.key), event))
	}
	m.bad("1.1", "a text is no secret of Standard Webhooks", one(k.Text, m.three("msg_1", m.stamp(), "v1,"+base64.StdEncoding.EncodeToString(m.mac([]byte(k.Text), "msg_1."+m.stamp()+"."+event))), event))
	m.bad("1.1", "the text of a secret in the place of its bytes", one(k.First, m.three("msg_1", m.stamp(), "v1,"+base64.StdEncoding.EncodeToString(m.mac([]byte(k.First), "msg_1."+m.stamp()+"."+event))), event))
}

// badKeys are refused, though what arrives fits a good one beside them.
func (m *maker) badKeys() {
	k := m.keys
	for _, c := range []struct{ name, key string }{
		{"a secret of 23 bytes", "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 23)))},
		{"a secret of 65 bytes", "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 65)))},
		{"a secret that is empty", "whsec_"}, {"a secret without padding", strings.TrimRight(k.First, "=")},
		{"a secret in URL-safe base64", "whsec_" + strings.Repeat("-_-_", 10)}, {"a secret with a line break", k.First + "\n"},
		{"a secret with junk behind it", k.First + "!"}, {"a public key of 31 bytes", "whpk_" + base64.StdEncoding.EncodeToString(make([]byte, 31))},
		{"a private key of 33 bytes", "whsk_" + base64.StdEncoding.EncodeToString(make([]byte, 33))}, {"a public key that is no base64", "whpk_is it one?"},
		{"a text of 513 bytes", strings.Repeat("k", 513)},
	} {
		m.bad("1.1", "refused: "+c.name, line{Keys: []string{k.Second, c.key}, Headers: m.standard("msg_1", event, k.Second), Body: []byte(event)})
	}
}

// decisions are about which of two schemes has the word.
func (m *maker) decisions() {
	k := m.keys
	beside := func(a, b headers) headers { return append(append(headers{}, a...), b...) }
	z, bad := m.zitadel("dlv_1", event, k.First), m.zitadel("dlv_1", event, k.Stranger)
	m.good("1.4", "both schemes fit", "msg_1", one(k.First, beside(m.standard("msg_1", event, k.First), z), event))
	m.good("1.4", "Standard Webhooks fits, ZITADEL's does not", "msg_1", one(k.First, beside(m.standard("msg_1", event, k.First), bad), event))
	m.bad("1.4", "ZITADEL's does not save what fails", one(k.First, beside(m.standard("msg_1", event, k.Stranger), z), event))
	m.bad("1.4", "ZITADEL's does not save what is too old", one(k.First, beside(m.three("msg_1", "1699990000", m.v1(k.First, "msg_1", "1699990000", event)), z), event))
	fits := m.v1(k.First, "msg_1", m.stamp(), event)
	m.bad("1.4", "ZITADEL's does not save a tab", one(k.First, beside(m.three("msg_1", m.stamp(), "hello\t"+fits), z), event))
	m.bad("1.4", "ZITADEL's does not save too many entries", one(k.First, beside(m.three("msg_1", m.stamp(), strings.Repeat("x ", 64)+fits), z), event))
	m.good("1.4", "a version that there is no key for", "dlv_1", one(k.First, beside(m.standard("msg_1", event, k.Private), z), event))
	m.good("1.4", "no entry is well formed", "dlv_1", one(k.First, beside(m.three("msg_1", m.stamp(), "v1;x hello"), z), event))
	m.good("1.4", "ZITADEL's with a text beside a v1 that there is no key for", "dlv_1", one(k.Text, beside(m.standard("msg_1", event, k.First), m.zitadel("dlv_1", event, k.Text)), event))
	m.bad("1.4", "no signature", one(k.First, headers{{"Callout-Delivery-Id", "dlv_1"}}, event))
	m.bad("1.4", "a version that there is no key for, and nothing else", one(k.Public, m.standard("msg_1", event, k.First), event))
	m.bad("1.4", "an unknown version alone", one(k.First, m.three("msg_1", m.stamp(), "v2"+m.v1(k.First, "msg_1", m.stamp(), event)[2:]), event))
}

func (m *maker) schemes() {
	k := m.keys
	both := append(m.standard("msg_1", event, k.First), m.zitadel("dlv_1", event, k.First)...)
	narrow := func(l line, schemes ...string) line { l.Schemes = schemes; return l }
	m.good("1.5", "standard alone", "msg_1", narrow(one(k.First, both, event), "standard"))
	m.good("1.5", "zitadel alone", "dlv_1", narrow(one(k.First, both, event), "zitadel"))
	m.bad("1.5", "standard alone, ZITADEL's came", narrow(one(k.First, m.zitadel("dlv_1", event, k.First), event), "standard"))
	m.bad("1.5", "zitadel alone, Standard Webhooks came", narrow(one(k.First, m.standard("msg_1", event, k.First), event), "zitadel"))
	two := line{Keys: []string{k.First, k.Public}, Headers: m.standard("msg_1", event, k.First), Body: []byte(event)}
	m.bad("1.5", "standard_v1a alone, v1 came", narrow(two, "standard_v1a"))
	two.Headers = m.standard("msg_1", event, k.Private)
	m.good("1.5", "standard_v1a alone", "msg_1", narrow(two, "standard_v1a"))
	m.bad("1.5", "standard alone, v1a came", narrow(two, "standard"))
	m.good("1.5", "standard and standard_v1a", "msg_1", narrow(two, "standard", "standard_v1a"))
}
