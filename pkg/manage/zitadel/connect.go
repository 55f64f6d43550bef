package zitadel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"connectrpc.com/connect"
)

// rpc serves the endpoints as procedures of Connect, gRPC and gRPC-Web, each in
// binary and in JSON.
func (f *face) rpc(v version, endpoints []endpoint) http.Handler {
	path := "/" + v.service + "/"
	mux := http.NewServeMux()
	for _, e := range endpoints {
		mux.Handle(path+e.name, spoken(connect.NewUnaryHandler(path+e.name, f.procedure(v, e),
			connect.WithReadMaxBytes(maxBody),
			connect.WithCodec(binaryCodec{methodOf(v.service, e.name)}),
			connect.WithCodec(jsonCodec{"json"}),
			connect.WithCodec(jsonCodec{"json; charset=utf-8"}),
		)))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, path)
		refuseRPC(w, r, http.StatusNotFound, connect.CodeUnimplemented, fmt.Sprintf("there is no call %q", name))
	})
	return mux
}

func (f *face) procedure(v version, e endpoint) func(context.Context, *connect.Request[document]) (*connect.Response[document], error) {
	return func(ctx context.Context, req *connect.Request[document]) (*connect.Response[document], error) {
		raw, revision, refusal := f.run(ctx, request{version: v, endpoint: e, form: req.Peer().Protocol,
			header: req.Header(), query: req.Peer().Query, body: *req.Msg})
		if refusal != nil {
			return nil, refusal
		}
		answer := connect.NewResponse(&document{raw: raw})
		setRevision(answer.Header(), revision)
		return answer, nil
	}
}

// contents are the types of a body that are read; parameters do not matter here.
var contents = []string{
	"application/json", "application/proto", "application/grpc", "application/grpc+proto", "application/grpc+json",
	"application/grpc-web", "application/grpc-web+proto", "application/grpc-web+json",
}

// spoken lets through what is asked in a form that is read here.
func spoken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bound(w)
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			refuseRPC(w, r, http.StatusMethodNotAllowed, connect.CodeUnimplemented, "only POST can be asked for here")
			return
		}
		if !slices.Contains(contents, media(r)) {
			w.Header().Set("Accept-Post", strings.Join(contents, ", "))
			refuseRPC(w, r, http.StatusUnsupportedMediaType, connect.CodeInvalidArgument, "the Content-Type must be application/json, application/proto, or one of gRPC or gRPC-Web")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// media is the type of a body without its parameters.
func media(r *http.Request) string {
	name, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(name))
}

var refusals = connect.NewErrorWriter()

// refuseRPC answers with an error that Connect has no status for. A client of gRPC
// gets it as such a client reads it: its status of HTTP is always 200.
func refuseRPC(w http.ResponseWriter, r *http.Request, status int, code connect.Code, message string) {
	if strings.HasPrefix(media(r), "application/grpc") {
		_ = refusals.Write(w, r, connect.NewError(code, errors.New(message))) // who went away needs none
		return
	}
	write(w, status, encode(struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{code.String(), message}))
}
