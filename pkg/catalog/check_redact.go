package catalog

import (
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// bodyMembers are what bodies have at their top: of calls, of events, and what ZITADEL
// puts into those of functions.
var bodyMembers = []string{
	"fullMethod", "function", "instanceID", "orgID", "projectID", "userID", "request", "response", "headers",
	"id", "aggregateID", "aggregateType", "resourceOwner", "version", "sequence", "event_type", "created_at", "event_payload", "cloudevent",
	"userinfo", "user", "user_metadata", "org", "user_grants", "application",
}

// toldApart are those of which a target is told in headers too, or by which it knows
// what it got.
var toldApart = []string{
	"fullMethod", "function", "instanceID", "orgID", "id", "aggregateID", "resourceOwner", "event_type", "created_at", "cloudevent",
}

// checkRedact checks which members of a body a target must not see.
func checkRedact(r *Report, path string, pointers []string) {
	checkBodyPointers(r, path, pointers)
	for i, p := range pointers {
		root := rootOf(p)
		switch {
		case p == "/*":
			r.errorf(IndexPath(path, i), ProblemBadValue, "nothing would be left of the body; name what must not be sent, such as /request/password")
		case slices.Contains(toldApart, root):
			r.errorf(IndexPath(path, i), ProblemBadValue, "%s cannot be redacted: by it a target knows what it got, and it is told in headers too", root)
		}
	}
}

// checkBodyPointers checks JSON pointers into bodies, and warns of one that no body that
// is known has anything for. A core may have others.
func checkBodyPointers(r *Report, path string, pointers []string) {
	checkPointers(r, path, pointers)
	for i, p := range pointers {
		root := rootOf(p)
		if checkPointer(p) == "" && root != "*" && !slices.Contains(bodyMembers, root) {
			r.warnf(IndexPath(path, i), ProblemNoEffect, "no body that is known has a member %s%s; a pointer begins at the top, such as /request/password or /event_payload/email",
				Quote(root), hint(Nearest(root, bodyMembers)))
		}
	}
}

// rootOf is the first part of a pointer.
func rootOf(pointer string) string {
	root, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(root)
}

// payloads warns where a call reaches a target that gets events as CloudEvents: calls are
// none, and are sent to it as they are.
func (g *graph) payloads(x *vertex) {
	if x.phase == action.OnEvent {
		return
	}
	for i, e := range x.exec.Entries {
		if e.Include != "" {
			continue
		}
		if _, t := g.names.target(x.org, e.Target); t != nil && t.Payload == action.PayloadCloudEvents && t.Kind != action.CallOut {
			g.warnf(JoinPath(x.entryPath(i), "target"), ProblemNoEffect,
				"%s has payload: cloudevents, which is for events: a call is sent to it as it is", Quote(e.Target))
		}
	}
}
