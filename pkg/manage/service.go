package manage

import (
	"context"
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// Engine is what the service manages. All methods may be called from any
// goroutine; errors are *action.Error.
type Engine interface {
	// Catalog gives the catalog in force, waiting for one that is not older
	// than revision.
	Catalog(ctx context.Context, instance string, revision uint64) (*catalog.Matcher, error)
	// Edit puts in force what edit makes of the catalog in force, and tells the
	// revisions before and after.
	Edit(ctx context.Context, instance string, edit func(current *catalog.Snapshot) (*catalog.Snapshot, error)) (before, after uint64, err error)
	// PauseTarget and ResumeTarget act on a target that org itself defines; ""
	// is the instance. ResumeTarget tells whether the configuration keeps the
	// target paused all the same.
	PauseTarget(ctx context.Context, instance, org, target, reason string) error
	ResumeTarget(ctx context.Context, instance, org, target string) (stillPaused bool, err error)
}

// Bounds of the service. A larger message is refused with resource_exhausted.
const (
	maxMessage = 2*catalog.MaxFile + 64<<10 // bytes, after decompression; a text grows in JSON
	maxReason  = 200                        // bytes
	maxTime    = time.Minute                // of one request
	maxWait    = action.DefaultBudget       // for a revision
)

// Service answers the calls of callout.v1.ActionService.
type Service struct {
	engine Engine
	log    zerolog.Logger
}

var _ calloutv1connect.ActionServiceHandler = (*Service)(nil)

// Routes are the handlers of the service, by the path that each serves: the
// service itself, and gRPC reflection, by which command lines find out what it
// can do.
func Routes(engine Engine, log zerolog.Logger) map[string]http.Handler {
	s := &Service{engine: engine, log: log}
	options := []connect.HandlerOption{
		connect.WithReadMaxBytes(maxMessage),
		connect.WithInterceptors(connect.UnaryInterceptorFunc(s.around)),
		connect.WithCodec(strictJSON{"json"}),
		connect.WithCodec(strictJSON{"json; charset=utf-8"}),
	}
	routes := map[string]http.Handler{}
	add := func(path string, handler http.Handler) { routes[path] = handler }
	reflector := grpcreflect.NewStaticReflector(calloutv1connect.ActionServiceName)
	add(calloutv1connect.NewActionServiceHandler(s, options...))
	for _, reflection := range []func(*grpcreflect.Reflector, ...connect.HandlerOption) (string, http.Handler){
		grpcreflect.NewHandlerV1, grpcreflect.NewHandlerV1Alpha,
	} {
		path, handler := reflection(reflector, connect.WithReadMaxBytes(maxReflection))
		add(path, bounded(handler))
	}
	return routes
}

const maxReflection = 64 << 10 // bytes in a question of reflection

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

// around bounds a request's time, words its error and logs it.
func (s *Service) around(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		ctx, cancel := context.WithTimeout(ctx, maxTime)
		defer cancel()
		began := time.Now()
		answer, err := next(ctx, req)
		line := s.log.Debug()
		if err != nil {
			line = s.log.Info().Err(err)
			err = failure(err)
		}
		line.Str("procedure", req.Spec().Procedure).Str("protocol", req.Peer().Protocol).Dur("took", time.Since(began)).Msg("management call")
		return answer, err
	}
}

// catalog gives the catalog of an instance that is named by a request, waiting
// at most maxWait for a revision.
func (s *Service) catalog(ctx context.Context, instance string, revision uint64) (*catalog.Matcher, error) {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	return s.engine.Catalog(ctx, orDefault(instance), revision)
}

func orDefault(instance string) string {
	if instance == "" {
		return catalog.DefaultInstance
	}
	return instance
}
