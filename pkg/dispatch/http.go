package dispatch

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// routes is the HTTP of the dispatcher, with what is mounted beside it.
func (d *Dispatcher) routes(mounted map[string]http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/instances/{instance}/calls/request", d.handleCall(action.Request))
	mux.HandleFunc("POST /v1/instances/{instance}/calls/response", d.handleCall(action.Response))
	mux.HandleFunc("POST /v1/instances/{instance}/calls/functions/{name}", d.handleCall(action.Function))
	mux.HandleFunc("POST /v1/instances/{instance}/calls/function/{name}", d.handleCall(action.Function))
	mux.HandleFunc("POST /v1/instances/{instance}/events", d.handleEvents)
	mux.HandleFunc("GET /v1/instances/{instance}/.well-known/jwks.json", d.handleKeys)
	mux.HandleFunc("GET /.well-known/jwks.json", d.handleKeys)
	mux.HandleFunc("GET /openapi.json", d.handleContract)
	mux.HandleFunc("GET /asyncapi.json", d.handleContract)
	mux.HandleFunc("GET /schemas", d.handleContract)
	mux.HandleFunc("GET /schemas/{schema}", d.handleContract)
	mux.HandleFunc("GET /v1/instances/{instance}/contract/openapi.json", d.handleTypes)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { d.write(w, 200, []byte(`{"status":"alive"}`)) })
	mux.HandleFunc("GET /readyz", d.handleReady)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { d.handleNothing(mux, w, r) })
	for path, handler := range mounted {
		mux.Handle(path, handler)
	}
	return d.gate(d.guard(d.identify(mux, mounted), mux, mounted))
}

// gate answers while requests are not taken yet, or not any more: an instance
// that is not known at that time may well exist, and who publishes must come
// again.
func (d *Dispatcher) gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !d.open.Load() && r.URL.Path != "/healthz" {
			d.refuse(w, action.NewError(action.CodeUnavailable, action.StageCatalog, "the dispatcher is starting or stopping: try again in a moment"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hasType tells whether a POST says that its body is JSON, or a CloudEvent where those
// are taken, or what RPC speaks where that is mounted. Only an empty body needs none: a browser sends a page's
// body without a type to anybody, and does not ask first.
func hasType(r *http.Request, mounted map[string]http.Handler) bool {
	content := r.Header.Get("Content-Type")
	if content == "" {
		return r.ContentLength == 0 || takesCloudEvents(r, "")
	}
	media, _, err := mime.ParseMediaType(content)
	return err == nil && (takesCloudEvents(r, media) || media == "application/json" || isRPC(media) && isMounted(mounted, r.URL.Path))
}

// typeRule says what type a request must have.
func typeRule(r *http.Request) string {
	if takesCloudEvents(r, wire.TypeCloudEvent) {
		return "the Content-Type must be application/json, " + wire.TypeCloudEvent + " or " + wire.TypeCloudEvents + ", or ce- headers must come along"
	}
	return "the Content-Type must be application/json"
}

// handleNothing answers what no route takes: with 405 and the methods that its
// path takes, or with 404 when it takes none.
func (d *Dispatcher) handleNothing(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	var takes []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, route := mux.Handler(other); route != "/" {
			takes = append(takes, method)
		}
	}
	if len(takes) == 0 {
		d.refuse(w, action.NewError(action.CodeNotFound, action.StageDecode, "there is nothing at "+r.Method+" "+r.URL.Path))
		return
	}
	allow := strings.Join(takes, ", ")
	w.Header().Set("Allow", allow)
	d.refuse(w, withStatus(http.StatusMethodNotAllowed, r.URL.Path+" takes "+allow+" only"))
}

// withStatus is forbidden under a more precise status.
func withStatus(status int, message string) *action.Error {
	refusal := action.NewError(action.CodeForbidden, action.StageDecode, message)
	refusal.Status = status
	return refusal
}

// isRPC tells whether a Content-Type is one of gRPC, gRPC-Web or Connect. None
// of them can be sent by a web page without asking first.
func isRPC(media string) bool {
	switch base, _, _ := strings.Cut(media, "+"); base {
	case "application/proto", "application/grpc", "application/grpc-web", "application/connect":
		return true
	}
	return false
}

func isMounted(mounted map[string]http.Handler, path string) bool {
	for prefix := range mounted {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

func (d *Dispatcher) write(w http.ResponseWriter, status int, raw []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(append(raw, '\n')); err != nil {
		d.log.Debug().Err(err).Msg("client went away before its answer")
	}
}

// refuse answers with {"error":…}.
func (d *Dispatcher) refuse(w http.ResponseWriter, err error) {
	refusal := action.AsError(err, action.StageBus)
	d.log.Info().Err(refusal).Msg("request refused")
	if refusal.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	d.write(w, refusal.Status, wire.EncodeError(refusal))
}

func encode(v any) []byte {
	raw, _ := json.Marshal(v) // of strings, numbers and booleans only
	return raw
}
