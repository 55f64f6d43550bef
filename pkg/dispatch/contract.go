package dispatch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/contract"
)

// isContract tells whether a path is a part of the contract that is told to everybody:
// what targets and cores send and get. What the management API can do is not, unless it
// is told by reflection too.
func (d *Dispatcher) isContract(path string) bool {
	return path == contract.PathAsyncAPI || path == contract.PathSchemas || strings.HasPrefix(path, contract.PathSchemas+"/") ||
		path == contract.PathOpenAPI && d.PublicReflection()
}

// handleContract gives a document that is the same for everybody.
func (d *Dispatcher) handleContract(w http.ResponseWriter, r *http.Request) {
	if !d.isContract(r.URL.Path) {
		if p, err := access.From(r.Context()); err != nil || !p.May(access.SeeContract, p.Scope) {
			d.refuse(w, access.Forbidden(access.SeeContract, access.Scope{}))
			return
		}
	}
	all, err := contract.Served()
	if err != nil {
		d.refuse(w, action.NewError(action.CodeInternal, action.StageDecode, "").WithCause(err))
		return
	}
	text, found := all[r.URL.Path]
	if !found {
		d.refuse(w, action.NewError(action.CodeNotFound, action.StageDecode, "there is no such schema: "+contract.PathSchemas+" lists them"))
		return
	}
	serveDocument(w, r, text)
}

// serveDocument gives a document, or 304 to who has it already.
func serveDocument(w http.ResponseWriter, r *http.Request, text []byte) {
	sum := sha256.Sum256(text)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	w.Header().Set("Cache-Control", "no-cache") // it may be kept, and is asked for again
	w.Header().Set("Content-Type", "application/json")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}
