package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// client is the one who wants a user created. It knows HTTP and the core's
// address, and nothing of actions.
type client struct {
	http *http.Client
	url  string
	line *Timeline
	// answered is closed when the core has answered, whatever it said.
	answered chan struct{}
}

// create asks for u and tells whether the core made it. The error is about the
// exchange itself, not about a refusal.
func (c *client) create(ctx context.Context, u User) (created bool, err error) {
	defer close(c.answered)
	body := encode(u)
	c.line.Add(Step{Arrow: createUser, Detail: brief(body), Body: body})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/users", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return false, fmt.Errorf("the core did not answer: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil || len(answer) > maxBody {
		return false, fmt.Errorf("the core's answer broke off or has more than %d bytes: %w", maxBody, err)
	}
	step := Step{Arrow: clientOK, Status: res.StatusCode, Body: json.RawMessage(bytes.TrimSpace(answer))}
	if res.StatusCode >= 300 {
		step.Arrow = refuseClient
	}
	step.Detail = briefStatus(step.Status, step.Body)
	c.line.Add(step)
	return res.StatusCode < 300, nil
}
