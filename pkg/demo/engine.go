package demo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/logins"
	"github.com/callout-hq/callout/pkg/node"
)

const (
	engineStartIn = 30 * time.Second // processes of a fleet on a busy machine
	engineStopIn  = 5 * time.Second
)

// engine is the running engine, in this process or as a fleet.
type engine struct {
	nats, http string
	close      func() error
	// broken tells why the engine is not whole any more, or gives nil.
	broken func() error
}

// startEngine starts what o asks for with the given configuration, and returns
// when it takes traffic. dir is a directory of the demo's own.
func startEngine(ctx context.Context, o Options, dir string, config []byte) (*engine, error) {
	ctx, cancel := context.WithTimeout(ctx, engineStartIn)
	defer cancel()
	if o.Fleet > 0 {
		return startFleet(ctx, o, dir, config)
	}
	n, err := node.Start(ctx, node.Options{
		Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0",
		Config: config, ConfigName: "demo.yaml", AllowUndeclared: true, Log: o.Log, NATSConfig: serverConfig(o), Login: login(o, access.Dispatcher()),
	})
	if err != nil {
		return nil, fmt.Errorf("the engine did not start: %w", err)
	}
	return &engine{
		nats: n.NATSURL(), http: n.HTTPURL(),
		broken: func() error { return nil },
		close: func() error {
			ctx, cancel := context.WithTimeout(context.Background(), engineStopIn)
			defer cancel()
			return n.Close(ctx)
		},
	}, nil
}

// startFleet starts one dispatcher with an embedded broker and o.Fleet workers
// as child processes.
func startFleet(ctx context.Context, o Options, dir string, config []byte) (_ *engine, err error) {
	f := &fleet{log: o.Log, executable: o.Executable, stopIn: engineStopIn}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	file, err := writeConfig(dir, config)
	if err != nil {
		return nil, err
	}
	broker := loginFlags(o, access.Dispatcher())
	if o.Logins != "" {
		broker = append(broker, "--nats-config", serverConfig(o))
	}
	ready, err := f.start(ctx, "dispatcher", append([]string{"dispatcher", "--embedded-nats", "--allow-undeclared", "-f", file,
		"--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data")}, broker...)...)
	if err != nil {
		return nil, err
	}
	for n := range o.Fleet {
		if _, err := f.start(ctx, fmt.Sprintf("worker %d", n+1), append([]string{"worker", "--nats", ready["nats"], "--allow-local"}, loginFlags(o, access.Worker(instance))...)...); err != nil {
			return nil, err
		}
	}
	return &engine{nats: ready["nats"], http: ready["http"], broken: f.broken, close: f.close}, nil
}

// serverConfig is the configuration of the embedded NATS, "" when it asks nobody who he
// is.
func serverConfig(o Options) string {
	if o.Logins == "" {
		return ""
	}
	return filepath.Join(o.Logins, "nats.conf")
}

// login is that of a part of the demo.
func login(o Options, of access.Grant) bus.Login {
	if o.Logins == "" {
		return bus.Login{}
	}
	return bus.Login{NKey: filepath.Join(o.Logins, logins.SeedFile(of))}
}

func loginFlags(o Options, of access.Grant) []string {
	if o.Logins == "" {
		return nil
	}
	return []string{"--nats-nkey", login(o, of).NKey}
}
