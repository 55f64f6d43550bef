package bus_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/seal"
)

// nobodyNamed is for who follows secrets and asks for none with a name.
func nobodyNamed(string, bus.NamedSecret) {}

// TestNamedSecrets: they are told of, listed and removed by whose they are, sealed for
// that and nothing else, and with their instance they go.
func TestNamedSecrets(t *testing.T) {
	t.Parallel()
	pair := bustest.Pair(t, bustest.Start(t).Connect(t, bus.Options{}))
	ctx := bustest.Within(t, time.Minute)
	var told bustest.Noted
	<-pair[0].FollowSecrets(ctx, func(bus.TargetKey, string) {}, func(string, bus.Departed) {}, func(instance string, s bus.NamedSecret) {
		told.Add(strings.Join([]string{instance, s.Owner, s.Name, s.Fingerprint}, "|"))
	})
	key := newSealKey(t)
	to, ring := key.Public(), seal.Ring{key}
	for _, i := range pair {
		for _, owner := range []string{"", "acme"} {
			for n, name := range []string{"crm", "a b.c/*"} {
				s := bus.NamedSecret{Owner: owner, Name: name, Value: "Bearer of " + i.ID + owner + name, Fingerprint: "one", Set: time.Now().UTC(), By: "me"}
				sealTo := &to
				if n == 1 {
					sealTo = nil
				}
				replaced, err := i.PutNamedSecret(ctx, s, sealTo)
				require.NoError(t, err)
				require.False(t, replaced)
				replaced, err = i.PutNamedSecret(ctx, s, sealTo)
				require.NoError(t, err)
				require.True(t, replaced)
				got, ok, err := i.NamedSecret(ctx, owner, name)
				require.NoError(t, err)
				require.True(t, ok)
				value, err := got.Open(ring, i.ID)
				require.NoError(t, err)
				require.Equal(t, s.Value, value)
				require.Equal(t, n == 0, got.SealedFor() == key.ID())
				require.Equal(t, n == 0, got.Value != s.Value)
			}
		}
		all, err := i.NamedSecrets(ctx)
		require.NoError(t, err)
		require.Len(t, all, 4)
		require.Equal(t, []string{"", "a b.c/*", "acme", "crm"}, []string{all[0].Owner, all[0].Name, all[3].Owner, all[3].Name})
		none, err := i.Departed(ctx)
		require.NoError(t, err)
		require.Empty(t, none)
		names, err := i.KeptNames(ctx)
		require.NoError(t, err)
		require.Empty(t, names, "none is that of a target")
	}
	a, _, err := pair[0].NamedSecret(ctx, "acme", "crm")
	require.NoError(t, err)
	for what, moved := range map[string]bus.NamedSecret{"another name": {Owner: "acme", Name: "other", Value: a.Value}, "another organization": {Name: "crm", Value: a.Value}} {
		_, err := moved.Open(ring, pair[0].ID)
		require.Equal(t, action.CodeInternal, action.CodeOf(err), what)
	}
	_, err = a.Open(ring, pair[1].ID)
	require.ErrorContains(t, err, "cannot be opened with key "+key.ID()+": it was changed, or is of somewhere else; set it again")
	_, err = a.Open(nil, pair[0].ID)
	require.ErrorContains(t, err, "the secret crm is sealed for key "+key.ID()+", which this worker does not have: give --open-with")
	deleted, err := pair[0].DeleteNamedSecret(ctx, "acme", "crm")
	require.NoError(t, err)
	require.True(t, deleted)
	deleted, err = pair[0].DeleteNamedSecret(ctx, "acme", "crm")
	require.NoError(t, err)
	require.False(t, deleted)
	told.Await(t, 17)
	require.Equal(t, pair[0].ID+"|acme|crm|", told.Get()[16], "one that was removed has no value")
}

