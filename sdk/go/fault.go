package callout

import (
	"errors"
	"fmt"
	"net/http"
)

// refusal is why a request is answered without a handler.
type refusal interface {
	error
	answer() (status int, code, message string)
}

// fault is a refusal with a code of the contract. why is for the log alone.
type fault struct {
	status        int
	code, message string
	why           string
}

func (f *fault) Error() string { return f.code + ": " + f.why }

func (f *fault) answer() (status int, code, message string) { return f.status, f.code, f.message }

// fault400 is a genuine body that is not of the form.
type fault400 struct{ why error }

func (f *fault400) Error() string { return "malformed: " + f.why.Error() }

func (f *fault400) answer() (status int, code, message string) {
	return http.StatusBadRequest, "malformed", "the body is no JSON object that Callout sends"
}

var (
	errDraining = &fault{http.StatusServiceUnavailable, "unavailable", "it is not available at the moment", "it drains"}
	errPath     = &fault{http.StatusNotFound, "not_found", "there is nothing at this path", "another path"}
	errMethod   = &fault{http.StatusMethodNotAllowed, "method_not_allowed", "a target is sent POST", "another method than POST"}
	errType     = &fault{http.StatusUnsupportedMediaType, "unsupported_media_type", "a body is application/json, without an encoding", "another type or encoding"}
	errLength   = &fault{http.StatusRequestEntityTooLarge, "body_too_large", "the body is too long", "the body is longer than MaxBody"}
	errBusy     = &fault{http.StatusConflict, "in_progress", "it is being handled at the moment", "its handler runs"}
	errNobody   = &fault{http.StatusNotFound, "unknown_condition", "nothing is done upon this condition", "no handler stands under this condition"}
	errFailed   = &fault{http.StatusInternalServerError, "handler_failed", "it could not be handled", ""}
	errTimeout  = &fault{http.StatusGatewayTimeout, "handler_timeout", "it could not be handled in time", "the handler has not answered in time"}
)

// unavailable tells that what a check needs cannot be had.
func unavailable(why error) *fault {
	return &fault{errDraining.status, errDraining.code, errDraining.message, why.Error()}
}

// notGenuine is the error of a request that is not from Callout. check names what failed, for the log.
type notGenuine struct{ check string }

func (e *notGenuine) Error() string { return "callout: it is not genuine: " + e.check }

func refuse(format string, args ...any) error { return &notGenuine{fmt.Sprintf(format, args...)} }

// faultOf is the refusal of an error of a verifier.
func faultOf(err error) refusal {
	var not *notGenuine
	if errors.As(err, &not) {
		return &fault{http.StatusUnauthorized, "unauthorized", "it is not signed as it has to be", not.check}
	}
	return unavailable(err)
}
