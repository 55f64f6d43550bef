package action

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The bounds of the system. Passing one is a named error, never a silent
// truncation. Sizes are bytes.
const (
	MaxName        = 100                 // characters in the name of a target, execution or list
	MaxID          = 200                 // bytes in an instance, org or aggregate id
	MaxEventType   = 255                 // bytes in an event type
	MaxSegments    = 16                  // segments in an event type
	MaxToken       = 600                 // bytes in one encoded subject token
	MaxSubject     = 2560                // bytes in one subject
	MaxDepth       = 100                 // nesting of a JSON document
	MaxURL         = 2048                // bytes in a target's URL
	MaxIncludes    = 16                  // levels of nested includes
	MaxTargets     = 1000                // targets of one execution after expansion
	MaxAttempts    = 1000                // upper bound of a retry policy's attempts
	MaxConcurrency = 10000               // upper bound of a target's concurrency
	DefaultObject  = 1 << 20             // object of a call, payload of an event
	CeilingObject  = 8 << 20             // what DefaultObject may be raised to
	DefaultAnswer  = 1 << 20             // answer of a target, after decompression
	CeilingAnswer  = 8 << 20             // what DefaultAnswer may be raised to
	MaxHeaderBytes = 64 << 10            // headers of a target's answer
	MaxBeginning   = 4 << 10             // what is kept of an answer that failed
	MaxSecret      = 32 << 10            // a secret that is kept by a name; one of a header is shorter
	MaxSecrets     = 1000                // secrets with names that an instance has
	MaxSigningKeys = 4                   // that sign for a target at once
	DefaultGrace   = 24 * time.Hour      // how long a key signs on beside the one in its place
	MaxGrace       = 30 * 24 * time.Hour // and how long at most
	MaxPublicKeys  = 8                   // of a target, for encrypting what it is sent
	MaxCompact     = 16 << 20            // bytes of a JWT or JWE: what the largest body becomes, and a little
	MinTimeout     = time.Millisecond
	MaxTimeout     = 270 * time.Second
	DefaultTimeout = 10 * time.Second
	MinWait        = time.Millisecond // shortest wait between two attempts
	MaxWait        = 24 * time.Hour   // longest wait between two attempts
	DefaultBudget  = 30 * time.Second // deadline of a call that names none
	MaxBudget      = 10 * time.Minute // longest deadline of a call
	DefaultMaxStop = 7 * 24 * time.Hour
)

var namePattern = regexp.MustCompile(`^[A-Za-z0-9_.*/ -]{1,100}$`)

// CheckName tells whether s may name a target, an execution or a list: 1–100
// of letters, digits, `_ - . * /` and space.
func CheckName(s string) error {
	if !namePattern.MatchString(s) {
		return fmt.Errorf("a name has 1 to %d letters, digits, spaces or _ - . * /", MaxName)
	}
	return nil
}

// CheckID tells whether s may be an instance, organization or aggregate id:
// UTF-8 without control characters, at most MaxID bytes. Empty is accepted
// here; who needs a value asks for one.
func CheckID(s string) error {
	if len(s) > MaxID {
		return fmt.Errorf("an id has at most %d bytes, this one has %d", MaxID, len(s))
	}
	if isPrintable(s) {
		return nil
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("an id is UTF-8")
	}
	if strings.IndexFunc(s, unicode.IsControl) >= 0 {
		return fmt.Errorf("an id has no control characters")
	}
	return nil
}

// isPrintable tells whether s has nothing but ASCII that can be seen, as nearly
// all ids do.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// SplitMethod takes `/pkg.Service/Method` apart. ok is false when s has
// another form.
func SplitMethod(s string) (service, method string, ok bool) {
	rest, found := strings.CutPrefix(s, "/")
	if !found {
		return "", "", false
	}
	service, method, found = strings.Cut(rest, "/")
	if !found || !isDotted(service) || !isDotted(method) || strings.IndexByte(method, '.') >= 0 {
		return "", "", false
	}
	return service, method, true
}

// isDotted tells whether s is made of letters, digits and _, in one or more
// segments joined by single dots. It is asked for every call of a core.
func isDotted(s string) bool {
	last := byte('.')
	for i := range len(s) {
		c := s[i]
		if !isWord[c] && (c != '.' || last == '.') {
			return false
		}
		last = c
	}
	return last != '.'
}

// isWord are letters, digits and _.
var isWord = func() (is [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") {
		is[c] = true
	}
	return is
}()

// IsMethod is CheckMethod without its words, and allocates nothing.
func IsMethod(s string) bool {
	_, _, ok := SplitMethod(s)
	return ok && len(s) <= MaxEventType
}

// CheckMethod tells whether s is a full method name, `/pkg.Service/Method`.
func CheckMethod(s string) error {
	if len(s) > MaxEventType {
		return fmt.Errorf("a method has at most %d bytes, this one has %d", MaxEventType, len(s))
	}
	if _, _, ok := SplitMethod(s); !ok {
		return fmt.Errorf("a method is written /package.Service/Method, such as /zitadel.user.v2.UserService/AddHumanUser")
	}
	return nil
}

// CheckService tells whether s is a service name, `pkg.Service`.
func CheckService(s string) error {
	if len(s) > MaxEventType || !isDotted(s) {
		return fmt.Errorf("a service is written package.Service, such as zitadel.user.v2.UserService")
	}
	return nil
}

// CheckFunction tells whether s names a function: 1–100 letters, digits, `_`,
// `-` and dots.
func CheckFunction(s string) error {
	if len(s) > MaxName || strings.Count(s, ".") >= MaxSegments || !isSegments(s) {
		return fmt.Errorf("a function name is made of letters, digits, _, - and dots, such as create_id_token")
	}
	return nil
}
