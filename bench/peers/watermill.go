package peers

import (
	"context"

	"github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

// plain takes the events as they are.
type plain struct{}

func (plain) Unmarshal(m *nats.Msg) (*message.Message, error) {
	return message.NewMessage(watermill.NewUUID(), m.Data), nil
}

// serveWatermill has a subscriber of JetStream for each queue, and a router whose handlers post. It acknowledges without
// waiting for the server, as the floor does.
func serveWatermill(ctx context.Context, source, target string, ready func() error) error {
	nc, err := nats.Connect(source)
	if err != nil {
		return err
	}
	defer nc.Close()
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	hooks := newPoster(target)
	for _, q := range queues() {
		config := wmnats.SubscriberSubscriptionConfig{
			Unmarshaler:      plain{},
			SubscribersCount: q.AtOnce,
			NakDelay:         wmnats.NewStaticDelay(retryAfter),
			JetStream: wmnats.JetStreamConfig{
				AckAsync:         true,
				DurablePrefix:    q.Name,
				SubscribeOptions: []nats.SubOpt{nats.BindStream(stream), nats.DeliverAll(), nats.AckExplicit(), nats.ManualAck(), nats.MaxAckPending(q.AtOnce)},
			},
		}
		if q.AtOnce > 1 {
			config.QueueGroupPrefix = q.Name
		}
		subscriber, err := wmnats.NewSubscriberWithNatsConn(nc, config, watermill.NopLogger{})
		if err != nil {
			return err
		}
		router.AddConsumerHandler(q.Name, q.Subject, subscriber, func(m *message.Message) error {
			return hooks.post(m.Context(), q.Path, m.Payload)
		})
	}
	go func() {
		select {
		case <-router.Running():
			_ = ready() // nobody reads it: then this process is ended
		case <-ctx.Done():
		}
	}()
	return router.Run(ctx)
}
