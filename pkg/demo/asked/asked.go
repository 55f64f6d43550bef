// Package asked is what the demo is asked for, and how it says that it did not
// come about. The demo's own parts, an LDAP server among them, are not in it: a
// program has the command without carrying them.
package asked

import (
	"io"
	"time"

	"github.com/rs/zerolog"
)

// Options say what to play and how to show it. The zero value with an Out
// plays everything in this process and prints lines.
type Options struct {
	Out      io.Writer
	Width    int  // columns of the terminal
	Terminal bool // Out is a terminal: a column for each party, and colours
	JSON     bool // one object a line instead
	Hold     bool // keep running afterwards, until the context ends
	Break    string
	// Hooks is a program whose hooks take the place of the demo's own: the name of a
	// folder in examples/hooks, or a path; empty = the demo's own.
	Hooks string
	LDAP  LDAPOptions
	Fleet int // workers as processes, 1 to 32; 0 = all in this process
	// Executable has the commands dispatcher and worker; empty = this program.
	Executable string
	Log        zerolog.Logger
	// Logins is a directory of "callout auth init --nats" for the instance default: NATS
	// asks every part who it is; empty = it asks nobody.
	Logins string
	// CoreNATS gives the address at which the core reaches NATS, from the one
	// at which it listens; nil = the same.
	CoreNATS    func(url string) string
	StepTimeout time.Duration // for one step; 0 = the demo's default
}

// LDAPOptions name the LDAP server that UserAddedHook writes to. Without a URL
// the demo brings its own.
type LDAPOptions struct {
	URL      string // ldap:// or ldaps://, with host and port
	BindDN   string // who writes; empty = anonymous
	Password string // of BindDN; never shown
	Base     string // under which users are added; empty = the server's first naming context
}

// UsageError is an option that cannot be.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// StepError names the step of the sequence that did not happen as it must.
type StepError struct {
	Step string // as a line of a Mermaid sequence diagram
	Why  string
}

// Error is one line.
func (e *StepError) Error() string { return "step " + e.Step + ": " + e.Why }
