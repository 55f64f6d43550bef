package zitadel

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"connectrpc.com/connect"
)

const connectPath = "/zitadel.action.v2.ActionService/"

// document is the JSON of a request or an answer. What is in it is read and
// written by the endpoint, in one way for both forms.
type document struct{ raw []byte }

// documents carries documents through Connect.
type documents struct{ name string }

// Name is the one under which Connect finds the codec, from the Content-Type.
func (d documents) Name() string { return d.name }

// Marshal hands a document out as it is.
func (documents) Marshal(v any) ([]byte, error) {
	d, ok := v.(*document)
	if !ok {
		return nil, fmt.Errorf("%T is no document", v)
	}
	return d.raw, nil
}

// Unmarshal takes a document in; the bytes are Connect's to use again.
func (documents) Unmarshal(raw []byte, v any) error {
	d, ok := v.(*document)
	if !ok {
		return fmt.Errorf("%T is no document", v)
	}
	d.raw = bytes.Clone(raw)
	return nil
}

// connect serves the endpoints as procedures, in JSON alone.
func (f *face) connect(endpoints []endpoint) http.Handler {
	options := []connect.HandlerOption{
		connect.WithReadMaxBytes(maxBody),
		connect.WithCodec(documents{"json"}),
		connect.WithCodec(documents{"json; charset=utf-8"}),
	}
	mux := http.NewServeMux()
	for _, e := range endpoints {
		procedure := connectPath + e.name
		mux.Handle(procedure, inJSON(connect.NewUnaryHandler(procedure, f.procedure(e), options...)))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, connectPath)
		refuseConnect(w, http.StatusNotFound, connect.CodeUnimplemented, fmt.Sprintf("there is no call %q", name))
	})
	return mux
}

func (f *face) procedure(e endpoint) func(context.Context, *connect.Request[document]) (*connect.Response[document], error) {
	return func(ctx context.Context, req *connect.Request[document]) (*connect.Response[document], error) {
		raw, revision, refusal := f.run(ctx, e, "Connect", req.Header(), req.Peer().Query, req.Msg.raw, nil)
		if refusal != nil {
			return nil, refusal
		}
		answer := connect.NewResponse(&document{raw})
		setRevision(answer.Header(), revision)
		return answer, nil
	}
}

// inJSON lets through what is Connect in JSON: gRPC and the binary form would
// need ZITADEL's own messages.
func inJSON(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bound(w)
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			refuseConnect(w, http.StatusMethodNotAllowed, connect.CodeUnimplemented, "only POST can be asked for here")
			return
		}
		media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		if !strings.EqualFold(strings.TrimSpace(media), "application/json") {
			w.Header().Set("Accept-Post", "application/json")
			refuseConnect(w, http.StatusUnsupportedMediaType, connect.CodeInvalidArgument, "the Content-Type must be application/json")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refuseConnect answers with an error that the protocol itself has no code for.
func refuseConnect(w http.ResponseWriter, status int, code connect.Code, message string) {
	write(w, status, encode(struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{code.String(), message}))
}
