package dispatch

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// readiness is the answer of /readyz.
type readiness struct {
	Status   string   `json:"status"`
	Warnings []string `json:"warnings,omitempty"` // what is not as it should be, and keeps nobody from publishing
}

// handleReady tells whether everything that a request relies on is there and can
// be written to. It names what is missing.
func (d *Dispatcher) handleReady(w http.ResponseWriter, r *http.Request) {
	warnings, err := d.ready(r.Context())
	if p, unknown := access.From(r.Context()); unknown != nil || !p.May(access.SeeReadiness, access.Scope{}) {
		warnings, err = nil, withoutNames(err)
	}
	if err != nil {
		d.refuse(w, err)
		return
	}
	d.write(w, http.StatusOK, encode(readiness{Status: "ready", Warnings: warnings}))
}

// Ready tells why a request cannot be served, as everybody may know it; nil when it
// can. It may be called from any goroutine.
func (d *Dispatcher) Ready(ctx context.Context) error {
	_, err := d.ready(ctx)
	return withoutNames(err)
}

// withoutNames is why nothing is served as everybody may know it.
func withoutNames(err error) error {
	if err == nil {
		return nil
	}
	return action.NewError(action.AsError(err, action.StageBus).Code, action.StageBus, "")
}

// ready tells what is not as it should be, and in err why a request cannot be
// served.
func (d *Dispatcher) ready(ctx context.Context) (warnings []string, err error) {
	err = d.bus.Ready(ctx, d.catalogs.Instances()...)
	if err == nil {
		err = d.health.unwell(ctx)
	}
	warnings, newer := d.health.faults()
	if err == nil {
		err = newer
	}
	return append(warnings, d.unopened(ctx)...), err
}

// unwell is the error missing that names what instances lack, nil when they lack
// nothing. What can be asked at once is asked now.
func (h *health) unwell(ctx context.Context) error {
	ill := map[string]string{}
	h.mu.Lock()
	maps.Copy(ill, h.ill)
	h.mu.Unlock()
	for _, id := range h.dispatcher.catalogs.Known() {
		if ill[id] != "" {
			continue
		}
		i := h.dispatcher.shared(id)
		if marked, err := h.markedOf(ctx, i); err == nil && !marked {
			ill[id] = "the catalog marker in " + i.bus.Events
		}
	}
	var names []string
	for _, id := range slices.Sorted(maps.Keys(ill)) {
		names = append(names, fmt.Sprintf("of instance %q: %s", id, ill[id]))
	}
	if len(names) == 0 {
		return nil
	}
	return bus.Missing(strings.Join(names, "; "), nil)
}

// faults are why catalogs that are stored are not in force: newer of those that a
// newer version stored, which only that one can serve, and what else is not in
// force, in words.
func (h *health) faults() (others []string, newer error) {
	for _, id := range h.dispatcher.catalogs.Known() {
		err := h.dispatcher.catalogs.Of(id).Fault()
		switch {
		case err == nil || action.CodeOf(err) == action.CodeUnknownInstance:
		case action.CodeOf(err) == action.CodeNewer:
			newer = err
		default:
			others = append(others, fmt.Sprintf("instance %q: %v", id, err))
		}
	}
	others = append(others, h.doubtful()...)
	others = append(others, h.filling()...)
	h.mu.Lock()
	defer h.mu.Unlock()
	for path, why := range h.files {
		name := filepath.Base(path) // whoever asks need not know where it lies
		others = append(others, fmt.Sprintf("the file %s is not in force, the last good configuration is: %s", name, strings.ReplaceAll(why.Error(), path, name)))
	}
	others = slices.AppendSeq(others, maps.Values(h.logless))
	slices.Sort(others)
	return append(append(others, h.unreadable()...), h.noticed()...), newer
}

// filling names the streams of instances that are nearly full, as they were when they
// were looked at last. Publishers are refused by one, deliveries wait for another.
func (h *health) filling() (words []string) {
	for _, id := range h.dispatcher.catalogs.Known() {
		i := h.dispatcher.bus.Instance(id)
		for _, name := range []string{i.Events, i.Dead, i.Async} {
			h.mu.Lock()
			seen := h.before[looked{id, name}]
			h.mu.Unlock()
			switch {
			case seen.Fill < alertAt:
			case seen.ByQuota: // which leaves less and less to a stream, whatever it holds itself
				words = append(words, fmt.Sprintf("instance %q: %s is %.0f %% full by the instance's quota of storage", id, name, 100*min(seen.Fill, 1)))
			default:
				words = append(words, fmt.Sprintf("instance %q: %s is %.0f %% full", id, name, 100*seen.Fill))
			}
		}
	}
	return words
}

// namedMost is how many entries that cannot be read are named.
const namedMost = 10

// unreadable names what is left out because it cannot be read, and counts it.
func (h *health) unreadable() (words []string) {
	list, count := h.dispatcher.bus.Unreadable()
	for _, one := range list[:min(len(list), namedMost)] {
		words = append(words, fmt.Sprintf("unreadable, and left out: %s of %s: %s", one.Key, one.In, one.Why))
	}
	if more := count - len(words); more > 0 {
		words = append(words, fmt.Sprintf("%d more entries are unreadable, and left out", more))
	}
	return words
}
