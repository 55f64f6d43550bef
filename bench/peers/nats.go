package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/bench/broker"
	"github.com/callout-hq/callout/bench/process"
)

// stream is where NATS peers find events. It keeps what is delivered, as Callout's does.
const stream = "bench"

// natsPeer takes from a stream of a NATS server of its own.
type natsPeer struct {
	name string
	// worker starts what takes from the stream at a NATS URL, and posts to the target.
	worker    func(ctx context.Context, name, dir, nats, target string) (*process.Process, error)
	server    *process.Process
	running   *process.Process
	publisher *broker.Publisher
}

func (p *natsPeer) start(ctx context.Context, _ Options, dir, url string) error {
	dir = filepath.Join(dir, strings.ToLower(p.name))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if p.server, err = process.Start(ctx, process.Options{Name: "broker", Path: self, Args: []string{"broker", dir}, Ready: "ready ", Logs: dir}); err != nil {
		return err
	}
	nats := p.server.Field("nats")
	if p.publisher, err = broker.Connect(nats); err != nil {
		return err
	}
	if _, err := p.publisher.JetStream().CreateStream(ctx, jetstream.StreamConfig{Name: stream, Subjects: []string{"bench.>"}}); err != nil {
		return err
	}
	p.running, err = p.worker(ctx, p.name, dir, nats, url)
	return err
}

// ownWorker is this program, as the peer of a name.
func ownWorker(ctx context.Context, name, dir, nats, url string) (*process.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return process.Start(ctx, process.Options{Name: "worker", Path: self, Args: []string{"peer", name, nats, url}, Ready: "ready", Logs: dir})
}

func (p *natsPeer) store(ctx context.Context, w Workload, n int, event func(i int) (int, []byte)) error {
	return p.publisher.Publish(ctx, n, 0, func(i int) broker.Message {
		key, body := event(i)
		return broker.Message{Subject: w.subject(key), Body: body}
	})
}

func (p *natsPeer) cost() (process.Cost, error) {
	if !p.running.Alive() || !p.server.Alive() {
		return process.Cost{}, errors.New("its worker or its broker has ended")
	}
	return process.Sum(p.server, p.running)
}

func (p *natsPeer) stop() {
	if p.publisher != nil {
		p.publisher.Close()
	}
	for _, running := range []*process.Process{p.running, p.server} {
		if running != nil {
			running.Kill()
		}
	}
}

// Serve runs this program as the worker of a peer: NAME, where its events are, and the URL of the target.
func Serve(ctx context.Context, out *os.File, args []string) error {
	if len(args) != 3 {
		return errors.New("usage: bench peer NAME SOURCE TARGET")
	}
	serve := map[string]func(ctx context.Context, source, target string, ready func() error) error{
		Floor: serveFloor, Watermill: serveWatermill, River: serveRiver,
	}[args[0]]
	if serve == nil {
		return fmt.Errorf("there is no peer %q", args[0])
	}
	return serve(ctx, args[1], args[2], func() error {
		_, err := fmt.Fprintln(out, "ready")
		return err
	})
}
