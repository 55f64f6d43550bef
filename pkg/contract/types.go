package contract

// Types are those of a core: schemas of its messages, and the webhooks that have them.
type Types struct {
	title   string
	hooks   []hook
	schemas Object
}
