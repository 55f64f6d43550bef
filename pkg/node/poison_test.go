package node_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/wire"
)

// entry is one that the engine keeps, and that somebody else spoils.
type entry struct {
	name   string
	bucket string
	key    func(p *poisoned) string
	values map[string]func(own, twins []byte) []byte // nil = it is taken away
	// holds is what readiness says where the instance does not work with it; only
	// behind a restart where also restarted is true.
	holds     map[string]string
	restarted bool
	quiet     bool // nothing needs to be said
	// meant are the values that somebody may as well have meant: nothing is said.
	meant []string
}

// What can be wrong with a value.
const (
	wrongJSON = "wrong JSON"
	wrongType = "wrong type"
	empty     = "empty"
	null      = "null"
	deleted   = "deleted"
	purged    = "purged"
	tooHuge   = "huge"
	notText   = "not UTF-8"
	otherName = "of another name"
	older     = "older"
	newer     = "newer"
)

func fixed(text string) func(own, twins []byte) []byte {
	return func([]byte, []byte) []byte { return []byte(text) }
}

// spoiltJSON are the ways in which a value that is an object can be wrong.
func spoiltJSON(more map[string]func(own, twins []byte) []byte) map[string]func(own, twins []byte) []byte {
	all := map[string]func(own, twins []byte) []byte{
		wrongJSON: fixed("{"), wrongType: fixed(`["a"]`), empty: fixed(""), null: fixed("null"), deleted: nil, purged: nil,
		tooHuge:   func([]byte, []byte) []byte { return huge },
		notText:   func(own, _ []byte) []byte { return append([]byte("{\"\xff\":1,"), own[1:]...) },
		otherName: func(_, twins []byte) []byte { return twins },
	}
	maps.Copy(all, more)

	return all
}

// with changes members of a value.
func with(members map[string]any) func(own, twins []byte) []byte {
	return func(own, _ []byte) []byte {
		all := map[string]any{}
		d := json.NewDecoder(bytes.NewReader(own))
		d.UseNumber()
		_ = d.Decode(&all) // it is ours
		maps.Copy(all, members)
		raw, _ := json.Marshal(all)
		return raw
	}
}

func without(m map[string]func(own, twins []byte) []byte, names ...string) map[string]func(own, twins []byte) []byte {
	for _, name := range names {
		delete(m, name)
	}
	return m
}

func token(n int) string { return wire.Token(twoInstances[n]) }

func at(rest string) func(*poisoned) string {
	return func(*poisoned) string { return token(0) + rest }
}

// first is the first key that matches, of those of the spoilt instance.
func first(bucket, match string) func(*poisoned) string {
	return func(p *poisoned) string {
		p.t.Helper()
		keys := p.keysOf(bucket, token(0)+match)
		require.NotEmpty(p.t, keys, match)
		slices.Sort(keys)
		return keys[0]
	}
}

// newestChunk is a part of the newest revision.
func newestChunk(p *poisoned) string {
	p.t.Helper()
	var list struct {
		Chunks []string `json:"chunks"`
	}
	require.NoError(p.t, json.Unmarshal(p.valueOf(bus.BucketCatalog, token(0)+".rev.2"), &list))
	return token(0) + ".chunk." + list.Chunks[0]
}

// lineKey is the key of the entry of a target's line.
func lineKey(kind, target string) func(*poisoned) string {
	return func(p *poisoned) string {
		p.t.Helper()
		all, err := lines.Of(p.bus.Instance(twoInstances[0])).List(p.t.Context())
		require.NoError(p.t, err)
		for _, l := range all {
			if l.Target == target {
				return token(0) + "." + kind + "." + l.Name
			}
		}
		p.t.Fatalf("no line of %s", target)
		return ""
	}
}

// twinOf is the same key of the other instance, as far as it has the same.
func twinOf(key string) string { return token(1) + strings.TrimPrefix(key, token(0)) }

