package dispatch_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// jwks asks for the keys that an instance publishes, without a token; "" is at the root.
func jwks(t *testing.T, d *dispatch.Dispatcher, id string) (status int, kids []string) {
	t.Helper()
	at := d.URL()
	if id != "" {
		at += "/v1/instances/" + url.PathEscape(id)
	}
	resp, err := http.Get(at + "/.well-known/jwks.json")
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var set struct{ Keys []struct{ Kid string } }
	require.NoError(t, json.Unmarshal(raw, &set))
	for _, k := range set.Keys {
		kids = append(kids, k.Kid)
	}
	return resp.StatusCode, kids
}

func jwtHook(name string) action.Target {
	t := hook(name, "https://a.example")
	t.Payload = action.PayloadJWT
	return t
}

// TestTheFirstKeyIsMadeOnce: whichever dispatchers need it at once, and it is published
// without a token; what was deleted has none any more.
func TestTheFirstKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	operator, _ := access.NewToken("operator", access.Scope{}, access.Verbs)
	walled := dispatch.Options{Entry: dispatch.Entry{Access: &dispatch.Access{Operator: operator}}}.Hurried(hurried, 2*hurried)
	first, second := f.dispatcherWith(f.bus(), walled), f.dispatcherWith(f.bus(), walled)
	both(t, f, func(t *testing.T, of tenant) {
		of.change(t, first, func(*catalog.Snapshot) *catalog.Snapshot {
			return catalog.Empty(of.id).WithTarget("", hook("plain", "https://a.example"))
		})
		status, _ := jwks(t, first.Dispatcher, of.id)
		require.Equal(t, http.StatusNotFound, status, "nobody needs one yet")
		var edits sync.WaitGroup
		for n, d := range []*running{first, second, first, second} {
			edits.Go(func() {
				_, _, err := d.Instance(of.id).Edit(within(t, time.Minute), "test", func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
					return current.WithTarget([]string{"", "acme"}[n%2], jwtHook([]string{"a", "b", "c", "d"}[n])), nil
				})
				require.NoError(t, err)
			})
		}
		edits.Wait()
		keys, err := first.Instance(of.id).OwnKeys(within(t, 10*time.Second))
		require.NoError(t, err)
		require.Len(t, keys, 1)
		for _, d := range []*running{first, second} {
			require.Eventually(t, func() bool {
				status, kids := jwks(t, d.Dispatcher, of.id)
				return status == http.StatusOK && len(kids) == 1 && kids[0] == keys[0].ID
			}, time.Minute, 5*time.Millisecond)
		}
		if of.id == instance {
			_, kids := jwks(t, first.Dispatcher, "")
			require.Equal(t, []string{keys[0].ID}, kids, "the default instance's are at the root too")
		}

		// Of two that rotate at once one is told, or comes behind.
		var rotations sync.WaitGroup
		codes := make([]action.Code, 2)
		for n, d := range []*running{first, second} {
			rotations.Go(func() {
				_, err := d.Instance(of.id).RotateOwnKey(within(t, time.Minute), action.Ed25519, time.Hour)
				codes[n] = action.CodeOf(err)
			})
		}
		rotations.Wait()
		require.Contains(t, codes, action.Code(""))
		after, err := second.Instance(of.id).OwnKeys(within(t, 10*time.Second))
		require.NoError(t, err)
		require.Len(t, after, 2, "the one that signs, and one that is coming")
		require.Equal(t, keys[0].ID, after[1].ID)
		_, err = first.Instance("nobody").RotateOwnKey(within(t, 10*time.Second), action.Ed25519, 0)
		code(t, action.CodeUnknownInstance, err)
		_, err = first.Instance(of.id).RotateOwnKey(within(t, 10*time.Second), "es256", 0)
		code(t, action.CodeBadField, err)

		_, err = first.Instance(of.id).Delete(within(t, time.Minute))
		require.NoError(t, err)
		left, err := f.bus().Bucket(bus.BucketKeys).Keys(within(t, 10*time.Second), f.bus().Instance(of.id).Token+".>")
		require.NoError(t, err)
		require.Empty(t, left)
		for _, d := range []*running{first, second} {
			require.Eventually(t, func() bool { status, _ := jwks(t, d.Dispatcher, of.id); return status == http.StatusNotFound }, time.Minute, 5*time.Millisecond)
		}
	})
}

// TestKeysRotateByThemselves: a successor is published before it signs, then it signs, and
// the private half of one that is published no more is forgotten.
func TestKeysRotateByThemselves(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	o := dispatch.Options{OwnKeys: dispatch.OwnKeys{Every: 3 * time.Second, Lead: time.Second}}.Hurried(hurried, 2*hurried)
	d := f.dispatcherWith(f.bus(), o)
	f.dispatcherWith(f.bus(), o)
	both(t, f, func(t *testing.T, of tenant) {
		of.change(t, d, func(*catalog.Snapshot) *catalog.Snapshot { return catalog.Empty(of.id).WithTarget("", jwtHook("a")) })
		i := d.Instance(of.id)
		first, err := i.OwnKeys(within(t, 10*time.Second))
		require.NoError(t, err)
		require.Len(t, first, 1)
		var next bus.OwnKeys
		require.Eventually(t, func() bool {
			next, err = i.OwnKeys(within(t, 10*time.Second))
			return err == nil && len(next) > 1
		}, time.Minute, 5*time.Millisecond)
		require.Equal(t, first[0].ID, next[1].ID)
		require.True(t, next[0].Signs.After(next[0].Made), "it is published before it signs")
		require.Equal(t, next[0].Signs, next[1].Ends)
		require.False(t, next[0].Signs.Before(first[0].Signs.Add(3*time.Second)), "the first signs for its time")
		_, kids := jwks(t, d.Dispatcher, of.id)
		require.Contains(t, kids, first[0].ID)
		_, err = i.RotateOwnKey(within(t, 10*time.Second), action.Ed25519, 0)
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			half, err := f.bus().Instance(of.id).PrivateHalf(within(t, 10*time.Second), first[0].ID)
			return err == nil && half == ""
		}, time.Minute, 20*time.Millisecond)
	})
}
