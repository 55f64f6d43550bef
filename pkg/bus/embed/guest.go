package embed

import "github.com/nats-io/nats-server/v2/server"

// Guest is a client that may do only what is named, by subjects with the wildcards
// of NATS. Who connects without a name may do everything.
type Guest struct {
	Name, Password     string
	Publish, Subscribe []string
}

// everybody is who connects without a name.
const everybody = "callout"

// users gives the guests and everybody as the server knows them; none when there
// are no guests, since then nobody is asked who he is.
func users(guests []Guest) (all []*server.User) {
	if len(guests) == 0 {
		return nil
	}
	for _, g := range guests {
		all = append(all, &server.User{Username: g.Name, Password: g.Password, Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: g.Publish},
			Subscribe: &server.SubjectPermission{Allow: g.Subscribe},
		}})
	}
	return append(all, &server.User{Username: everybody})
}
