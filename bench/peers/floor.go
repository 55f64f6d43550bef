package peers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// poster posts bodies by a client whose pool fits.
type poster struct {
	client *http.Client
	target string
}

func newPoster(target string) poster {
	return poster{target: target, client: &http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 128, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// post fails unless it is answered with a status of 2xx.
func (p poster) post(ctx context.Context, path string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.target+path+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("the target answers %s", response.Status)
	}
	return nil
}

// serveFloor is what a programmer writes by hand: a durable consumer for each queue with as many in work as it may have,
// a POST, and an acknowledgement. What fails is tried again after a second, for ever.
func serveFloor(ctx context.Context, source, target string, ready func() error) error {
	nc, err := nats.Connect(source)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	hooks := newPoster(target)
	for _, q := range queues() {
		consumer, err := js.CreateOrUpdateConsumer(ctx, stream, jetstream.ConsumerConfig{Durable: q.Name, FilterSubject: q.Subject, AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: q.AtOnce})
		if err != nil {
			return err
		}
		take := func(m jetstream.Msg) {
			if err := hooks.post(ctx, q.Path, m.Data()); err != nil {
				fmt.Fprintln(os.Stderr, err)
				_ = m.NakWithDelay(retryAfter)
				return
			}
			_ = m.Ack() // one that is lost comes again
		}
		consuming, err := consumer.Consume(func(m jetstream.Msg) {
			if q.AtOnce == 1 {
				take(m)
				return
			}
			go take(m) // the server hands out no more than may be in work
		})
		if err != nil {
			return err
		}
		defer consuming.Stop()
	}
	if err := ready(); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
