package logins

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/wire"
)

var (
	writtenAs = regexp.MustCompile(`"callout auth init --nats (users|accounts)"`)
	userOf    = regexp.MustCompile(`(?m)^      # (\S+)\n      \{nkey: (U[A-Z2-7]{55}), permissions: \{$`)
)

// ErrEdited is the error of a configuration whose accounts are not as Config writes them:
// what somebody has changed there would be lost.
var ErrEdited = errors.New("its accounts are not as callout auth init writes them")

// Extend gives a server's configuration that Config has made, with logins for the cores of
// further instances, and those logins. All others keep their keys, the workers' may do
// what these instances need, and what stands outside the accounts is left as it is. The
// error is ErrEdited, or names an instance that has a login already.
func Extend(config string, instances ...string) (next string, added []Login, err error) {
	form := writtenAs.FindStringSubmatch(config)
	if form == nil {
		return "", nil, ErrEdited
	}
	keys := map[string]string{}
	var have []string
	for _, user := range userOf.FindAllStringSubmatch(config, -1) {
		keys[user[1]] = user[2]
		if token, core := strings.CutPrefix(user[1], string(access.RoleCore)+"-"); core {
			instance, err := wire.ID(token)
			if err != nil {
				return "", nil, ErrEdited
			}
			have = append(have, instance)
		}
	}
	before := accountsOf(Config(Form(form[1]), keyed(access.Grants(have...), keys)))
	if strings.Count(config, before) != 1 {
		return "", nil, ErrEdited
	}
	for _, instance := range instances {
		if slices.Contains(have, instance) {
			return "", nil, fmt.Errorf("the cores of instance %q have a login already", instance)
		}
		one, err := New([]access.Grant{access.Core(instance)})
		if err != nil {
			return "", nil, err
		}
		keys[one[0].Name()] = one[0].Public
		have, added = append(have, instance), append(added, one...)
	}
	after := accountsOf(Config(Form(form[1]), keyed(access.Grants(have...), keys)))
	return strings.Replace(config, before, after, 1), added, nil
}

// keyed are grants with the public keys that are known of them.
func keyed(grants []access.Grant, keys map[string]string) []Login {
	all := make([]Login, len(grants))
	for n, g := range grants {
		all[n] = Login{Grant: g, Public: keys[g.Name()]}
	}
	return all
}

// accountsOf is the block of a configuration that tells the accounts.
func accountsOf(config string) string { return config[strings.Index(config, "\naccounts: {\n"):] }
