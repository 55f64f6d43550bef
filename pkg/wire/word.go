package wire

// words stand in every body and reply.
var words = func() map[string]string {
	of := map[string]string{}
	for _, w := range []string{
		"fullMethod", "instanceID", "orgID", "projectID", "userID", "request", "headers", "response", "function",
		"outcome", "continue", "warnings", "steps", "revision", "target", "kind", "status", "duration_ms", "interrupt", "call", "webhook", "ok", "changed",
		"id", "aggregateID", "aggregateType", "resourceOwner", "version", "sequence", "event_type", "created_at", "event_payload",
	} {
		of[w] = w
	}
	return of
}()

// word makes a string of text, without making the usual words anew each time.
func word(text []byte) string {
	if w, ok := words[string(text)]; ok {
		return w
	}
	return string(text)
}
