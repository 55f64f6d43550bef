package shards

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// FuzzReadEntry: a message of the stream of positions is refused, or is a holder's that
// can be applied and written again.
func FuzzReadEntry(f *testing.F) {
	for _, e := range []entry{
		{Format: action.Format, Epoch: 1, Number: 1, By: "00c0ffee00c0ffee", Whole: true},
		{Format: action.Format, Epoch: 3, Number: 7, By: "00c0ffee00c0ffee", Read: 90, Made: 1_800_000_000_000_000_000,
			Lines: map[string]Place{"user-added-hook-1": {Next: 88}, "l": {Until: 1_900_000_000_000_000_000}}, Gone: []string{"gone"}},
	} {
		raw, err := json.Marshal(e)
		require.NoError(f, err)
		f.Add(raw)
	}
	for _, raw := range []string{``, `null`, `{"format":9,"e":1,"by":"x"}`, `{"e":1,"by":"x","l":{"a":null},"g":["a","a"]}`, `{"e":-1}`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := readEntry(raw)
		if err != nil {
			require.Equal(t, entry{}, e)
			return
		}
		require.NotZero(t, e.Epoch)
		p := Places{Lines: map[string]Place{"a": {Next: 1}}}
		p.apply(e.change())
		require.Equal(t, e.Read, p.Read)
		for _, name := range e.Gone {
			require.NotContains(t, p.Lines, name)
		}
		e.Lines = p.Lines
		again, err := json.Marshal(e)
		require.NoError(t, err)
		_, err = readEntry(again)
		require.NoError(t, err)
	})
}

// FuzzWord: what stands in the entry of a session is that it is dead, or for how long it
// counts, within bounds, and is read as it was written.
func FuzzWord(f *testing.F) {
	for _, raw := range []string{"alive 2000ms 7", "alive 10000ms 1", "alive", "dead", "", "alive ms ", "alive 1ms", "alive 99999999999ms 7", "alive 2000ms -7 "} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		w := wordOf(raw)
		require.Equal(t, string(raw) == wordDead, w.dead)
		if !w.dead {
			require.True(t, w.lease >= shortestLease && w.lease <= longestLease, w.lease)
		}
		require.Equal(t, w, wordOf(w.bytes()))
	})
}

// FuzzShardOf: a key is none of a shard, or that of the one it names.
func FuzzShardOf(f *testing.F) {
	for _, s := range []Shard{{"default", 1}, {"default.größe 2", Most}} {
		f.Add(s.key())
	}
	for _, key := range []string{"shard.default.0", "shard.default.65", "shard.=.1", "session.x", "shard.default.+1", "shard.default.01", "shard..1"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if s, ok := shardOf(key); ok {
			require.Equal(t, key, s.key())
		}
	})
}
