package zitadel

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

const (
	maxBody = 1 << 20     // bytes of a request
	maxTime = time.Minute // of one request
)

// Headers of the face.
const (
	headerInstance = "Callout-Instance" // which instance is meant; none is the default one
	headerRevision = "Callout-Revision" // of an answer: the revision of the configuration that it was made with
	headerWaiting  = "Callout-Waiting"  // what becomes of events that wait for what is deleted
	headerForce    = "Callout-Force"    // whether a target that is still used is deleted
)

// Options of the face.
type Options struct {
	// Service does everything that is asked here.
	Service calloutv1connect.ActionServiceHandler
	// Failure words an error as the service does over the wire.
	Failure func(error) *connect.Error
	Log     zerolog.Logger
}

type face struct {
	service calloutv1connect.ActionServiceHandler
	failure func(error) *connect.Error
	log     zerolog.Logger
	deleted deleted
}

// Routes are the handlers of the face, by the path that each serves: of each version
// REST, and Connect, gRPC and gRPC-Web under one. They may be called from any
// goroutine.
func Routes(o Options) map[string]http.Handler {
	f := &face{service: o.Service, failure: o.Failure, log: o.Log}
	routes := map[string]http.Handler{}
	for _, v := range versions {
		endpoints := f.endpoints(v)
		routes[v.rest], routes["/"+v.service+"/"] = f.rest(v, endpoints), f.rpc(v, endpoints)
	}
	return routes
}

func (f *face) endpoints(v version) []endpoint {
	all := []endpoint{
		of("CreateTarget", "POST", "targets", f.createTarget),
		of("ListTargets", "POST", "targets/search", f.listTargets),
		of("GetTarget", "GET", "targets/{id}", f.getTarget),
		of("UpdateTarget", "POST", "targets/{id}", f.updateTarget),
		of("DeleteTarget", "DELETE", "targets/{id}", f.deleteTarget),
		of("SetExecution", "PUT", "executions", f.setExecution),
		of("ListExecutions", "POST", "executions/search", f.listExecutions),
		of("ListExecutionFunctions", "GET", "executions/functions", f.listFunctions),
		of("ListExecutionMethods", "GET", "executions/methods", f.listMethods),
		of("ListExecutionServices", "GET", "executions/services", f.listServices),
	}
	if v.payloads {
		all = append(all,
			of("AddPublicKey", "POST", "targets/{target_id}/publickeys", f.addPublicKey),
			of("ListPublicKeys", "POST", "targets/{target_id}/publickeys/search", f.listPublicKeys),
			of("ActivatePublicKey", "POST", "targets/{target_id}/publickeys/{key_id}/activate", f.activatePublicKey),
			of("DeactivatePublicKey", "POST", "targets/{target_id}/publickeys/{key_id}/deactivate", f.deactivatePublicKey),
			of("RemovePublicKey", "DELETE", "targets/{target_id}/publickeys/{key_id}", f.removePublicKey))
	}
	return all
}

// endpoint is one call, in both forms.
type endpoint struct {
	name         string // in Connect and gRPC
	method, path string // in REST, behind where the version's paths begin
	// serve reads the body and answers with one. at gives the parts of the path
	// of REST; elsewhere it is nil, for the body has everything.
	serve func(ctx context.Context, c caller, body []byte, at func(part string) string) (answer []byte, revision uint64, err error)
}

// of makes an endpoint of what answers a question of type Q with an A, made
// with a revision of the configuration; 0 is none.
func of[Q, A any](name, method, path string, do func(context.Context, caller, *Q) (*A, uint64, error)) endpoint {
	return endpoint{name: name, method: method, path: path,
		serve: func(ctx context.Context, c caller, body []byte, at func(string) string) ([]byte, uint64, error) {
			question := new(Q)
			if err := decode(body, question); err != nil {
				return nil, 0, err
			}
			if addressed, ok := any(question).(interface{ address(at func(string) string) }); ok && at != nil {
				addressed.address(at)
			}
			answer, revision, err := do(ctx, c, question)
			if err != nil {
				return nil, 0, err
			}
			return encode(answer), revision, nil
		}}
}

// caller is what a request says beside its body.
type caller struct {
	version     version
	instance    string
	minRevision uint64 // wait for this revision of the configuration or a newer one
	waiting     calloutv1.Waiting
	force       bool
}

// waitings are the values of the parameter waiting.
var waitings = map[string]calloutv1.Waiting{
	"": calloutv1.Waiting_WAITING_UNSPECIFIED, "drain": calloutv1.Waiting_WAITING_DRAIN, "discard": calloutv1.Waiting_WAITING_DISCARD,
}

// callerOf reads what stands beside a body. What is a parameter may stand in a header
// too: gRPC has no parameters.
func callerOf(v version, header http.Header, query url.Values) (caller, error) {
	c := caller{version: v, instance: header.Get(headerInstance)}
	if err := action.CheckID(c.instance); err != nil {
		return c, badField(headerInstance, err.Error())
	}
	var known bool
	if c.waiting, known = waitings[cmp.Or(query.Get("waiting"), header.Get(headerWaiting))]; !known {
		return c, badField("waiting", "the parameter waiting, or the header "+headerWaiting+", is drain or discard")
	}
	if text := cmp.Or(query.Get("force"), header.Get(headerForce)); text != "" {
		var err error
		if c.force, err = strconv.ParseBool(text); err != nil {
			return c, badField("force", "the parameter force, or the header "+headerForce+", is true or false")
		}
	}
	if text := header.Get(wire.HeaderMinRevision); text != "" {
		var err error
		if c.minRevision, err = strconv.ParseUint(text, 10, 64); err != nil {
			return c, badField(wire.HeaderMinRevision, wire.HeaderMinRevision+" is a number")
		}
	}
	return c, nil
}

// request is one call as it came in.
type request struct {
	version  version
	endpoint endpoint
	form     string // how it was asked
	header   http.Header
	query    url.Values
	body     document
	at       func(part string) string // of the path of REST; nil elsewhere
}

// run serves a call within maxTime, logs it, and words its error.
func (f *face) run(ctx context.Context, r request) ([]byte, uint64, *connect.Error) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	began := time.Now()
	answer, revision, err := r.serve(ctx)
	line := f.log.Debug()
	if err != nil {
		line = f.log.Info().Err(err)
	}
	line.Str("call", r.endpoint.name).Str("version", r.version.service).Str("form", r.form).Dur("took", time.Since(began)).Msg("ZITADEL call")
	if err != nil {
		return nil, 0, f.worded(err)
	}
	return answer, revision, nil
}

func (r request) serve(ctx context.Context) (answer []byte, revision uint64, err error) {
	c, err := callerOf(r.version, r.header, r.query)
	if err != nil {
		return nil, 0, err
	}
	body, err := r.body.json()
	if err != nil {
		return nil, 0, err
	}
	return r.endpoint.serve(ctx, c, body, r.at)
}
