package callout

// Identity is on whose behalf a call is made, as the targets are told. The
// organization also chooses the executions: its own run after the instance's.
// Every member may be empty; an id has at most action.MaxID bytes.
type Identity struct {
	OrgID     string
	ProjectID string
	UserID    string
}
