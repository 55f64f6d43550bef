// Package callout makes targets of Callout: one writes the handlers, and a Receiver checks
// that what comes is genuine, finds the handler, calls it under a deadline, writes the answer,
// and handles an event once.
//
//	hooks := callout.FromEnv() // CALLOUT_KEYS=whsec_…
//	callout.OnRequest(hooks, "/acme.user.v1.UserService/CreateUser", func(ctx context.Context, c callout.Call[CreateUser]) (any, error) {
//		if c.Request.Email == "" {
//			return nil, callout.Reject(422, "an e-mail address is needed")
//		}
//		return map[string]any{"displayName": c.Request.First + " " + c.Request.Last}, nil // nil = unchanged
//	})
//	callout.OnEvent(hooks, "user.*", func(ctx context.Context, e callout.Event[json.RawMessage]) error {
//		return store(ctx, e.AggregateID, e.Payload)
//	})
//	err := callout.Serve(ctx, ":9000", hooks) // or mux.Handle("/hooks", hooks): it is an http.Handler
//
// It needs the standard library alone. What a receiver does is a contract that all of
// Callout's SDKs keep; schemas/conformance of the repository has it.
package callout
