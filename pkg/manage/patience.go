package manage

import (
	"context"
	"net/http"
	"time"
)

// sendFor is how long a client may leave one message of a stream unread.
const sendFor = 30 * time.Second

type controllerKey struct{}

// patient lets a stream bound how long it waits for a client that does not
// read.
func patient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), controllerKey{}, http.NewResponseController(w))
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// inTime sends one message of a stream, and gives up a client that has not
// taken it within sendFor.
func inTime(ctx context.Context, send func() error) error {
	c, ok := ctx.Value(controllerKey{}).(*http.ResponseController)
	if !ok {
		return send()
	}
	if err := c.SetWriteDeadline(time.Now().Add(sendFor)); err != nil {
		return err
	}
	if err := send(); err != nil {
		return err
	}
	return c.SetWriteDeadline(time.Time{})
}
