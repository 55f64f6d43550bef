// Package broker is a plain NATS server in a process of its own, and how events are published fast.
package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Serve runs a server that keeps its streams in a directory, says so on out, and ends with ctx. It has the settings of
// Callout's own: those that a server has by itself.
func Serve(ctx context.Context, out io.Writer, data string) error {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: data, NoSigs: true})
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(time.Minute) {
		return errors.New("the NATS server is not ready after a minute")
	}
	if _, err := fmt.Fprintf(out, "ready nats=%s\n", s.ClientURL()); err != nil {
		return err
	}
	<-ctx.Done()
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}

// inFlight is how many messages are published without being confirmed yet.
const inFlight = 256

// Publisher publishes into streams. It may be used from several goroutines.
type Publisher struct {
	nc *nats.Conn
	js jetstream.JetStream
}

// Connect makes a publisher.
func Connect(url string) (*Publisher, error) {
	nc, err := nats.Connect(url, nats.Timeout(30*time.Second), nats.MaxReconnects(-1))
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(inFlight))
	if err != nil {
		nc.Close()
		return nil, err
	}
	return &Publisher{nc: nc, js: js}, nil
}

// JetStream is what it publishes with.
func (p *Publisher) JetStream() jetstream.JetStream { return p.js }

// Close ends it.
func (p *Publisher) Close() { p.nc.Close() }

// Message is what is published where.
type Message struct {
	Subject string
	Body    []byte
}

// Publish publishes n messages in their order, as fast as they are confirmed, or one each pace when that is not 0. It
// fails unless all are confirmed.
func (p *Publisher) Publish(ctx context.Context, n int, pace time.Duration, message func(i int) Message) error {
	var paced <-chan time.Time
	if pace > 0 {
		ticker := time.NewTicker(pace)
		defer ticker.Stop()
		paced = ticker.C
	}
	sent := make([]jetstream.PubAckFuture, 0, n)
	for i := range n {
		if paced != nil {
			select {
			case <-paced:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		m := message(i)
		future, err := p.js.PublishAsync(m.Subject, m.Body, jetstream.WithStallWait(time.Minute))
		if err != nil {
			return fmt.Errorf("event %d of %d is not published: %w", i, n, err)
		}
		sent = append(sent, future)
	}
	for i, future := range sent {
		select {
		case <-future.Ok():
		case err := <-future.Err():
			return fmt.Errorf("event %d of %d is not stored: %w", i, n, err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
