package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/sign"
	"github.com/callout-hq/callout/pkg/wire"
)

// keyVariable is where the configurations of these tests find the signing key
// of their targets.
const keyVariable = "TARGET_KEY"

// arrival is one request as a target got it.
type arrival struct {
	path     string
	body     string
	header   http.Header
	peer     string // address of who called
	at       time.Time
	attempt  int
	sequence uint64
	delivery string
	done     <-chan struct{} // closed when the caller is gone
}

// target is a user's HTTP server. It refuses what is not signed both ways, and
// remembers what came in its order.
type target struct {
	*httptest.Server
	key string
	// answer decides about an arrival; nil answers an empty 200. It runs
	// outside the lock and may block until the caller is gone or the test ends.
	answer  func(w http.ResponseWriter, a arrival)
	closing chan struct{}
	twin    *twin // of the fleet that calls it

	mu       sync.Mutex
	arrivals []arrival
	changed  chan struct{}
}

func newTarget(t *testing.T, answer func(http.ResponseWriter, arrival)) *target {
	tg := &target{key: sign.NewKey(), answer: answer, closing: make(chan struct{}), changed: make(chan struct{})}
	tg.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { tg.serve(t, w, r) }))
	t.Cleanup(func() {
		close(tg.closing)
		tg.Close()
	})
	return tg
}

// env is the environment in which a configuration finds the key.
func (tg *target) env() []string {
	env := []string{keyVariable + "=" + tg.key, "CALLOUT_KEY_ENV=TARGET_", "CALLOUT_MAKE_INSTANCES=true"}
	if tg.twin != nil {
		env = append(env, twinVariable+"="+tg.twin.tg.key)
	}
	return env
}

func (tg *target) serve(t *testing.T, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil { // the caller was killed
		return
	}
	if err := tg.verify(r, body); err != nil {
		t.Errorf("a request to %s is not signed as promised: %v", r.URL.Path, err)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	a := arrival{path: r.URL.Path, body: string(body), header: r.Header, peer: r.RemoteAddr, at: time.Now(),
		delivery: r.Header.Get(wire.HeaderDelivery), done: r.Context().Done()}
	a.attempt, _ = strconv.Atoi(r.Header.Get(wire.HeaderAttempt))                // 0 fails the test that looks
	a.sequence, _ = strconv.ParseUint(r.Header.Get(wire.HeaderSequence), 10, 64) // a call has none
	tg.mu.Lock()
	tg.arrivals = append(tg.arrivals, a)
	close(tg.changed)
	tg.changed = make(chan struct{})
	tg.mu.Unlock()
	if tg.answer != nil {
		tg.answer(w, a)
	}
}

func (tg *target) verify(r *http.Request, body []byte) error {
	if err := sign.VerifyZitadel(r.Header.Get(sign.HeaderZitadel), body, time.Now(), tg.key); err != nil {
		return err
	}
	return sign.VerifyStandard(r.Header, body, time.Now(), tg.key)
}

func (tg *target) seen() []arrival {
	all, _ := tg.read()
	return all
}

func (tg *target) read() ([]arrival, <-chan struct{}) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	return append([]arrival(nil), tg.arrivals...), tg.changed
}

// await waits until enough tells that what has arrived is enough.
func (tg *target) await(t *testing.T, within time.Duration, what string, enough func([]arrival) bool) []arrival {
	t.Helper()
	limit := time.NewTimer(within)
	defer limit.Stop()
	for {
		all, changed := tg.read()
		if enough(all) {
			return all
		}
		select {
		case <-changed:
		case <-limit.C:
			require.FailNow(t, "not within "+within.String()+": "+what, "%d requests arrived", len(all))
		}
	}
}

// awaitCount waits for a number of requests.
func (tg *target) awaitCount(t *testing.T, n int) []arrival {
	t.Helper()
	return tg.await(t, bound, strconv.Itoa(n)+" requests", func(all []arrival) bool { return len(all) >= n })
}

// distinct is how many deliveries there are among arrivals.
func distinct(all []arrival) int {
	ids := map[string]bool{}
	for _, a := range all {
		ids[a.delivery] = true
	}
	return len(ids)
}
