package node_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/wire"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// TestNoSigningKeyLiesOpen: a fleet with sealed keys and headers does all that it does,
// each request is signed in both ways and has its headers, targets send back what they
// got, and afterwards no text of a key or of a header's value is found in any
// stream or bucket, in any file of the store, in any log, or in any answer but the
// one that showed it.
func TestNoSigningKeyLiesOpen(t *testing.T) {
	t.Parallel()
	v, key := newVault(t), sealKey(t)
	d, _ := v.dispatcher(&key)
	keys := v.apply(d)
	v.worker(key)
	v.worker(key)
	answers := recorded{&lockedBuffer{}}
	looking := api(d, connect.WithInterceptors(answers))
	var all []string
	values := []string{headerValue}
	for _, id := range twoInstances {
		v.hooks[id].answerHere("dead", echoed(http.StatusServiceUnavailable))
		v.hooks[id].answerHere("hook", echoed(http.StatusOK))
		v.work(id, keys[id])
		v.sent(id, headerValue, partnerValue(id))
		rotated := v.rotate(d, id, keys[id]["hook"])
		v.rename(d, id, rotated)
		v.lookAround(looking, id)
		for _, k := range keys[id] {
			all = append(all, k)
		}
		all = append(all, rotated)
		values = append(values, partnerValue(id))
	}
	for _, value := range values {
		quoted, err := json.Marshal(value)
		require.NoError(t, err)
		values = append(values, base64.StdEncoding.EncodeToString([]byte(value)), strings.Trim(string(quoted), `"`))
	}
	for _, k := range all {
		secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(k, "whsec_"))
		require.NoError(t, err)
		all = append(all, strings.TrimPrefix(k, "whsec_"), string(secret), base64.StdEncoding.EncodeToString([]byte(k)))
	}
	all = append(all, values...)
	v.nowhere(all, "the log", v.log.take())
	shown := answers.take()
	require.True(t, strings.Contains(shown, "renamed"), "answers are noted")
	v.nowhere(all, "an answer", shown)
	require.True(t, strings.Contains(shown, v.hooks[twoInstances[0]].URL), "as they are")
	v.nowhereStored(all)
}

// work has every kind of target called in an instance.
func (v *vault) work(id string, keys map[string]string) {
	v.Helper()
	require.Eventually(v, func() bool { // the core may have heard of the instance before the workers have
		r, err := v.cores[id].Request(v.Context(), callout.Call{Method: "/s.S/A", OrgID: "acme", Request: []byte(`{}`)})
		return err == nil && len(r.Steps) == 2
	}, time.Minute, 5*time.Millisecond)
	for n := range uint64(20) {
		v.publish(id, "user.added", n+1)
	}
	v.publish(id, "user.dead", 1)
	for target, count := range map[string]int{"call": 1, "later": 1, "hook": 20, "given": 20, "dead": 2} {
		for _, a := range v.hooks[id].await(v.T, target, count) {
			require.True(v, signedBy(v.T, a, keys[target]), target)
		}
	}
}

// sent fails when a request to the hook came without its headers.
func (v *vault) sent(id, authorization, shared string) {
	v.Helper()
	all := v.hooks[id].got("hook")
	require.NotEmpty(v, all)
	for _, a := range all {
		require.Equal(v, authorization, a.header.Get("Authorization"))
		require.Equal(v, shared, a.header.Get("X-Shared"))
	}
}

// rotate rotates the key of the hook, and waits until the new one signs beside it.
func (v *vault) rotate(d *dispatch.Dispatcher, id, old string) string {
	v.Helper()
	answer, err := api(d).RotateTargetKey(within(v.T, 20*time.Second), connect.NewRequest(&calloutv1.RotateTargetKeyRequest{Instance: id, Name: "hook", Grace: durationpb.New(time.Hour)}))
	require.NoError(v, err)
	next := answer.Msg.GetSigningKey()
	require.NotEqual(v, old, next)
	require.Len(v, answer.Msg.GetEarlierUntil(), 1)
	sequence := uint64(1000)
	require.Eventually(v, func() bool {
		before := len(v.hooks[id].got("hook"))
		sequence++
		v.publish(id, "user.added", sequence)
		last := v.hooks[id].await(v.T, "hook", before+1)[before]
		require.True(v, signedBy(v.T, last, old), "the old one signs beside it")
		return signedBy(v.T, last, next)
	}, time.Minute, time.Millisecond)
	kept, _ := v.stored(id, "hook")
	require.Len(v, kept, 2)
	require.True(v, kept.AreSealed())
	require.False(v, kept[1].Until.IsZero(), "when its time ends is to be read")
	return next
}

