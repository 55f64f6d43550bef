package wire_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/wire"
)

const partitioned = "inst.ance" // needs an escape

// eventStream is a stream of a real server with the transform, empty.
func eventStream(ctx context.Context, t *testing.T, instance string) (jetstream.JetStream, jetstream.Stream) {
	server, err := embed.Start(embed.Options{Listen: "127.0.0.1:0", Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	nc, err := nats.Connect(server.URL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	source, destination := wire.Transform()
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "EVENTS", Subjects: []string{wire.EventsOf(instance), wire.Marker(instance)}, Storage: jetstream.MemoryStorage,
		SubjectTransform: &jetstream.SubjectTransformConfig{Source: source, Destination: destination},
	})
	require.NoError(t, err)
	return js, stream
}

// aggregates are ids of every kind, the same in each run.
func aggregates(n int) []string {
	ids := []string{"a", ".", "*", ">", "=", " ", "ü", "=2E", wide, strings.Repeat("a", action.MaxID)}
	source := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("abcXYZ019_-.*>= /:ü日🙂")
	for len(ids) < n {
		id := make([]rune, 1+source.IntN(30))
		for i := range id {
			id[i] = alphabet[source.IntN(len(alphabet))]
		}
		ids = append(ids, string(id))
	}
	return ids
}

// TestTheServerPartitionsAsWeDo holds Partition, ParseStoredEvent, CheckStored
// and LineFilter against what a real server does with the transform.
func TestTheServerPartitionsAsWeDo(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	js, stream := eventStream(ctx, t, partitioned)
	ids, types := aggregates(200), []string{"user.added", "user.human.added", "usergrant.added", "t"}
	for i, id := range ids {
		org, kind := []string{"", "acme", wide}[i%3], types[i%len(types)]
		subject, err := wire.EventSubject(partitioned, org, id, kind)
		require.NoError(t, err)
		ack, err := js.Publish(ctx, subject, []byte(id))
		require.NoError(t, err)
		msg, err := stream.GetMsg(ctx, ack.Sequence)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("callout.event.%s.%d.%d.%d.%s.%s", wire.Token(partitioned), wire.Partition(id, 4),
			wire.Partition(id, 16), wire.Partition(id, 64), wire.Token(org), kind), msg.Subject, "%q", id)
		at, err := wire.ParseStoredEvent(msg.Subject)
		require.NoError(t, err)
		require.Equal(t, wire.StoredEvent{Instance: partitioned, Lane4: wire.Partition(id, 4), Lane16: wire.Partition(id, 16),
			Lane64: wire.Partition(id, 64), Org: org, Type: kind}, at)
		require.NoError(t, wire.CheckStored(at, wire.EventFacts{AggregateID: id, Org: org, InstanceID: partitioned, Type: kind}))
	}
	ack, err := js.Publish(ctx, wire.Marker(partitioned), nil)
	require.NoError(t, err, "a marker lies among the events, untransformed")
	marker, err := stream.GetMsg(ctx, ack.Sequence)
	require.NoError(t, err)
	require.Equal(t, wire.Marker(partitioned), marker.Subject)
	requireLanes(ctx, t, stream, "*", len(ids))
	requireLanes(ctx, t, stream, "user.*", len(ids)/2)
	requireLanes(ctx, t, stream, "user.added", len(ids)/4)
}

// requireLanes asks the server what each lane's filter takes in: together
// everything, each what its number says.
func requireLanes(ctx context.Context, t *testing.T, stream jetstream.Stream, match string, want int) {
	t.Helper()
	condition := action.Condition{Phase: action.OnEvent, Match: match}
	for lanes, token := range map[int]int{1: 0, 4: 3, 16: 4, 64: 5} {
		var total uint64
		for lane := range lanes {
			info, err := stream.Info(ctx, jetstream.WithSubjectFilter(wire.LineFilter(partitioned, "", condition, lane, lanes)))
			require.NoError(t, err)
			for subject, n := range info.State.Subjects {
				total += n
				if lanes > 1 {
					require.Equal(t, strconv.Itoa(lane), strings.Split(subject, ".")[token])
				}
			}
		}
		require.EqualValues(t, want, total, "%s on %d lanes", match, lanes)
	}
}

func TestPartitionsNest(t *testing.T) {
	for _, id := range aggregates(500) {
		p := wire.Partition(id, 64)
		require.Equal(t, 0, wire.Partition(id, 1))
		require.Equal(t, p%16, wire.Partition(id, 16))
		require.Equal(t, p%4, wire.Partition(id, 4))
	}
	require.Equal(t, 44, wire.Partition("a", 64), "FNV-1a of 32 bits, 0xe40c292c for \"a\"")
}

// TestTheLongestSubjectIsTaken: a token or subject too long makes the server
// close the connection.
func TestTheLongestSubjectIsTaken(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	js, _ := eventStream(ctx, t, wide)
	subject, err := wire.EventSubject(wide, wide, wide, strings.Repeat("a.", 15)+strings.Repeat("b", 225))
	require.NoError(t, err)
	_, err = js.Publish(ctx, subject, nil)
	require.NoError(t, err)
}
