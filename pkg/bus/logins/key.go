package logins

import (
	"fmt"

	"github.com/nats-io/nkeys"

	"github.com/callout-hq/callout/pkg/access"
)

// Login is a role and the key by which a server knows it.
type Login struct {
	access.Grant
	Public string // the nkey of the server's configuration
	Seed   []byte // what the role shows: never to be told
}

// New makes a key for each grant.
func New(grants []access.Grant) ([]Login, error) {
	all := make([]Login, len(grants))
	for n, g := range grants {
		key, err := nkeys.CreateUser()
		if err != nil {
			return nil, fmt.Errorf("the key of %s: %w", g.Name(), err)
		}
		if all[n].Seed, err = key.Seed(); err != nil {
			return nil, fmt.Errorf("the key of %s: %w", g.Name(), err)
		}
		if all[n].Public, err = key.PublicKey(); err != nil {
			return nil, fmt.Errorf("the key of %s: %w", g.Name(), err)
		}
		all[n].Grant = g
	}
	return all, nil
}

// SeedFile is the name of the file with the seed of a grant's key.
func SeedFile(g access.Grant) string { return g.Name() + ".nk" }
