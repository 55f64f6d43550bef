package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
)

// diskVariable makes a child hold a small disk, mounted on a directory, instead
// of being a program.
const diskVariable = "SMALL_DISK_UNDER_TEST"

// diskSize is the size of that disk in bytes.
const diskSize = 16 << 20

// holdDisk mounts a small disk for as long as its input is open.
func holdDisk(dir string) (exit int) {
	if err := mountSmallDisk(dir, diskSize); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.Is(err, syscall.EPERM) || errors.Is(err, errors.ErrUnsupported) {
			return exitForbidden
		}
		return 1
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin) // it ends with the test
	return 0
}

// exitForbidden is how a child ends that may not mount.
const exitForbidden = 77

// disk is a disk of a few megabytes, and the path at which others see it.
type disk struct{ path string }

// newDisk is a disk until the test ends. It is the mount of one process, which
// needs no rights over the machine; where the kernel forbids that too, the test
// is skipped and says why.
func newDisk(t *testing.T) disk {
	t.Helper()
	at := t.TempDir()
	p := newProcess("disk", []string{diskVariable + "=" + at})
	p.cmd.SysProcAttr = withOwnMounts()
	input, err := p.cmd.StdinPipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = input.Close() })
	if err := p.start(t); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("NOT TESTED: this kernel lets nobody have mounts of their own (%v), so no disk can be made full", err)
	} else {
		require.NoError(t, err)
	}
	if _, ok := p.out.line("ready", p.done); !ok {
		if p.cmd.ProcessState.ExitCode() == exitForbidden {
			t.Skipf("NOT TESTED: this kernel does not let us mount a disk (%s), so none can be made full", strings.TrimSpace(p.log.String()))
		}
		require.FailNow(t, "the disk could not be mounted", p.log.String())
	}
	return disk{seenBy(p, at)}
}

// fill leaves no byte free.
func (d disk) fill(t *testing.T) {
	t.Helper()
	f, err := os.Create(filepath.Join(d.path, "ballast"))
	require.NoError(t, err)
	for size := 64 << 10; size > 0; size /= 8 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		require.ErrorIs(t, err, syscall.ENOSPC)
	}
	require.NoError(t, f.Close())
}

func (d disk) free(t *testing.T) {
	t.Helper()
	require.NoError(t, os.Remove(filepath.Join(d.path, "ballast")))
}

// publisher stores events one after the other, and remembers which of them were
// confirmed.
type publisher struct {
	way     string
	publish func(id string, payload []byte) (sequence uint64, err error)
	stored  map[string]uint64 // id → sequence
	refused []string
}

// try publishes an event that no page in use has room for.
func (p *publisher) try() error {
	id := fmt.Sprint(p.way, len(p.stored)+len(p.refused))
	err := p.again(id)
	if err != nil {
		p.refused = append(p.refused, id)
	}
	return err
}

func (p *publisher) again(id string) error {
	sequence, err := p.publish(id, fmt.Appendf(nil, `{"id":%q,"pad":%q}`, id, strings.Repeat("x", 16<<10)))
	if err == nil {
		p.stored[id] = sequence
	}
	return err
}

// refusedOverHTTP is an answer that is not 202.
type refusedOverHTTP struct{ answer }

func (r refusedOverHTTP) Error() string { return fmt.Sprint(r.status, " ", r.body) }

// publishers are one over HTTP and one with the client for Go.
func publishers(t *testing.T, broker *process) []*publisher {
	t.Helper()
	client, err := callout.Connect(t.Context(), callout.Options{URL: broker.ready["nats"]})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	overHTTP := func(id string, payload []byte) (uint64, error) {
		got := post(t, broker.ready["http"]+"/v1/instances/default/events", fmt.Sprintf(`{"id":%q,"aggregateID":"u","event_type":"user.added","event_payload":%s}`, id, payload))
		if got.status != http.StatusAccepted {
			return 0, refusedOverHTTP{got}
		}
		return read[stored](t, got.body).Events[0].Sequence, nil
	}
	inGo := func(id string, payload []byte) (uint64, error) {
		ctx, cancel := context.WithTimeout(t.Context(), bound)
		defer cancel()
		got, err := client.Publish(ctx, action.Event{ID: id, AggregateID: "u", Type: "user.added", Payload: payload})
		if err != nil {
			return 0, err
		}
		return got[0].StreamSequence, nil
	}
	return []*publisher{
		{way: "http", publish: overHTTP, stored: map[string]uint64{}},
		{way: "go", publish: inGo, stored: map[string]uint64{}},
	}
}

