package dispatch

import (
	"mime"
	"net/http"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// grpcUnimplemented is the status of gRPC for a service that is not there.
const grpcUnimplemented = "12"

// asksNoService tells whether a request is RPC to a service that is not here: a
// client for several asks for each, and wants to be told in its protocol.
func asksNoService(mux *http.ServeMux, r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || err != nil || !isRPC(media) {
		return false
	}
	_, route := mux.Handler(r)
	return route == "/"
}

// handleNoService answers unimplemented: with 404 in Connect, and with the status of
// gRPC in the headers where that is spoken, since it takes another status of HTTP for
// a fault of the network.
func (d *Dispatcher) handleNoService(w http.ResponseWriter, r *http.Request) {
	content := r.Header.Get("Content-Type")
	media, _, _ := strings.Cut(content, ";")
	if base, _, _ := strings.Cut(strings.TrimSpace(media), "+"); !strings.HasPrefix(strings.ToLower(base), "application/grpc") {
		d.refuse(w, action.NewError(action.CodeNotFound, action.StageDecode, "there is no service at "+r.URL.Path))
		return
	}
	header := w.Header()
	header.Set("Content-Type", content)
	header.Set("Grpc-Status", grpcUnimplemented)
	header.Set("Grpc-Message", "there is no service at this path") // which is not repeated: a header takes no letters but ASCII
	w.WriteHeader(http.StatusOK)
}
