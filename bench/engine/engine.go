// Package engine runs Callout as its users do: the programs dispatcher (with its own NATS) and worker as processes, a
// configuration that is applied, and events that are published. It knows nothing of how lines are made.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/callout-hq/callout/bench/broker"
	"github.com/callout-hq/callout/bench/process"
)

// Options of an engine.
type Options struct {
	Bin  string // directory of the programs callout, dispatcher and worker
	Dir  string // for its state and its configuration
	Logs string
	// Instances are the configurations that are applied, by the names of their instances, in YAML.
	Instances []Instance
	Within    time.Duration // how long anything of it may take; 0 = five minutes
}

// Instance is one tenant and its configuration.
type Instance struct {
	Name   string
	Config string
}

// Engine is a Callout that runs.
type Engine struct {
	options    Options
	dispatcher *process.Process
	worker     *process.Process
	publisher  *broker.Publisher
}

// Start starts the dispatcher, and a worker that serves all there is.
func Start(ctx context.Context, o Options) (*Engine, error) {
	if o.Within == 0 {
		o.Within = 5 * time.Minute
	}
	e := &Engine{options: o}
	if err := e.StartDispatcher(ctx); err != nil {
		return nil, err
	}
	if err := e.StartWorker(ctx); err != nil {
		e.Kill()
		return nil, err
	}
	return e, nil
}

// StartDispatcher starts it anew, on the state that is there.
func (e *Engine) StartDispatcher(ctx context.Context) (err error) {
	args := []string{"--embedded-nats", "--data", filepath.Join(e.options.Dir, "data"), "--listen", "127.0.0.1:0",
		"--nats-listen", "127.0.0.1:0", "--make-instances", "--allow-undeclared", "--log-level", "warn"}
	if len(e.options.Instances) > 1 { // each reserves what it may hold
		args = append(args, "--max-stream", "268435456", "--max-attempts", "16777216")
	}
	e.dispatcher, err = e.start(ctx, "dispatcher", args...)
	if err != nil {
		return err
	}
	if e.publisher, err = broker.Connect(e.dispatcher.Field("nats")); err != nil {
		e.dispatcher.Kill()
	}
	return err
}

// StartWorker starts a worker.
func (e *Engine) StartWorker(ctx context.Context) (err error) {
	e.worker, err = e.start(ctx, "worker", "--nats", e.dispatcher.Field("nats"), "--allow-local", "--log-level", "warn")
	return err
}

func (e *Engine) start(ctx context.Context, program string, args ...string) (*process.Process, error) {
	return process.Start(ctx, process.Options{Name: program, Path: filepath.Join(e.options.Bin, program), Args: args, Ready: "ready ", Logs: e.options.Logs, Within: e.options.Within})
}

// Apply applies the configurations of all instances, one after the other.
func (e *Engine) Apply(ctx context.Context) error {
	for _, instance := range e.options.Instances {
		name := filepath.Join(e.options.Dir, instance.Name+".yaml")
		if err := os.WriteFile(name, []byte(instance.Config), 0o600); err != nil {
			return err
		}
		if _, err := e.callout(ctx, "apply", "-f", name); err != nil {
			return err
		}
	}
	return nil
}

// Publisher publishes into its NATS, where an event's subject is that of Subject.
func (e *Engine) Publisher() *broker.Publisher { return e.publisher }

// Subject is where an event of an instance is published, see README.md.
func Subject(instance string, aggregate int, eventType string) string {
	return fmt.Sprintf("callout.event.%s.acme.a%d.%s", instance, aggregate, eventType)
}

// Cost is what dispatcher (its NATS is in it) and worker have used so far, and the worker alone.
func (e *Engine) Cost() (all, worker process.Cost, err error) {
	all, err = process.Sum(e.dispatcher, e.worker)
	if err != nil {
		return all, worker, err
	}
	worker, err = process.Sum(e.worker)
	return all, worker, err
}

// Waiting is how many events the engine says wait or are in work, over all subscriptions.
func (e *Engine) Waiting(ctx context.Context) (int, error) {
	sum := 0
	for _, instance := range e.options.Instances {
		raw, err := e.callout(ctx, "get", "subscriptions", "--instance", instance.Name, "-o", "json")
		if err != nil {
			return 0, err
		}
		var list struct {
			Items []struct {
				Waiting int `json:"waiting"`
				InWork  int `json:"inWork"`
			} `json:"items"`
		}
		if err := json.Unmarshal(raw, &list); err != nil {
			return 0, err
		}
		for _, item := range list.Items {
			sum += item.Waiting + item.InWork
		}
	}
	return sum, nil
}

func (e *Engine) callout(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, e.options.Within)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(e.options.Bin, "callout"), append(args, "--server", e.dispatcher.Field("http"))...)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("callout %s: %w: %.1000s", args[0], err, problems.String())
	}
	return out, nil
}

// StopWorker asks the worker to end, and gives how long that takes.
func (e *Engine) StopWorker() (time.Duration, error) { return e.worker.Stop() }

// KillWorker ends the worker by SIGKILL.
func (e *Engine) KillWorker() { e.worker.Kill() }

// Stop asks the worker and then the dispatcher to end, and gives how long that takes.
func (e *Engine) Stop() (time.Duration, error) {
	e.publisher.Close()
	first, err1 := e.worker.Stop()
	second, err2 := e.dispatcher.Stop()
	return first + second, errors.Join(err1, err2)
}

// Kill ends all of it at once.
func (e *Engine) Kill() {
	for _, p := range []*process.Process{e.worker, e.dispatcher} {
		if p != nil {
			p.Kill()
		}
	}
}

// TookToStart is the time from the last starts of dispatcher and worker until each said that it takes traffic.
func (e *Engine) TookToStart() time.Duration {
	return e.dispatcher.TookToStart() + e.worker.TookToStart()
}