// groups are the entries, divided among servers that run side by side.
func groups() map[string][]entry {
	unreadable := "unreadable"
	return map[string][]entry{
		"roots": {
			{name: "root", bucket: bus.BucketCatalog, key: at(".root"), values: spoiltJSON(map[string]func(own, twins []byte) []byte{
				older: with(map[string]any{"revision": 1}), "ahead": with(map[string]any{"revision": 7}), "another cut": with(map[string]any{"cut": 1}),
			}), meant: []string{"another cut", otherName}},
			{name: "root of a stranger", bucket: bus.BucketCatalog, key: func(*poisoned) string { return "stranger.root" }, values: spoiltStranger()},
			{name: "root of no name", bucket: bus.BucketCatalog, key: func(*poisoned) string { return "=FF.root" }, values: spoiltStranger()},
			{name: "root of a long name", bucket: bus.BucketCatalog, key: func(*poisoned) string { return strings.Repeat("x", 3000) + ".root" }, values: spoiltStranger()},
		},
		"revisions": {
			{name: "revision", bucket: bus.BucketCatalog, key: at(".rev.2"), values: without(spoiltJSON(map[string]func(own, twins []byte) []byte{older: with(map[string]any{"revision": 1})}), otherName),
				holds: map[string]string{"": unreadable}, restarted: true, quiet: true},
			{name: "chunk", bucket: bus.BucketCatalog, key: newestChunk, values: without(spoiltJSON(nil), otherName, notText),
				holds: map[string]string{"": unreadable}, restarted: true, quiet: true},
		},
		"conditions": {
			{name: "conditions", bucket: bus.BucketConditions, key: at(""), values: spoiltJSON(map[string]func(own, twins []byte) []byte{
				older: with(map[string]any{"revision": 1, "chunks": []string{}}), "ahead": with(map[string]any{"revision": 99, "chunks": []string{}}), newer: with(map[string]any{"format": 99}),
			}), meant: []string{otherName}},
			{name: "conditions' chunk", bucket: bus.BucketConditions, key: first(bus.BucketConditions, ".chunk.*"), values: without(spoiltJSON(nil), otherName, notText), quiet: true},
			{name: "declaration", bucket: bus.BucketDeclared, key: at(".core"), values: spoiltJSON(map[string]func(own, twins []byte) []byte{otherName: with(map[string]any{"core": "x"})}),
				meant: []string{notText}},
			{name: "rota", bucket: bus.BucketLeads, key: at(""), values: without(spoiltJSON(nil), notText, otherName), quiet: true},
		},
		"keys": {
			{name: "key", bucket: bus.BucketSecrets, key: at(".=.hook"), values: without(spoiltJSON(map[string]func(own, twins []byte) []byte{
				notText: fixed("\xff\xfe"), "a public key": fixed("whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), "cut": func(own, _ []byte) []byte { return own[:20] },
			}), otherName), holds: map[string]string{"": "signing key", deleted: "-", purged: "-"}, restarted: true},
			{name: "key of a stranger", bucket: bus.BucketSecrets, key: at(".=.nobody.x"), values: spoiltStranger()},
			{name: "key of a target that left", bucket: bus.BucketSecrets, key: at(".=.departed.id.hook"), values: spoiltStranger()},
			{name: "quota of a stranger", bucket: bus.BucketQuotas, key: func(*poisoned) string { return "stranger" }, values: spoiltStranger()},
			{name: "quota of no name", bucket: bus.BucketQuotas, key: func(*poisoned) string { return "=FF" }, values: spoiltStranger()},
			{name: "quota", bucket: bus.BucketQuotas, key: at(""), values: spoiltStranger()},
			{name: "keys of the instance", bucket: bus.BucketKeys, key: at(""), values: spoiltStranger()},
			{name: "private half", bucket: bus.BucketKeys, key: at(".own.kid"), values: spoiltStranger()},
			{name: "public keys of a target", bucket: bus.BucketKeys, key: at(".target.id"), values: spoiltStranger()},
			{name: "keys of no name", bucket: bus.BucketKeys, key: func(*poisoned) string { return "=FF" }, values: spoiltStranger()},
			{name: "job", bucket: bus.BucketJobs, key: at(".01ARZ3NDEKTSV4RRFFQ69G5FAV"), values: spoiltStranger()},
			{name: "job of no name", bucket: bus.BucketJobs, key: at(".x.y.z"), values: spoiltStranger()},
		},
		"lines": {
			{name: "line", bucket: bus.BucketLines, key: lineKey("line", "hook"), values: spoiltJSON(map[string]func(own, twins []byte) []byte{
				"a name of 5,000 characters": with(map[string]any{"name": strings.Repeat("x", 5000)}), "of another instance": with(map[string]any{"instance": twoInstances[1]}),
				"no lanes": with(map[string]any{"lanes": -3}), newer: with(map[string]any{"format": 99}), otherName: with(map[string]any{"name": "other"}),
			}), holds: map[string]string{newer: "(newer)"}, restarted: true},
			{name: "line of async deliveries", bucket: bus.BucketLines, key: lineKey("line", "later"), values: spoiltJSON(map[string]func(own, twins []byte) []byte{
				otherName: with(map[string]any{"name": "other"})})},
			{name: "line of a stranger", bucket: bus.BucketLines, key: at(".line.stranger"), values: spoiltStranger()},
			{name: "line of a long name", bucket: bus.BucketLines, key: at(".line." + strings.Repeat("x", 3900)), values: map[string]func(own, twins []byte) []byte{
				wrongJSON: fixed("{"), "agreeing": fixed(fmt.Sprintf(`{"name":%q,"instance":%q,"lanes":1,"target":"hook"}`, strings.Repeat("x", 3900), twoInstances[0]))}},
		},
		"records": {
			{name: "record", bucket: bus.BucketLines, key: lineKey("record", "hook"), values: spoiltStranger()},
			{name: "record of a long name", bucket: bus.BucketLines, key: at(".record." + strings.Repeat("x", 3900)), values: spoiltStranger()},
			{name: "position", bucket: bus.BucketLines, key: lineKey("position", "hook"), values: spoiltStranger()},
			{name: "pause", bucket: bus.BucketLines, key: at(".paused.=.paused"), values: spoiltStranger(), meant: []string{null, wrongJSON, wrongType}},
			{name: "pause of a stranger", bucket: bus.BucketLines, key: at(".paused.x"), values: spoiltStranger()},
			{name: "end of a pause", bucket: bus.BucketLines, key: at(".resumed.=.hook"), values: spoiltStranger()},
		},
	}
}

// spoiltStranger are the values of an entry that is not there when all is well.
func spoiltStranger() map[string]func(own, twins []byte) []byte {
	return map[string]func(own, twins []byte) []byte{
		wrongJSON: fixed("{"), wrongType: fixed(`["a"]`), empty: fixed(""), null: fixed("null"), tooHuge: func([]byte, []byte) []byte { return huge },
		notText: fixed("{\"\xff\":1}\xff"),
	}
}

// TestOneBadEntryHarmsNobody spoils each entry that the engine keeps in each way,
// beside two instances that work, and starts dispatcher and worker anew with it.
// The other instance works all the while; that of the entry works too, or is held
// up by what readiness names. What cannot be read is said.
func TestOneBadEntryHarmsNobody(t *testing.T) {
	t.Parallel()
	for name, entries := range groups() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPoisoned(t)
			for _, e := range entries {
				for _, value := range slices.Sorted(maps.Keys(e.values)) {
					if !t.Run(e.name+" "+value, func(t *testing.T) { p.of(t).spoil(e, value) }) {
						p = newPoisoned(t)
					}
				}
			}
		})
	}
}

