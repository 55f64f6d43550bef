package peers

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/callout-hq/callout/bench/process"
)

// retryAfter is how long peers wait before they try again.
const retryAfter = time.Second

// riverPeer keeps events as jobs in PostgreSQL. A lane is a queue with one at a time, which takes the oldest job that may
// run: what fails waits, and is overtaken. Its sequences, which would wait, are not in what is free.
type riverPeer struct {
	postgres *postgres
	worker   *process.Process
	pool     *pgxpool.Pool
	client   *river.Client[pgx.Tx]
}

// hook is a job.
type hook struct {
	Path string          `json:"path"`
	Body json.RawMessage `json:"body"`
}

// Kind is the name of such jobs.
func (hook) Kind() string { return "hook" }

func (p *riverPeer) start(ctx context.Context, _ Options, dir, url string) (err error) {
	dir = filepath.Join(dir, "river")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	if p.postgres, err = startPostgres(ctx, dir); err != nil {
		return err
	}
	if p.pool, err = pgxpool.New(ctx, p.postgres.url); err != nil {
		return err
	}
	driver := riverpgxv5.New(p.pool)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	if p.client, err = river.NewClient(driver, &river.Config{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return err
	}
	p.worker, err = ownWorker(ctx, River, dir, p.postgres.url, url)
	return err
}

// batch is how many jobs are inserted at a time.
const batch = 256

func (p *riverPeer) store(ctx context.Context, w Workload, n int, event func(i int) (int, []byte)) error {
	queueOf := w.Queues()
	for first := 0; first < n; first += batch {
		var jobs []river.InsertManyParams
		for i := first; i < min(first+batch, n); i++ {
			key, body := event(i)
			q := queueOf[0]
			if w.Ordered {
				q = queueOf[w.lane(key)]
			}
			jobs = append(jobs, river.InsertManyParams{Args: hook{Path: w.Path, Body: body}, InsertOpts: &river.InsertOpts{Queue: q.Name}})
		}
		if _, err := p.client.InsertManyFast(ctx, jobs); err != nil {
			return err
		}
	}
	return nil
}

func (p *riverPeer) cost() (process.Cost, error) {
	if !p.worker.Alive() || !p.postgres.process.Alive() {
		return process.Cost{}, errors.New("its worker or its database has ended")
	}
	return process.Sum(p.postgres.process, p.worker)
}

func (p *riverPeer) stop() {
	if p.worker != nil {
		p.worker.Kill()
	}
	if p.pool != nil {
		p.pool.Close()
	}
	if p.postgres != nil {
		p.postgres.stop()
	}
}

// riverWorker posts jobs.
type riverWorker struct {
	river.WorkerDefaults[hook]
	poster poster
}

// Work does one; it may be used from several goroutines.
func (w *riverWorker) Work(ctx context.Context, job *river.Job[hook]) error {
	return w.poster.post(ctx, job.Args.Path, job.Args.Body)
}

// NextRetry is when one that failed is done again.
func (*riverWorker) NextRetry(*river.Job[hook]) time.Time { return time.Now().Add(retryAfter) }

// serveRiver works on all queues, and fetches as soon as it may: by itself it waits 100 ms between two fetches, which
// would be ten events a second for a lane.
func serveRiver(ctx context.Context, source, target string, ready func() error) error {
	pool, err := pgxpool.New(ctx, source)
	if err != nil {
		return err
	}
	defer pool.Close()
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverWorker{poster: newPoster(target)})
	config := &river.Config{Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), Workers: workers,
		Queues: map[string]river.QueueConfig{}, FetchCooldown: river.FetchCooldownMin}
	for _, q := range queues() {
		config.Queues[q.Name] = river.QueueConfig{MaxWorkers: q.AtOnce}
	}
	client, err := river.NewClient(riverpgxv5.New(pool), config)
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return err
	}
	if err := ready(); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