// rename gives the hook another name, whose keys go along without being opened.
func (v *vault) rename(d *dispatch.Dispatcher, id, key string) {
	v.Helper()
	had, _ := v.stored(id, "hook")
	got, err := api(d).GetTarget(within(v.T, 10*time.Second), connect.NewRequest(&calloutv1.GetTargetRequest{Instance: id, Name: "hook"}))
	require.NoError(v, err)
	_, err = api(d).UpdateTarget(within(v.T, 20*time.Second), connect.NewRequest(&calloutv1.UpdateTargetRequest{Instance: id,
		Target: &calloutv1.Target{Id: got.Msg.GetTarget().GetId(), Name: "renamed"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name"}}}))
	require.NoError(v, err)
	has, _ := v.stored(id, "renamed")
	require.Equal(v, had, has)
	before := len(v.hooks[id].got("hook"))
	v.publish(id, "user.added", 2000)
	require.True(v, signedBy(v.T, v.hooks[id].await(v.T, "hook", before+1)[before], key))
}

// lookAround asks the API for everything that it shows of an instance.
func (v *vault) lookAround(c calloutv1connect.ActionServiceClient, id string) {
	v.Helper()
	ctx := within(v.T, time.Minute)
	exported, err := c.Export(ctx, connect.NewRequest(&calloutv1.ExportRequest{Instance: id}))
	require.NoError(v, err)
	require.Contains(v, exported.Msg.GetConfiguration(), "renamed")
	require.Contains(v, exported.Msg.GetConfiguration(), "{secret: partner}")
	secrets, err := c.ListSecrets(ctx, connect.NewRequest(&calloutv1.ListSecretsRequest{Instance: id}))
	require.NoError(v, err)
	require.Len(v, secrets.Msg.GetSecrets(), 1)
	require.Equal(v, []string{"dead", "renamed"}, secrets.Msg.GetSecrets()[0].GetUsedBy())
	_, err = c.SetSecret(ctx, connect.NewRequest(&calloutv1.SetSecretRequest{Instance: id, Name: "partner", Value: partnerValue(id)}))
	require.NoError(v, err)
	targets, err := c.ListTargets(ctx, connect.NewRequest(&calloutv1.ListTargetsRequest{Instance: id}))
	require.NoError(v, err)
	require.Len(v, targets.Msg.GetTargets(), 5)
	for _, one := range targets.Msg.GetTargets() {
		_, err := c.GetTarget(ctx, connect.NewRequest(&calloutv1.GetTargetRequest{Instance: id, Name: one.GetName()}))
		require.NoError(v, err)
	}
	tried, err := c.TestTarget(ctx, connect.NewRequest(&calloutv1.TestTargetRequest{Instance: id, Name: "renamed"}))
	require.NoError(v, err)
	require.EqualValues(v, http.StatusOK, tried.Msg.GetStatus())
	require.Contains(v, string(tried.Msg.GetResponseBody()), "no, by *** and ***")
	revisions, err := c.ListRevisions(ctx, connect.NewRequest(&calloutv1.ListRevisionsRequest{Instance: id}))
	require.NoError(v, err)
	require.Len(v, revisions.Msg.GetRevisions(), 3)
	_, err = c.DiffRevisions(ctx, connect.NewRequest(&calloutv1.DiffRevisionsRequest{Instance: id, From: 2, To: 3}))
	require.NoError(v, err)
	require.Eventually(v, func() bool {
		audit, err := c.ListAudit(ctx, connect.NewRequest(&calloutv1.ListAuditRequest{All: true}))
		dead, deadErr := c.ListDeadLetters(ctx, connect.NewRequest(&calloutv1.ListDeadLettersRequest{Instance: id}))
		deliveries, listErr := c.ListDeliveries(ctx, connect.NewRequest(&calloutv1.ListDeliveriesRequest{Instance: id, PageSize: 1000}))
		return err == nil && deadErr == nil && listErr == nil && len(audit.Msg.GetRecords()) > 0 && len(dead.Msg.GetDeadLetters()) == 1 && len(deliveries.Msg.GetDeliveries()) > 40
	}, time.Minute, 50*time.Millisecond)
	dead, err := c.ListDeadLetters(ctx, connect.NewRequest(&calloutv1.ListDeadLettersRequest{Instance: id}))
	require.NoError(v, err)
	of := dead.Msg.GetDeadLetters()[0].GetDeliveryId()
	_, err = c.GetDeadLetter(ctx, connect.NewRequest(&calloutv1.GetDeadLetterRequest{Instance: id, DeliveryId: of}))
	require.NoError(v, err)
	_, err = c.GetDelivery(ctx, connect.NewRequest(&calloutv1.GetDeliveryRequest{Instance: id, DeliveryId: of}))
	require.NoError(v, err)
	_, err = c.ListSubscriptions(ctx, connect.NewRequest(&calloutv1.ListSubscriptionsRequest{Instance: id}))
	require.NoError(v, err)
	stands, err := c.GetStatus(ctx, connect.NewRequest(&calloutv1.GetStatusRequest{}))
	require.NoError(v, err)
	require.Empty(v, stands.Msg.GetWarnings())
}

// TestKeysAreSealedWhileEventsFlow: what lies open is sealed when a dispatcher is
// started with a key; nothing is lost, and all is signed with the keys that targets
// know. Doing it again changes nothing.
func TestKeysAreSealedWhileEventsFlow(t *testing.T) {
	t.Parallel()
	v, key := newVault(t), sealKey(t)
	d, stop := v.dispatcher(nil)
	keys := v.apply(d)
	v.worker(key)
	const each = 200
	flowing := make(chan error, len(twoInstances))
	for _, id := range twoInstances {
		kept, _ := v.stored(id, "hook")
		require.Len(t, kept, 1)
		require.Equal(t, keys[id]["hook"], kept[0].Key, "it lies open")
		go func() {
			var err error
			for n := range uint64(each) {
				if _, err = v.cores[id].Publish(within(t, 20*time.Second), event("u", "user.added", n+1)); err != nil {
					break
				}
				time.Sleep(2 * time.Millisecond) // so that it goes on while keys are sealed
			}
			flowing <- err
		}()
		v.hooks[id].await(t, "hook", each/10)
	}
	stop()
	_, stop = v.dispatcher(&key)
	v.says(`"keys":7`)
	revisions := map[string]uint64{}
	for _, id := range twoInstances {
		for target := range keys[id] {
			kept, revision := v.stored(id, target)
			require.True(t, kept.AreSealed())
			revisions[id+target] = revision
		}
		require.Less(t, len(v.hooks[id].got("hook")), each, "events flow meanwhile")
	}
	for range twoInstances {
		require.NoError(t, <-flowing)
	}
	for _, id := range twoInstances {
		for _, target := range []string{"hook", "given"} {
			for _, a := range v.hooks[id].await(t, target, each) {
				require.True(t, signedBy(t, a, keys[id][target]))
			}
		}
	}
	stop()
	d, _ = v.dispatcher(&key)
	for _, id := range twoInstances {
		for target := range keys[id] {
			_, revision := v.stored(id, target)
			require.Equal(t, revisions[id+target], revision)
		}
		v.rotate(d, id, keys[id]["hook"])
	}
}

// TestAnotherSealKeyTakesThePlaceOfOne: a worker that has both seals for the newest,
// and then the old one can go: also a key in its grace time, sealed when there was no
// other, signs on.
func TestAnotherSealKeyTakesThePlaceOfOne(t *testing.T) {
	t.Parallel()
	v, old, next := newVault(t), sealKey(t), sealKey(t)
	d, stop := v.dispatcher(&old)
	keys := v.apply(d)
	both := v.worker(old, next)
	rotated := map[string][]string{}
	for _, id := range twoInstances {
		rotated[id] = []string{keys[id]["hook"], v.rotate(d, id, keys[id]["hook"])}
	}
	stop()
	d, _ = v.dispatcher(&next)
	for _, id := range twoInstances {
		rotated[id] = append(rotated[id], v.rotateAgain(d, id, rotated[id]))
		kept, _ := v.stored(id, "hook")
		require.Equal(t, []string{next.ID(), old.ID(), old.ID()}, sealedFor(kept), "what was sealed before stands as it is")
	}
	both()
	turned := v.worker(next, old)
	for _, id := range twoInstances {
		for target := range keys[id] {
			require.Eventually(t, func() bool {
				kept, _ := v.stored(id, target)
				for _, k := range sealedFor(kept) {
					if k != next.ID() {
						return false
					}
				}
				return true
			}, time.Minute, 5*time.Millisecond, target)
		}
		require.Eventually(t, func() bool {
			named, _, err := v.bus.Instance(id).NamedSecret(within(t, 10*time.Second), "", "partner")
			require.NoError(t, err)
			return named.SealedFor() == next.ID()
		}, time.Minute, 5*time.Millisecond)
	}
	turned()
	v.worker(next)
	for _, id := range twoInstances {
		before := len(v.hooks[id].got("hook"))
		v.publish(id, "user.added", 5000)
		last := v.hooks[id].await(t, "hook", before+1)[before]
		for _, key := range rotated[id] {
			require.True(t, signedBy(t, last, key))
		}
		v.sent(id, headerValue, partnerValue(id))
	}
}

func (v *vault) rotateAgain(d *dispatch.Dispatcher, id string, before []string) string {
	v.Helper()
	keys, err := d.Instance(id).RotateKey(within(v.T, 20*time.Second), "", "hook", time.Hour)
	require.NoError(v, err)
	require.Len(v, keys, len(before)+1)
	require.False(v, keys[0].IsSealed(), "who rotates is shown the new one")
	return keys[0].Key
}

func sealedFor(keys bus.SigningKeys) (ids []string) {
	for _, k := range keys {
		ids = append(ids, k.SealedFor())
	}
	return ids
}

// TestAWorkerWithoutTheKeyHolds what it cannot sign, says which key it lacks, and
// sends nothing; one that has the key goes on with that, and no attempt was counted.
func TestAWorkerWithoutTheKeyHolds(t *testing.T) {
	t.Parallel()
	v, key, other := newVault(t), sealKey(t), sealKey(t)
	d, _ := v.dispatcher(&key)
	keys := v.apply(d)
	v.log.take()
	stop := v.worker(other)
	v.says(fmt.Sprintf(`"seal_key":%q,"secrets":14,"message":"secrets are sealed for a key that this worker does not have`, key.ID()))
	for _, id := range twoInstances {
		v.publish(id, "user.added", 1)
	}
	for _, id := range twoInstances {
		require.Eventually(t, func() bool { return v.state(d, id, "hook").LastError == action.CodeInternal }, time.Minute, 5*time.Millisecond)
		r, err := v.cores[id].Request(within(t, 20*time.Second), callout.Call{Method: "/s.S/A", OrgID: "acme", Request: []byte(`{}`)})
		require.NoError(t, err)
		require.Equal(t, action.StepFailed, r.Steps[0].Outcome)
	}
	v.says("the signing key of the target is sealed for key " + key.ID() + ", which this worker does not have: give --open-with")
	require.Eventually(t, func() bool {
		return strings.Contains(strings.Join(d.Status(within(t, 10*time.Second)).Warnings, "\n"), "lacks the key "+key.ID()+", for which 14 secrets are sealed")
	},
		time.Minute, 50*time.Millisecond)
	for _, id := range twoInstances {
		require.Empty(t, v.hooks[id].all(), "nothing goes out unsigned")
	}
	stop()
	v.worker(other, key)
	for _, id := range twoInstances {
		for _, target := range []string{"hook", "given"} {
			a := v.hooks[id].await(t, target, 1)[0]
			require.True(t, signedBy(t, a, keys[id][target]))
			require.Equal(t, "1", a.header.Get(wire.HeaderAttempt), "no attempt was counted")
		}
	}
}
