package demo

import "fmt"

// Party is one party of the sequence.
type Party string

// The parties, in the order in which they are drawn. The core stands for core
// and engine together, as ZITADEL does in the epic's diagram.
const (
	Client        Party = "Client"
	Core          Party = "Core"
	AddMetadata   Party = "AddMetadataToUser"
	UserAddedHook Party = "UserAddedHook"
	LDAP          Party = "LDAP"
	StateHook     Party = "ResponseStateAsyncHook"
	CompleteToken Party = "CompleteToken" // is proved, and not drawn
)

// Parties lists the parties from left to right.
var Parties = []Party{Client, Core, AddMetadata, UserAddedHook, LDAP, StateHook}

// Arrow is one line of the sequence: who says what to whom. Two arrows are the
// same step if all of it is equal.
type Arrow struct {
	From, To Party
	Text     string
	Answer   bool // drawn dashed
	Failed   bool // drawn with a cross
}

// Head is the arrow as Mermaid writes it: ->> for a message, -->> for an
// answer, --x for a failure.
func (a Arrow) Head() string {
	switch {
	case a.Failed:
		return "--x"
	case a.Answer:
		return "-->>"
	}
	return "->>"
}

// String is the arrow as a line of a Mermaid sequence diagram, which is also
// how errors name it.
func (a Arrow) String() string {
	return fmt.Sprintf("%s%s%s: %s", a.From, a.Head(), a.To, a.Text)
}

// The arrows of the epic's diagram, in its order and its words.
var (
	createUser      = Arrow{From: Client, To: Core, Text: "Create User"}
	findRequest     = Arrow{From: Core, To: Core, Text: "Get request execution for create user"}
	requestInfo     = Arrow{From: Core, To: AddMetadata, Text: "request info"}
	addMetadata     = Arrow{From: AddMetadata, To: AddMetadata, Text: "Add metadata"}
	updatedUser     = Arrow{From: AddMetadata, To: Core, Text: "updated user, ok", Answer: true}
	storeEvents     = Arrow{From: Core, To: Core, Text: "Store events"}
	findEvent       = Arrow{From: Core, To: Core, Text: `Get execution for "user.added" event`}
	sendEvent       = Arrow{From: Core, To: UserAddedHook, Text: "event (background processing)"}
	storeUser       = Arrow{From: UserAddedHook, To: LDAP, Text: "Store new user"}
	hookOK          = Arrow{From: UserAddedHook, To: Core, Text: "ok", Answer: true}
	findResponse    = Arrow{From: Core, To: Core, Text: "Get response execution for create user"}
	responseInfo    = Arrow{From: Core, To: StateHook, Text: "response info"}
	clientOK        = Arrow{From: Core, To: Client, Text: "ok", Answer: true}
	logUserID       = Arrow{From: StateHook, To: StateHook, Text: "Log user id"}
	eventStored     = Arrow{From: Core, To: Core, Text: "Event acknowledged by the stream"}
	refuseClient    = Arrow{From: Core, To: Client, Text: "refused", Failed: true}
	metadataFails   = Arrow{From: AddMetadata, To: Core, Text: "failed", Failed: true}
	hookFails       = Arrow{From: UserAddedHook, To: Core, Text: "failed", Failed: true}
	ldapFails       = Arrow{From: UserAddedHook, To: LDAP, Text: "Store new user", Failed: true}
	ldapUp          = Arrow{From: LDAP, To: LDAP, Text: "LDAP comes up"}
	deadLetter      = Arrow{From: Core, To: Core, Text: "Dead letter kept"}
	stateHookFails  = Arrow{From: StateHook, To: Core, Text: "failed", Failed: true}
	coreCannotStore = Arrow{From: Core, To: Core, Text: "Stream did not take the event", Failed: true}
)

// unsigned is a request that a target refused because a signature was wrong.
func unsigned(target Party) Arrow {
	return Arrow{From: target, To: Core, Text: "signature refused", Failed: true}
}
