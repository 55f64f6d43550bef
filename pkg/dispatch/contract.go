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
	serveTagged(w, r, text, tagOf(text))
}

// tagOf is the ETag of a document.
func tagOf(text []byte) string {
	sum := sha256.Sum256(text)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

func serveTagged(w http.ResponseWriter, r *http.Request, text []byte, tag string) {
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "no-cache") // it may be kept, and is asked for again
	w.Header().Set("Content-Type", "application/json")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

// handleTypes gives the contract of targets with what the cores of an instance have declared
// of their bodies.
func (d *Dispatcher) handleTypes(w http.ResponseWriter, r *http.Request) {
	instance := r.PathValue("instance")
	at := access.Scope{Instance: instance}
	if p, err := access.From(r.Context()); err == nil && p.Scope.Instance == instance {
		at = p.Scope // what cores declare is told to each organization of the instance
	}
	if !d.may(w, r, access.SeeTypes, at) {
		return
	}
	t, err := d.typesOf(r.Context(), typingOf{instance, r.URL.Query().Get("core")})
	if err != nil {
		d.refuse(w, err)
		return
	}
	serveTagged(w, r, t.text, t.tag)
}
