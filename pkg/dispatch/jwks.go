package dispatch

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/sign"
)

// wellKnownKeys is where the public keys of an instance are, behind its path: as RFC 8615
// has it, and receivers of JWTs look there.
const wellKnownKeys = "/.well-known/jwks.json"

// isPublic tells whether a path is told to everybody: whether the process lives and is
// ready, and public keys.
func isPublic(path string) bool {
	if path == "/healthz" || path == "/readyz" || path == wellKnownKeys {
		return true
	}
	rest, ours := strings.CutPrefix(path, "/v1/instances/")
	_, behind, found := strings.Cut(rest, "/")
	return ours && found && "/"+behind == wellKnownKeys
}

// handleKeys publishes the keys of an instance. One that has none is as one that does not
// exist: nobody is asked who he is.
func (d *Dispatcher) handleKeys(w http.ResponseWriter, r *http.Request) {
	instance := r.PathValue("instance")
	if instance == "" {
		instance = d.onlyInstance()
	}
	keys := d.published.get(instance).Public(time.Now())
	raw, err := sign.WriteJWKS(keys)
	if err == nil && len(keys) == 0 {
		err = action.NewError(action.CodeNotFound, action.StageDecode, "no instance of this name publishes keys: one does when a target of it has payload: jwt or jwe, or signature: [standard_v1a]")
	}
	if err != nil {
		d.refuse(w, action.AsError(err, action.StageStore))
		return
	}
	w.Header().Set("Cache-Control", "public, max-age="+strconv.Itoa(int(keepFor(d.ownKeys.Lead)/time.Second)))
	d.write(w, http.StatusOK, raw)
}

// keepFor is how long a receiver may keep the keys that it has fetched: half of the time
// for which a new one is published before it signs, and an hour at most.
func keepFor(lead time.Duration) time.Duration { return min(lead/2, time.Hour) }

// onlyInstance is the instance whose keys are published at the root: the default one, or
// the only one there is.
func (d *Dispatcher) onlyInstance() string {
	if known := d.catalogs.Known(); len(known) == 1 {
		return known[0]
	}
	return catalog.DefaultInstance
}
