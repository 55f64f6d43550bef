package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Case is a case of a target: requests that are sent to it one behind the other, and what
// has to come. Its name begins with the rule that it is about. In every text of it {run} stands for
// a word of this run, so that a target that goes on can be asked again.
type Case struct {
	Case string `json:"case"`
	Rule string `json:"rule"`
	With string `json:"with,omitempty"` // how the target is started: keys (also where it is missing), jwt, jwe, jwt_and_keys, none, bad_key
	// Fresh asks for a program of its own, since what the case does to it lasts.
	Fresh bool `json:"fresh,omitempty"`
	// Timing says that the case is about what happens at the same time: it is tried up to
	// three times, since on a busy machine one can come behind the other.
	Timing bool   `json:"timing,omitempty"`
	Steps  []Step `json:"steps"`
}

func (c Case) name() string { return c.Case }

// Step is one thing that is done, in the order of the members.
type Step struct {
	WaitMS    int            `json:"wait_ms,omitempty"` // before it
	JWKS      string         `json:"jwks,omitempty"`    // what the address of the keys gives from here on: usual, next (one more), broken
	Send      *Request       `json:"send,omitempty"`
	Want      *Answer        `json:"want,omitempty"`
	Or        *Answer        `json:"or,omitempty"`        // is right too
	Beside    *Beside        `json:"beside,omitempty"`    // while Send is under way
	Terminate int            `json:"terminate,omitempty"` // SIGTERM so many ms behind the beginning of Send; the program ends with 0 then
	Counts    map[string]int `json:"counts,omitempty"`    // what the function counts of section 9 tells; what it does not name is 0
	Fetched   int            `json:"fetched,omitempty"`   // how often the keys were fetched at most
	Refuses   bool           `json:"refuses,omitempty"`   // the program does not start: it ends with another code than 0
}

// Beside is a request that is sent while another one is under way.
type Beside struct {
	AfterMS int      `json:"after_ms"`
	Send    *Request `json:"send"`
	Want    *Answer  `json:"want"`
}

// Request is what is sent. Without more it is a POST of application/json to /, signed as
// Standard Webhooks with the first key, under an id of its own.
type Request struct {
	Method  string          `json:"method,omitempty"`
	Path    string          `json:"path,omitempty"`
	Type    *string         `json:"type,omitempty"` // "" sends none
	Headers [][2]string     `json:"headers,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`   // as it stands here
	Text    *string         `json:"text,omitempty"`   // in the place of Body
	Base64  []byte          `json:"base64,omitempty"` // likewise
	Pieces  []Piece         `json:"pieces,omitempty"` // likewise
	Change  *string         `json:"change,omitempty"` // what is sent in the place of what was signed
	ID      string          `json:"id,omitempty"`     // webhook-id, jti and Callout-Delivery-Id; "none" = without
	Sign    *[]string       `json:"sign,omitempty"`   // standard, standard_v1a, zitadel
	Key     string          `json:"key,omitempty"`    // first, second, stranger
	AgeS    int64           `json:"age_s,omitempty"`  // how old the signature is
	JWT     *Token          `json:"jwt,omitempty"`
	Framing string          `json:"framing,omitempty"` // chunked; unsent: the length alone; half: half of it, and then nothing
	Large   int             `json:"large,omitempty"`   // bytes of a header x-large
}

// Piece is a text so many times.
type Piece struct {
	Text  string `json:"text"`
	Times int    `json:"times"`
}

// Token is the JWT that the body is sent as.
type Token struct {
	Key      string `json:"key,omitempty"` // ed25519 (also where it is missing), rs256, next
	Audience string `json:"audience,omitempty"`
	AgeS     int64  `json:"age_s,omitempty"`
	For      string `json:"for,omitempty"` // rsa or ec: it is encrypted for that key of the target
}

// Answer is what has to come.
type Answer struct {
	Status    int               `json:"status,omitempty"`
	JSON      json.RawMessage   `json:"json,omitempty"` // the body, but for the order of members
	Code      string            `json:"code,omitempty"` // the body is {"code":CODE,"message":a text}, and nothing else
	Empty     bool              `json:"empty,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
	Without   []string          `json:"without,omitempty"` // headers that are not there
	Hides     []string          `json:"hides,omitempty"`   // texts that stand nowhere in the answer
	SameAs    *int              `json:"same_as,omitempty"` // the body is that of this step, counted from 0
	AtLeastMS int               `json:"at_least_ms,omitempty"`
	WithinMS  int               `json:"within_ms,omitempty"`
	Refused   bool              `json:"refused,omitempty"` // any status from 400 on, or an end of the connection
}

// Cases gives the cases of a target, in the order of the files.
func Cases() ([]Case, error) { return read[Case]("target") }

// as is a case with a word in the place of {run}.
func (c Case) as(word string) (Case, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return c, err
	}
	var out Case
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(raw), "{run}", word)), &out); err != nil {
		return c, fmt.Errorf("%s: %w", c.Case, err)
	}
	return out, nil
}

// needs tells what a case needs that a target at a URL does not offer, or "".
func (c Case) needs() string {
	if c.With != "" && c.With != withKeys || c.Fresh {
		return "the runner has to start the program: give -- COMMAND"
	}
	return ""
}
