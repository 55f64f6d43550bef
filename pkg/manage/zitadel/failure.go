package zitadel

import (
	"errors"
	"maps"
	"net/http"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

func badField(field, message string) error {
	return action.NewError(action.CodeBadField, action.StageDecode, message).WithField(field)
}

// badFields is a request with several mistakes.
type badFields []*calloutv1.Problem

func (b *badFields) add(field, message string) {
	*b = append(*b, &calloutv1.Problem{Path: field, Severity: calloutv1.Problem_SEVERITY_ERROR, Code: string(action.CodeBadField), Message: message})
}

// err gives the mistakes as an error; nil when there are none.
func (b badFields) err() error {
	if len(b) == 0 {
		return nil
	}
	out := connect.NewError(connect.CodeInvalidArgument, errors.New(action.CodeBadField.Message()))
	attach(out, &calloutv1.ErrorDetail{Code: string(action.CodeBadField), Stage: string(action.StageDecode), Field: b[0].GetPath(), Problems: b})
	return out
}

func attach(err *connect.Error, detail *calloutv1.ErrorDetail) {
	if d, fault := connect.NewErrorDetail(detail); fault == nil {
		err.AddDetail(d)
	}
}

// detailOf gives what an error says beside its code and message.
func detailOf(err *connect.Error) *calloutv1.ErrorDetail {
	for _, d := range err.Details() {
		if value, fault := d.Value(); fault == nil {
			if detail, ok := value.(*calloutv1.ErrorDetail); ok {
				return detail
			}
		}
	}
	return nil
}

// is tells whether an error has one of our codes.
func (f *face) is(err error, code action.Code) bool {
	return err != nil && detailOf(f.failure(err)).GetCode() == string(code)
}

// worded is an error as the caller gets it: in the names of this face, and with
// the fields that are wrong in its message.
func (f *face) worded(err error) *connect.Error {
	said := f.failure(err)
	detail := detailOf(said)
	if detail == nil {
		return said
	}
	detail.Field = fieldOf(detail.GetField())
	for _, p := range detail.GetProblems() {
		p.Path = fieldOf(p.GetPath())
	}
	code := said.Code()
	if detail.GetCode() == string(action.CodeUnknownCondition) {
		code = connect.CodeNotFound // as in ZITADEL
	}
	out := connect.NewError(code, errors.New(messageOf(said, detail)))
	attach(out, detail)
	maps.Copy(out.Meta(), said.Meta())
	return out
}

// messageOf names every field that is wrong, with why.
func messageOf(said *connect.Error, detail *calloutv1.ErrorDetail) string {
	var all []string
	for _, p := range detail.GetProblems() {
		if p.GetSeverity() != calloutv1.Problem_SEVERITY_WARNING {
			all = append(all, strings.TrimPrefix(p.GetPath()+": "+p.GetMessage(), ": "))
		}
	}
	switch {
	case len(all) > 0:
		return strings.Join(all, "; ")
	case detail.GetField() != "" && said.Code() == connect.CodeInvalidArgument:
		return detail.GetField() + ": " + said.Message()
	}
	return said.Message()
}

// fields are the names of the service that are others here.
var fields = map[string]string{"url": "endpoint", "type": kindField, "interrupt_on_error": "interruptOnError", "payload": "payloadType"}

// fieldOf writes a field of the service as it is called here.
func fieldOf(field string) string {
	if at, ok := strings.CutPrefix(field, "execution."); ok {
		at = strings.TrimSuffix(strings.TrimSuffix(at, ".target"), ".include")
		return at
	}
	at, ok := strings.CutPrefix(field, "target.")
	if name, renamed := fields[at]; ok && renamed {
		return name
	}
	return at
}

// statuses are the HTTP statuses that REST has for codes of gRPC; what is not
// here is 500.
var statuses = map[connect.Code]int{
	connect.CodeCanceled: 499, connect.CodeInvalidArgument: 400, connect.CodeDeadlineExceeded: 504, connect.CodeNotFound: 404,
	connect.CodeAlreadyExists: 409, connect.CodePermissionDenied: 403, connect.CodeResourceExhausted: 429,
	connect.CodeFailedPrecondition: 400, connect.CodeAborted: 409, connect.CodeOutOfRange: 400, connect.CodeUnimplemented: 501,
	connect.CodeUnavailable: 503, connect.CodeUnauthenticated: 401,
}

func statusOf(code connect.Code) int {
	if status, known := statuses[code]; known {
		return status
	}
	return http.StatusInternalServerError
}

// restError is an error in REST.
type restError struct {
	Code    int              `json:"code"` // of gRPC
	Message string           `json:"message"`
	Details []jsontext.Value `json:"details"`
}

// inREST writes an error; its details are as protobuf writes them.
func inREST(err *connect.Error) []byte {
	out := restError{Code: int(err.Code()), Message: err.Message(), Details: []jsontext.Value{}}
	if detail := detailOf(err); detail != nil {
		if value, fault := anypb.New(detail); fault == nil {
			if raw, fault := protojson.Marshal(value); fault == nil {
				out.Details = append(out.Details, raw)
			}
		}
	}
	return encode(out)
}
