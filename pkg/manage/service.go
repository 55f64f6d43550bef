package manage

import (
	"context"
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/manage/zitadel"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// Bounds of the service. A larger message is refused with resource_exhausted.
const (
	maxMessage = 2*file.MaxFile + 64<<10 // bytes, after decompression; a text grows in JSON
	maxReason  = 200                     // bytes
	maxTime    = time.Minute             // of one request
	maxWait    = action.DefaultBudget    // for a revision
)

// Service answers the calls of callout.v1.ActionService.
type Service struct {
	engine Engine
	fleet  Fleet
	tokens Tokens
	audit  Audit
	// refusals are those that were told of a short while ago.
	refusals refused
	log      zerolog.Logger
	past     past

	tails, watches, jobWatches *watching
}

var _ calloutv1connect.ActionServiceHandler = (*Service)(nil)

// Options of the service.
type Options struct {
	Engine Engine
	Fleet  Fleet
	Tokens Tokens
	Audit  Audit
	// PublicReflection tells everybody what the service can do.
	PublicReflection bool
	// Ready tells why no traffic is taken; nil when it is.
	Ready func(context.Context) error
	Log   zerolog.Logger
}

// Routes are the handlers of the service, by the path that each serves: the
// service itself, its face for tools of ZITADEL, gRPC reflection, by which command
// lines find out what they can do, and the health of both, which everybody is told.
func Routes(o Options) map[string]http.Handler {
	s := &Service{engine: o.Engine, fleet: o.Fleet, tokens: o.Tokens, audit: o.Audit, log: o.Log, tails: newWatching("events"), watches: newWatching("revisions"), jobWatches: newWatching("jobs")}
	options := []connect.HandlerOption{
		connect.WithReadMaxBytes(maxMessage),
		connect.WithInterceptors(interceptor{s}),
		connect.WithCodec(strictJSON{"json"}),
		connect.WithCodec(strictJSON{"json; charset=utf-8"}),
	}
	routes := map[string]http.Handler{}
	add := func(path string, handler http.Handler) { routes[path] = handler }
	services := append([]string{calloutv1connect.ActionServiceName}, zitadel.Services()...)
	path, service := calloutv1connect.NewActionServiceHandler(wall{s}, options...)
	add(path, known(patient(service)))
	for path, handler := range zitadel.Routes(zitadel.Options{Service: wall{s}, Failure: failure, Log: o.Log}) {
		add(path, known(handler))
	}
	for path, handler := range reflections(services) {
		if !o.PublicReflection {
			handler = may(access.SeeContract, handler)
		}
		add(path, bounded(handler))
	}
	add(health{ready: o.Ready, services: services}.handler())
	return routes
}

// bounded ends a stream after maxTime: nobody needs reflection for longer.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		end := time.Now().Add(maxTime)
		c := http.NewResponseController(w)
		if err := errors.Join(c.SetReadDeadline(end), c.SetWriteDeadline(end)); err != nil {
			http.Error(w, "a stream cannot be bounded here", http.StatusInternalServerError)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// catalog gives the catalog of an instance that is named by a request, waiting
// at most maxWait for a revision.
func (s *Service) catalog(ctx context.Context, instance string, revision uint64) (*catalog.Matcher, error) {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	return s.engine(orDefault(instance)).Catalog(ctx, revision)
}

func orDefault(instance string) string {
	if instance == "" {
		return catalog.DefaultInstance
	}
	return instance
}
