package calls

// ServeIdle is Serve with goroutines that wait for the next call as long as is
// said.
var ServeIdle = serve

// IsInbox and Asked are what a reply subject is to a worker.
var (
	IsInbox = isInbox
	Asked   = asked
)