// TestHeadersOfATargetAreSealedAndResealed: what is kept of a target beside its keys
// goes through all that they go through, also of one that has left.
func TestHeadersOfATargetAreSealedAndResealed(t *testing.T) {
	t.Parallel()
	pair := bustest.Pair(t, bustest.Start(t).Connect(t, bus.Options{}))
	ctx := bustest.Within(t, time.Minute)
	old, next := newSealKey(t), newSealKey(t)
	for _, i := range pair {
		open := bus.TargetSecrets{Keys: bus.SigningKeys{{Key: signing("a")}}, Headers: map[string]string{"X-Key": "value of " + i.ID, "Authorization": "Bearer 1"}}
		text, err := open.Text()
		require.NoError(t, err)
		require.NoError(t, i.PutSecrets(ctx, []bus.NewSecret{{Owner: "acme", Target: "hook", Key: text}}))
		require.NoError(t, i.PutDeparted(ctx, []bus.Departed{{Owner: "acme", ID: "id", Target: "gone", Key: text, Left: time.Now()}}))
		_, err = i.PutNamedSecret(ctx, bus.NamedSecret{Name: "crm", Value: "named of " + i.ID}, nil)
		require.NoError(t, err)
		sealed, err := i.SealSecrets(ctx, old.Public())
		require.NoError(t, err)
		require.Equal(t, 7, sealed, "a key and two headers, twice, and a secret")
		sealed, err = i.SealSecrets(ctx, old.Public())
		require.NoError(t, err)
		require.Zero(t, sealed)
		left, err := i.DepartedKey(ctx, "acme", "id")
		require.NoError(t, err)
		require.NotContains(t, left, "value of")
		sealed, err = i.ResealSecrets(ctx, seal.Ring{next, old})
		require.NoError(t, err)
		require.Equal(t, 4, sealed, "that of one that has left stays")
		kept, _, err := i.TargetSecrets(ctx, "acme", "hook")
		require.NoError(t, err)
		require.True(t, kept.AreSealed())
		for name, want := range open.Headers {
			value, ok, err := kept.OpenHeader(seal.Ring{next}, i.ID, "acme", name)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, want, value)
			_, _, err = kept.OpenHeader(seal.Ring{old}, i.ID, "acme", name)
			require.ErrorContains(t, err, "the value of the header "+name+" is sealed for key "+next.ID()+", which this worker does not have")
			_, _, err = kept.OpenHeader(seal.Ring{next}, i.ID, "", name)
			require.ErrorContains(t, err, "apply the configuration again")
		}
		kept.Headers["X-Key"], kept.Headers["Authorization"] = kept.Headers["Authorization"], kept.Headers["X-Key"]
		_, _, err = kept.OpenHeader(seal.Ring{next}, i.ID, "acme", "X-Key")
		require.ErrorContains(t, err, "or is of somewhere else", "one header is not another")
		named, _, err := i.NamedSecret(ctx, "", "crm")
		require.NoError(t, err)
		value, err := named.Open(seal.Ring{next}, i.ID)
		require.NoError(t, err)
		require.Equal(t, "named of "+i.ID, value)
	}
}

// TestOlderVersionsKnowNoHeaders: what is stored of a target whose headers come from
// elsewhere is of a format that they do not read, so that they call it not at all rather
// than without them; also where there is none to be kept.
func TestOlderVersionsKnowNoHeaders(t *testing.T) {
	t.Parallel()
	for _, headers := range []map[string]string{{"X": "y"}, {}} {
		text, err := bus.TargetSecrets{Keys: bus.SigningKeys{{Key: signing("a")}}, Headers: headers}.Text()
		require.NoError(t, err)
		var stored struct {
			Format  int               `json:"format"`
			Headers map[string]string `json:"headers"`
		}
		require.NoError(t, json.Unmarshal([]byte(text), &stored))
		require.Equal(t, action.Format+2, stored.Format)
		again, err := bus.ReadTargetSecrets(text)
		require.NoError(t, err)
		require.Equal(t, headers, again.Headers)
	}
	for _, spoilt := range []string{`{"X":""}`, `{"X":"sealed:1:zz:"}`, `{"X":"` + strings.Repeat("x", 65<<10) + `"}`} {
		_, err := bus.ReadTargetSecrets(`{"keys":[{"key":"` + signing("a") + `"}],"headers":` + spoilt + `,"format":3}`)
		require.Error(t, err)
	}
}

// TestSecretsHaveABound in their number.
func TestSecretsHaveABound(t *testing.T) {
	t.Parallel()
	server := bustest.Start(t)
	pair := bustest.Pair(t, server.Connect(t, bus.Options{}))
	ctx, kv := bustest.Within(t, time.Minute), server.Bucket(t, bus.BucketSecrets)
	for n := range action.MaxSecrets {
		_, err := kv.Put(ctx, pair[0].Token+".=.named.n"+strings.Repeat("x", n%50)+string(rune('a'+n/50)), []byte(`{"value":"x"}`))
		require.NoError(t, err)
	}
	_, err := pair[0].PutNamedSecret(ctx, bus.NamedSecret{Name: "more", Value: "x"}, nil)
	require.Equal(t, action.CodeTooLarge, action.CodeOf(err), "%v", err)
	replaced, err := pair[0].PutNamedSecret(ctx, bus.NamedSecret{Name: "na", Value: "y"}, nil)
	require.NoError(t, err)
	require.True(t, replaced)
	_, err = pair[1].PutNamedSecret(ctx, bus.NamedSecret{Name: "more", Value: "x"}, nil)
	require.NoError(t, err)
}
