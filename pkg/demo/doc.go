// Package demo plays the sequence of the Actions epic for real: a client
// creates a user at a small core, the engine calls the user's targets over
// HTTP, a webhook writes the user to an LDAP server, and every arrow of the
// diagram is drawn when it happens and checked when all is over.
//
// Nothing in it is pretended. The client, the core and the three targets talk
// HTTP over loopback sockets, the engine runs on a real NATS server (in process,
// or as child processes of a fleet), and the user is read back from LDAP over a
// connection of its own.
//
//	core.go       the application that is being extended
//	metadata.go   AddMetadataToUser: a call that changes the request
//	useradded.go  UserAddedHook: a webhook that writes to LDAP
//	logstate.go   ResponseStateAsyncHook: an async target
//	plan.go       what must happen, arrow by arrow; check.go holds it against
//	timeline.go   what did happen; columns.go, plain.go and jsonl.go show it
package demo
