package dispatch

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/follow"
)

// offer is what the operator lets who manages over the API name as a signing key or
// the value of a header. A client of the API that could name any file or variable of
// the dispatcher could have anything signed by what was never meant for it, or sent to
// himself.
type offer struct {
	dir string // files by their names within; "" = none
	env string // variables by the beginning of their names; "" = none
}

// keyPlace is where a signing key or the value of a header comes from. What is offered is within the offer;
// the rest is the operator's own, and may be anywhere.
type keyPlace struct {
	action.KeySource
	offered bool
}

// keyed is a target, and where its key and the values of its headers come from.
type keyed struct {
	action.Target
	owner   string
	from    keyPlace
	offered bool
}

func keyedBy(owner string, t action.Target, offered bool) keyed {
	return keyed{t, owner, keyPlace{t.SigningKey, offered}, offered}
}

// header is where the value of one of the target's headers comes from.
func (k keyed) header(name string) keyPlace {
	from := k.HeaderSources[name]
	return keyPlace{action.KeySource{Env: from.Env, File: from.File}, k.offered}
}

// places are all where something of the target comes from.
func (k keyed) places() []keyPlace {
	all := []keyPlace{k.from}
	for name := range k.HeaderSources {
		all = append(all, k.header(name))
	}
	return all
}

// refuses is the error of a place outside of the offer. It is the same whatever
// there is.
func (o offer) refuses(k keyed) error {
	if field, message := o.outside(k.from); message != "" {
		return k.refusal("signing_key", field, message+"; leave signing_key out, and a key is made")
	}
	for _, name := range slices.Sorted(maps.Keys(k.HeaderSources)) {
		if field, message := o.outside(k.header(name)); message != "" {
			return k.refusal(catalog.JoinPath("headers", name), field, message+`; set it by "callout secret set NAME", and write {secret: NAME}`)
		}
	}
	return nil
}

// outside words what keeps a place from being named, and under which key it stands.
func (o offer) outside(p keyPlace) (field, message string) {
	switch {
	case !p.offered:
		return "", ""
	case p.Env != "" && o.env == "":
		return "env", "over the API no variable of the dispatcher's environment can be named: it was started without --key-env"
	case p.Env != "" && !strings.HasPrefix(p.Env, o.env):
		return "env", fmt.Sprintf("over the API a variable can be named that begins with %s, which is --key-env of the dispatcher", o.env)
	case p.File != "" && o.dir == "":
		return "file", "over the API no file of the dispatcher's machine can be named: it was started without --keys-dir"
	case p.File != "" && !filepath.IsLocal(p.File):
		return "file", "over the API a file is named relative to --keys-dir of the dispatcher, and lies within"
	}
	return "", ""
}

// path is where the target stands.
func (k keyed) path() string {
	return catalog.Place{Org: k.owner, Ref: catalog.Ref{Name: k.Name}}.Path()
}

func (k keyed) refusal(at, field, message string) error {
	return action.NewError(action.CodeBadField, action.StageCatalog, message).
		WithField(k.path() + "." + at + "." + field).WithTarget(k.Name)
}

// read reads the file of a key. One that is offered is opened from its directory,
// out of which no link leads.
func (o offer) read(p keyPlace) ([]byte, error) {
	if !p.offered {
		return follow.Once(p.File, maxKeyFile)
	}
	root, err := os.OpenRoot(o.dir)
	if err != nil {
		return nil, err
	}
	text, err := follow.OnceIn(root, p.File, maxKeyFile)
	return text, errors.Join(err, root.Close())
}

// CheckKeysDir tells whether a directory can be offered, which is there when the
// dispatcher starts.
func CheckKeysDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		var of *fs.PathError
		if errors.As(err, &of) {
			err = of.Err
		}
		return fmt.Errorf("%q cannot be read: %w", dir, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%q is no directory", dir)
	}
	return nil
}
