package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// What the core calls its method, its instance and its organization.
const (
	createUserMethod = "/demo.user.v1.UserService/CreateUser"
	instance         = "default"
	organization     = "demo"
	userAdded        = "user.added"
)

// User is the demo's one aggregate, as its API and its event carry it.
type User struct {
	ID         string            `json:"id,omitempty"`
	Username   string            `json:"username"`
	GivenName  string            `json:"givenName"`
	FamilyName string            `json:"familyName"`
	Email      string            `json:"email"`
	Metadata   map[string]string `json:"metadata,omitempty"`
}

// newcomer is the user the demo creates.
var newcomer = User{Username: "ada", GivenName: "Ada", FamilyName: "Lovelace", Email: "ada@example.com"}

var (
	usernamePattern = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	textPattern     = regexp.MustCompile(`^[^\pC]{1,100}$`)
)

// parseUser reads a user and checks every field. The core calls it on what the
// client sent and again on what the targets made of it: a changed object is
// validated like a sent one.
func parseUser(raw []byte) (User, error) {
	var u User
	if err := wire.CheckJSON(raw); err != nil {
		return u, err
	}
	if err := json.Unmarshal(raw, &u); err != nil {
		return u, action.NewError(action.CodeMalformed, action.StageDecode, "a user is a JSON object of strings").WithCause(err)
	}
	if !usernamePattern.MatchString(u.Username) {
		return u, badField("username", "a username has 1 to 32 of a-z, 0-9, _ and -, and begins with a letter")
	}
	for field, value := range map[string]string{"givenName": u.GivenName, "familyName": u.FamilyName, "email": u.Email} {
		if !textPattern.MatchString(value) {
			return u, badField(field, fmt.Sprintf("%s has 1 to 100 characters", field))
		}
	}
	return u, nil
}

func badField(field, message string) error {
	return action.NewError(action.CodeBadField, action.StageDecode, message).WithField(field)
}

// encode is the JSON of one of the demo's own values, which cannot fail. An
// arrow stays an arrow: nothing is escaped for HTML.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("demo: %T does not encode: %v", v, err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
