// Package scaffold writes what somebody begins with who writes a target: a project whose
// glue stands on an SDK, with an empty handler for each condition, and the types of bodies,
// which generators of others make of the contract of targets. It writes all files of a
// project or none. Nothing here asks a server.
package scaffold
