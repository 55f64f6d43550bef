package access

import (
	"fmt"
	"slices"
	"strings"
)

// Verb is a kind of doing that can be granted.
type Verb string

// The verbs, from what a look needs to what a core needs.
const (
	Observe Verb = "observe" // how it goes: states, figures, lag; no bodies
	Read    Verb = "read"    // what is configured, stored and answered; never a key
	Write   Verb = "write"   // change what is configured, and who may do so
	Operate Verb = "operate" // pause, retry, skip, redrive, discard, replay
	Call    Verb = "call"    // ask for the execution of requests, responses and functions
	Publish Verb = "publish" // store events, and declare what can be extended
)

// Verbs are all of them, in their order.
var Verbs = []Verb{Observe, Read, Write, Operate, Call, Publish}

// ParseVerbs reads verbs with commas between them; "all" stands for each of them.
func ParseVerbs(text string) (verbs []Verb, err error) {
	for word := range strings.SplitSeq(text, ",") {
		verb := Verb(strings.TrimSpace(word))
		switch {
		case verb == "all":
			verbs = append(verbs, Verbs...)
		case slices.Contains(Verbs, verb):
			verbs = append(verbs, verb)
		default:
			return nil, fmt.Errorf("%q is no verb: there are %s, and all", word, joined(Verbs))
		}
	}
	return ordered(verbs), nil
}

// ordered gives each verb once, in the order of Verbs.
func ordered(verbs []Verb) (all []Verb) {
	for _, v := range Verbs {
		if slices.Contains(verbs, v) {
			all = append(all, v)
		}
	}
	return all
}

func joined(verbs []Verb) string {
	words := make([]string, len(verbs))
	for n, v := range verbs {
		words[n] = string(v)
	}
	return strings.Join(words, ", ")
}

// Level is how much of an installation somebody, or something, is about.
type Level int

// The levels, the widest first.
const (
	Installation Level = iota
	Instance
	Organization
)

func (l Level) String() string { return [...]string{"installation", "instance", "organization"}[l] }

// Scope is what somebody may do something with: with both empty the installation,
// with an instance alone that instance, with both one organization of it.
type Scope struct{ Instance, Org string }

// Level tells how much of an installation a scope is.
func (s Scope) Level() Level {
	switch {
	case s.Instance == "":
		return Installation
	case s.Org == "":
		return Instance
	}
	return Organization
}

// Covers tells whether what is done at another scope is done within this one.
func (s Scope) Covers(other Scope) bool {
	switch s.Level() {
	case Installation:
		return true
	case Instance:
		return s.Instance == other.Instance
	}
	return s == other
}

func (s Scope) String() string {
	switch s.Level() {
	case Installation:
		return "the installation"
	case Instance:
		return fmt.Sprintf("instance %q", s.Instance)
	}
	return fmt.Sprintf("organization %q of instance %q", s.Org, s.Instance)
}

// Principal is somebody who asks.
type Principal struct {
	ID    string // of the token or certificate, for logs; never a secret
	Name  string
	Scope Scope
	Verbs []Verb
}

// Everybody is who asks where nobody is asked who he is: on loopback, without
// authentication.
var Everybody = Principal{ID: "everybody", Name: "everybody", Verbs: Verbs}

// May tells whether somebody may do an operation at a scope, which is the narrowest
// that holds all the operation touches.
func (p Principal) May(o Operation, at Scope) bool {
	return slices.Contains(p.Verbs, o.Verb) && p.Scope.Level() <= o.Least && p.Scope.Covers(at)
}

// MayGrant tells whether somebody may give verbs at a scope to another: nobody gives
// what he does not have.
func (p Principal) MayGrant(verbs []Verb, at Scope) bool {
	for _, v := range verbs {
		if !slices.Contains(p.Verbs, v) {
			return false
		}
	}
	return p.Scope.Covers(at)
}