// TestFullDisk leaves the broker no room on its disk. Publishers are told so by
// name and hold their event, the dispatcher is not ready, and nothing was
// confirmed that is not there when the disk has room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	tg := newTarget(t, nil)
	args := []string{"-f", configuration(t, fill(tg, `
targets: {audit: {type: webhook, url: "URL", KEY}}
events: {user.added: {targets: [{target: audit}]}}
`)), "--embedded-nats", "--data", filepath.Join(d.path, "data"), "--ack-wait", ackWait, "--log-level", "warn", "--listen"}
	broker := start(t, "dispatcher", tg.env(), append(args, "127.0.0.1:0", "--nats-listen", "127.0.0.1:0")...)
	all := publishers(t, broker)
	for range 20 {
		for _, p := range all {
			require.NoError(t, p.try())
		}
	}
	ready := func() answer { return send(t, http.MethodGet, broker.ready["http"]+"/readyz", "", nil) }
	require.Equal(t, 200, ready().status)

	d.fill(t)
	checkRefused(t, all)
	require.Equal(t, 503, ready().status)
	d.free(t)
	notYet := ready()
	require.Equal(t, 503, notYet.status, "it stores nothing until it is started anew")
	require.Equal(t, "not_stored", refused(t, notYet.body).Code)

	code, _ := broker.stop(t, kill)
	require.Equal(t, -1, code)
	again := start(t, "dispatcher", tg.env(), append(args, strings.TrimPrefix(broker.ready["http"], "http://"), "--nats-listen", strings.TrimPrefix(broker.ready["nats"], "nats://"))...)
	require.Equal(t, 200, ready().status)
	start(t, "worker", nil, "--nats", again.ready["nats"], "--allow-local", "--ack-wait", ackWait, "--log-level", "warn")
	confirmed := checkStored(t, all)
	tg.await(t, bound, "every event that was confirmed", func(all []arrival) bool { return distinct(all) >= confirmed })
	t.Logf("%d events confirmed before or after, %d refused in between, all there", confirmed, len(all[0].refused)+len(all[1].refused))
}

// checkRefused has every publisher try until it is refused, which it must be
// soon, and looks at how.
func checkRefused(t *testing.T, all []*publisher) {
	t.Helper()
	errs := make([]error, len(all))
	var tries sync.WaitGroup
	for i, p := range all {
		tries.Go(func() {
			for n := 0; n < 3 && errs[i] == nil; n++ {
				errs[i] = p.try()
			}
		})
	}
	tries.Wait()
	var overHTTP refusedOverHTTP
	require.ErrorAs(t, errs[0], &overHTTP)
	require.Equal(t, 503, overHTTP.status, overHTTP.body)
	require.Equal(t, "1", overHTTP.header.Get("Retry-After"))
	said := read[struct {
		stored
		Error refusal `json:"error"`
	}](t, overHTTP.body)
	require.Equal(t, "not_stored", said.Error.Code)
	require.Empty(t, said.Events, "nothing of it was stored")
	require.Equal(t, action.CodeNotStored, action.CodeOf(errs[1]), "%v", errs[1])
}

// checkStored publishes everything once more: what was confirmed is known by
// its id, and lies where it was said to; what was refused is taken now. It tells
// how many events there are.
func checkStored(t *testing.T, all []*publisher) (confirmed int) {
	t.Helper()
	for _, p := range all {
		before := maps.Clone(p.stored)
		for _, id := range p.refused {
			require.Eventually(t, func() bool { return p.again(id) == nil }, bound, 10*time.Millisecond, "the client connects again")
		}
		for id, sequence := range before {
			require.NoError(t, p.again(id))
			require.Equal(t, sequence, p.stored[id], "%s was confirmed, and is not there", id)
		}
		confirmed += len(p.stored)
	}
	return confirmed
}
