package dispatch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
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

// typesAtOnce is how many typed contracts are made at the same time: the descriptors of a
// core may unpack to megabytes.
var typesAtOnce = make(chan struct{}, 2)

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
	document, err := d.typesOf(r.Context(), instance, r.URL.Query().Get("core"))
	if err != nil {
		d.refuse(w, err)
		return
	}
	serveDocument(w, r, document)
}

// typesOf makes the typed contract of an instance, or of one of its cores.
func (d *Dispatcher) typesOf(ctx context.Context, instance, core string) ([]byte, error) {
	if _, err := d.catalogs.Find(ctx, instance); err != nil {
		return nil, err
	}
	select {
	case typesAtOnce <- struct{}{}:
		defer func() { <-typesAtOnce }()
	case <-ctx.Done():
		return nil, action.NewError(action.CodeUnavailable, action.StageDecode, "").WithCause(ctx.Err())
	}
	declared, err := d.Instance(instance).Declared(ctx)
	if err != nil {
		return nil, err
	}
	cores, title := declared.Cores, "the instance "+instance
	if core != "" {
		cores = slices.DeleteFunc(slices.Clone(cores), func(c catalog.Declaration) bool { return c.Core != core })
		title = "the core " + core
		if len(cores) == 0 {
			return nil, action.NewError(action.CodeNotFound, action.StageDecode, "no core of this name has declared anything").WithField("core")
		}
	}
	types, err := contract.TypesOf(title, cores...)
	if err != nil && core != "" {
		return nil, err
	}
	raw, err := json.Marshal(contract.Targets(types))
	if err != nil {
		return nil, action.NewError(action.CodeInternal, action.StageDecode, "").WithCause(err)
	}
	return raw, nil
}
