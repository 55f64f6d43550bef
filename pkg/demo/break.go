package demo

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
)

// The parties that --break makes fail.
const (
	BreakNothing  = ""
	BreakMetadata = "metadata"
	BreakHook     = "hook"
	BreakLDAP     = "ldap"
	BreakAsync    = "async"
)

// Breaks lists what can be broken.
var Breaks = []string{BreakMetadata, BreakHook, BreakLDAP, BreakAsync}

// promises say what is broken and what the engine must do about it.
var promises = map[string]string{
	BreakMetadata: "AddMetadataToUser answers 500 and interrupts on error: the client is refused, nothing is stored, no event is published.",
	BreakHook:     "UserAddedHook answers 400, which no retry would mend: one dead letter with its reason; the client does not notice.",
	BreakLDAP:     "LDAP is down at first: UserAddedHook answers 503, the event is tried again in its place in the line until LDAP is back; the client does not notice.",
	BreakAsync:    "ResponseStateAsyncHook answers 500 twice: logged, tried again, delivered; the client does not notice.",
}

func checkBreak(name string) error {
	if name == BreakNothing || slices.Contains(Breaks, name) {
		return nil
	}
	return fmt.Errorf("there is no party %q to break: it is one of %s", name, strings.Join(Breaks, ", "))
}

// ldapFailures is how often UserAddedHook must find LDAP down before it comes
// up under --break ldap.
const ldapFailures = 2

// outage ends itself when it has been noticed often enough.
type outage struct {
	seen atomic.Int64
	end  func() // nil = there is no outage that could end
}

// noticed counts a failure, and ends the outage with the last one.
func (o *outage) noticed() {
	if o.seen.Add(1) == ldapFailures && o.end != nil {
		o.end()
	}
}
