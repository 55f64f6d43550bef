package peers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/callout-hq/callout/bench/engine"
	"github.com/callout-hq/callout/bench/process"
)

// prefetched is how many messages an unordered stream of Bento has at hand, of which 64 are posted at once. It is the
// default of its input.
const prefetched = 1024

// bentoStream is a configuration of Bento: from a subject, in order where one is under way at a time, to the target.
const bentoStream = `
input:
  nats_jetstream: {urls: [%q], stream: %s, subject: %q, durable: %s, deliver: all, max_ack_pending: %d}
pipeline: {threads: 1, processors: []}
output:
  http_client: {url: %q, verb: POST, headers: {Content-Type: application/json}, timeout: 10s, retries: 3, max_in_flight: %d}
`

// bentoWorker is Bento with a stream for each queue. It is built of a module of its own, since it needs many others.
func bentoWorker(ctx context.Context, _, dir, nats, url string) (*process.Process, error) {
	root, err := engine.Root()
	if err != nil {
		return nil, err
	}
	program := filepath.Join(dir, "bento")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, ".")
	build.Dir, build.Stdout, build.Stderr = filepath.Join(root, "bench", "bento"), os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("building it: %w", err)
	}
	configuration := filepath.Join(dir, "bento.yaml")
	if err := os.WriteFile(configuration, []byte("http: {enabled: false}\nlogger: {level: WARN}\n"), 0o600); err != nil {
		return nil, err
	}
	args := []string{"-c", configuration, "streams", "--no-api"}
	for _, q := range queues() {
		atHand := q.AtOnce
		if atHand > 1 {
			atHand = prefetched
		}
		name := filepath.Join(dir, q.Name+".yaml")
		if err := os.WriteFile(name, fmt.Appendf(nil, bentoStream, nats, stream, q.Subject, q.Name, atHand, url+q.Path+"/", q.AtOnce), 0o600); err != nil {
			return nil, err
		}
		args = append(args, name)
	}
	return process.Start(ctx, process.Options{Name: "worker", Path: program, Args: args, Logs: dir})
}
