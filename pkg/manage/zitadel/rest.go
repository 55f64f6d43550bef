package zitadel

import (
	"errors"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// rest serves the endpoints by method and path.
func (f *face) rest(v version, endpoints []endpoint) http.Handler {
	paths := map[string]map[string]endpoint{}
	for _, e := range endpoints {
		if paths[e.path] == nil {
			paths[e.path] = map[string]endpoint{}
		}
		paths[e.path][e.method] = e
	}
	mux := http.NewServeMux()
	for path, methods := range paths {
		mux.Handle(v.rest+path, f.byMethod(v, methods))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		f.refuse(w, 0, f.worded(action.NewError(action.CodeNotFound, action.StageDecode, "there is nothing at "+r.URL.Path)))
	})
	return mux
}

func (f *face) byMethod(v version, methods map[string]endpoint) http.Handler {
	allow := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		e, ok := methods[method]
		if !ok {
			w.Header().Set("Allow", allow)
			f.refuse(w, http.StatusMethodNotAllowed, connect.NewError(connect.CodeUnimplemented, errors.New("only "+allow+" can be asked for here")))
			return
		}
		f.serveREST(w, r, v, e)
	})
}

func (f *face) serveREST(w http.ResponseWriter, r *http.Request, v version, e endpoint) {
	bound(w)
	var body []byte
	if e.method == http.MethodPost || e.method == http.MethodPut {
		var status int
		var err error
		if body, status, err = readBody(r); err != nil {
			f.refuse(w, status, f.worded(err))
			return
		}
	}
	answer, revision, refusal := f.run(r.Context(), request{version: v, endpoint: e, form: "rest",
		header: r.Header, query: r.URL.Query(), body: document{raw: body}, at: r.PathValue})
	if refusal != nil {
		f.refuse(w, 0, refusal)
		return
	}
	setRevision(w.Header(), revision)
	write(w, http.StatusOK, answer)
}

// bound gives a client maxTime for its request and to take the answer.
func bound(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(maxTime)) // where it cannot be set, the server's own bounds hold
}

// readBody reads a body of JSON. status is that of the error; 0 is the one that
// its code has.
func readBody(r *http.Request) (raw []byte, status int, err error) {
	if r.ContentLength != 0 {
		if err := checkContent(r.Header); err != nil {
			return nil, http.StatusUnsupportedMediaType, err
		}
	}
	raw, err = wire.ReadBody(r.Body, maxBody)
	if action.CodeOf(err) == action.CodeTooLarge {
		status = http.StatusRequestEntityTooLarge
	}
	return raw, status, err
}

// checkContent refuses what is no plain JSON in UTF-8.
func checkContent(header http.Header) error {
	refuse := func(name, message string) error {
		return action.NewError(action.CodeForbidden, action.StageDecode, message).WithField(name)
	}
	media, parameters, err := mime.ParseMediaType(header.Get("Content-Type"))
	if charset := parameters["charset"]; err != nil || media != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return refuse("Content-Type", "the Content-Type must be application/json")
	}
	if coding := header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return refuse("Content-Encoding", "the body must not be compressed")
	}
	return nil
}

func setRevision(header http.Header, revision uint64) {
	if revision > 0 {
		header.Set(headerRevision, strconv.FormatUint(revision, 10))
	}
}

// refuse answers with an error; status 0 is the one that its code has.
func (f *face) refuse(w http.ResponseWriter, status int, err *connect.Error) {
	if status == 0 {
		status = statusOf(err.Code())
	}
	maps.Copy(w.Header(), err.Meta()) // when to come again
	write(w, status, inREST(err))
}

func write(w http.ResponseWriter, status int, raw []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(raw, '\n'))
}
