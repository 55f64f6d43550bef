package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// Meta is what is known of an object beside its settings. It is no part of
// what a catalog configures: Equal, Diff, Export and Parse know nothing of it.
type Meta struct {
	// ID is made with the object and stays until the object is removed, also
	// when it is given another name.
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed"`
	// Owner is the name of the followed file that the object belongs to, "" for
	// what was made otherwise.
	Owner string `json:"owner,omitempty"`
}

func (m *Meta) same(other *Meta) bool {
	return m.ID == other.ID && m.Owner == other.Owner && m.Created.Equal(other.Created) && m.Changed.Equal(other.Changed)
}

// MetaOf gives what is known of an object; ok is false when it is not there, or
// the snapshot did not come from the store.
func (s *Snapshot) MetaOf(org string, ref Ref) (m Meta, ok bool) {
	if sc := s.Scopes[org]; sc != nil {
		m, ok = sc.Meta[ref]
	}
	return m, ok
}

// FindID finds an object by its id. It looks at every object; Matcher.FindID
// does not.
func (s *Snapshot) FindID(id string) (Place, bool) {
	for org, sc := range s.Scopes {
		if sc == nil {
			continue
		}
		for ref, m := range sc.Meta {
			if m.ID == id {
				return Place{org, ref}, true
			}
		}
	}
	return Place{}, false
}

// FindID finds an object by its id. The index is made when it is asked for the
// first time.
func (m *Matcher) FindID(id string) (Place, bool) {
	m.idsOnce.Do(func() {
		m.ids = map[string]Place{}
		for org, sc := range m.snapshot.Scopes {
			if sc == nil {
				continue
			}
			for ref, meta := range sc.Meta {
				m.ids[meta.ID] = Place{org, ref}
			}
		}
	})
	p, ok := m.ids[id]
	return p, ok
}

// Etag is a short text that changes with the settings of an object, its name
// among them: 16 hexadecimal digits.
func Etag[T action.Target | action.Execution](settings T) string {
	raw, err := json.Marshal(settings)
	if err != nil {
		panic(fmt.Sprintf("a target or an execution has no JSON: %v", err)) // of texts, numbers and lists only
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}
