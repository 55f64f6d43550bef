package zitadel

import (
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
}

// Routes are the handlers of the face, by the path that each serves: REST and
// Connect. They may be called from any goroutine.
func Routes(o Options) map[string]http.Handler {
	f := &face{service: o.Service, failure: o.Failure, log: o.Log}
	endpoints := []endpoint{
		of("CreateTarget", "POST", "/v2/actions/targets", f.createTarget),
		of("ListTargets", "POST", "/v2/actions/targets/search", f.listTargets),
		of("GetTarget", "GET", "/v2/actions/targets/{id}", f.getTarget),
		of("UpdateTarget", "POST", "/v2/actions/targets/{id}", f.updateTarget),
		of("DeleteTarget", "DELETE", "/v2/actions/targets/{id}", f.deleteTarget),
		of("SetExecution", "PUT", "/v2/actions/executions", f.setExecution),
		of("ListExecutions", "POST", "/v2/actions/executions/search", f.listExecutions),
		of("ListExecutionFunctions", "GET", "/v2/actions/executions/functions", f.listFunctions),
		of("ListExecutionMethods", "GET", "/v2/actions/executions/methods", f.listMethods),
		of("ListExecutionServices", "GET", "/v2/actions/executions/services", f.listServices),
		of("AddPublicKey", "POST", "/v2/actions/targets/{target_id}/publickeys", publicKeys),
		of("ListPublicKeys", "POST", "/v2/actions/targets/{target_id}/publickeys/search", publicKeys),
		of("ActivatePublicKey", "POST", "/v2/actions/targets/{target_id}/publickeys/{key_id}/activate", publicKeys),
		of("DeactivatePublicKey", "POST", "/v2/actions/targets/{target_id}/publickeys/{key_id}/deactivate", publicKeys),
		of("RemovePublicKey", "DELETE", "/v2/actions/targets/{target_id}/publickeys/{key_id}", publicKeys),
	}
	return map[string]http.Handler{restPath: f.rest(endpoints), connectPath: f.connect(endpoints)}
}

// endpoint is one call, in both forms.
type endpoint struct {
	name         string // in Connect
	method, path string // in REST
	// serve reads the body and answers with one. at gives the parts of the path
	// of REST; in Connect it is nil, for the body has everything.
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
	instance    string
	minRevision uint64 // wait for this revision of the configuration or a newer one
	waiting     calloutv1.Waiting
	force       bool
}

// waitings are the values of the parameter waiting.
var waitings = map[string]calloutv1.Waiting{
	"": calloutv1.Waiting_WAITING_UNSPECIFIED, "drain": calloutv1.Waiting_WAITING_DRAIN, "discard": calloutv1.Waiting_WAITING_DISCARD,
}

func callerOf(header http.Header, query url.Values) (caller, error) {
	c := caller{instance: header.Get(headerInstance)}
	if err := action.CheckID(c.instance); err != nil {
		return c, badField(headerInstance, err.Error())
	}
	var known bool
	if c.waiting, known = waitings[query.Get("waiting")]; !known {
		return c, badField("waiting", "the parameter waiting is drain or discard")
	}
	if text := query.Get("force"); text != "" {
		var err error
		if c.force, err = strconv.ParseBool(text); err != nil {
			return c, badField("force", "the parameter force is true or false")
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

// run serves a call within maxTime, logs it, and words its error.
func (f *face) run(ctx context.Context, e endpoint, form string, header http.Header, query url.Values, body []byte, at func(string) string) ([]byte, uint64, *connect.Error) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	began := time.Now()
	c, err := callerOf(header, query)
	var answer []byte
	var revision uint64
	if err == nil {
		answer, revision, err = e.serve(ctx, c, body, at)
	}
	line := f.log.Debug()
	if err != nil {
		line = f.log.Info().Err(err)
	}
	line.Str("call", e.name).Str("form", form).Dur("took", time.Since(began)).Msg("ZITADEL call")
	if err != nil {
		return nil, 0, f.worded(err)
	}
	return answer, revision, nil
}