// of is the same fleet for a part of the test.
func (p *poisoned) of(t *testing.T) *poisoned {
	p.t = t
	return p
}

func (p *poisoned) spoil(e entry, value string) {
	key := e.key(p)
	own := p.valueOf(e.bucket, key)
	subject := "$KV." + e.bucket + "." + key
	spoilt := []byte(nil)
	if e.values[value] != nil {
		spoilt = e.values[value](own, p.valueOf(e.bucket, twinOf(key)))
	}
	do := func() {
		switch {
		case e.values[value] != nil:
			p.put(subject, spoilt)
		case own != nil:
			p.takeAway(subject, value)
		}
	}
	p.log.take()
	do()
	p.stands(e, value, false)
	p.restart(do) // it may have been put right by now
	p.stands(e, value, true)
	if now := p.valueOf(e.bucket, key); own != nil && !bytes.Equal(now, own) {
		p.put(subject, own)
	} else if own == nil {
		p.takeAway(subject, purged)
	}
	p.mustWork(0, "put right")
}

// takeAway deletes a value, or purges it.
func (p *poisoned) takeAway(subject, how string) {
	msg := nats.NewMsg(subject)
	msg.Header.Set("KV-Operation", map[string]string{deleted: "DEL", purged: "PURGE"}[how])
	if how == purged {
		msg.Header.Set(nats.MsgRollup, nats.MsgRollupSubject)
	}
	p.putMsg(msg)
}

// stands tells whether nobody is harmed, and what is wrong is said.
func (p *poisoned) stands(e entry, value string, restarted bool) {
	p.t.Helper()
	when := map[bool]string{false: "live", true: "restarted"}[restarted]
	p.mustWork(1, when)
	holds := e.holds[value]
	if holds == "" {
		holds = e.holds[""]
	}
	if holds != "" && holds != "-" && restarted == e.restarted {
		require.True(p.t, p.says(holds), "%s: readiness says %q; %s", when, holds, lastLines(p.log.text(), 12))
		return
	}
	p.mustWork(0, when)
	if e.values[value] != nil && !e.quiet && !restarted && !slices.Contains(e.meant, value) {
		require.True(p.t, p.tells(), "%s: nobody says anything", when)
	}
}

// tells waits until the log has an error, or readiness a warning.
func (p *poisoned) tells() bool {
	for end := time.Now().Add(comesWithin); time.Now().Before(end); time.Sleep(comesSoon) {
		if _, body := p.ready(0); strings.Contains(body, "warnings") || strings.Contains(p.log.text(), `"level":"error"`) {
			return true
		}
	}
	return false
}
