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

// offer is what the operator lets who manages over the API name. A client of the API
// that could name any file or variable of the dispatcher could have anything signed by
// what was never meant for it, or sent to himself.
type offer struct {
	dir string // files by their names within; "" = none
	env string // variables by the beginning of their names; "" = none
}

// offers are one of signing keys and one of values of headers. They are two, for a key
// that is named as a header leaves as it is.
type offers struct{ keys, headers offer }

// of gives the offer that a place must be in, and the flags that make it.
func (o offers) of(p keyPlace) (of offer, dirFlag, envFlag string) {
	if p.header {
		return o.headers, "--headers-dir", "--header-env"
	}
	return o.keys, "--keys-dir", "--key-env"
}

// keyPlace is where a signing key, the value of a header or a part of TLS comes from. What is offered
// is within the offer; the rest is the operator's own, and may be anywhere.
type keyPlace struct {
	action.KeySource
	offered bool
	header  bool
	pem     bool // of TLS
}

// keyed is a target, and where its key and the values of its headers come from.
type keyed struct {
	action.Target
	owner   string
	from    keyPlace
	offered bool
}

func keyedBy(owner string, t action.Target, offered bool) keyed {
	return keyed{t, owner, keyPlace{KeySource: t.SigningKey, offered: offered}, offered}
}

// place is where one of the target's Sources comes from. What TLS needs is offered with
// the keys: none of it leaves as it is.
func (k keyed) place(name string) keyPlace {
	from := k.Sources()[name]
	_, part := action.IsPart(name)
	return keyPlace{action.KeySource{Env: from.Env, File: from.File}, k.offered, !part, part}
}

// places are all where something of the target comes from.
func (k keyed) places() []keyPlace {
	all := []keyPlace{k.from}
	for name := range k.Sources() {
		all = append(all, k.place(name))
	}
	return all
}

// refuses is the error of a place outside of the offer. It is the same whatever
// there is.
func (o offers) refuses(k keyed) error {
	if field, message := o.outside(k.from); message != "" {
		return k.refusal("signing_key", field, message+"; leave signing_key out, and a key is made")
	}
	for _, name := range slices.Sorted(maps.Keys(k.Sources())) {
		field, message := o.outside(k.place(name))
		if message == "" {
			continue
		}
		help := `; set it by "callout secret set NAME", and write {secret: NAME}`
		if part, is := action.IsPart(name); is && part != "key" {
			help = "; write the certificates themselves, which are no secret"
		}
		return badSource(k, name, field, message+help)
	}
	return nil
}

// outside words what keeps a place from being named, and under which key it stands.
func (o offers) outside(p keyPlace) (field, message string) {
	of, dirFlag, envFlag := o.of(p)
	switch {
	case !p.offered:
		return "", ""
	case p.Env != "" && of.env == "":
		return "env", "over the API no variable of the dispatcher's environment can be named: it was started without " + envFlag
	case p.Env != "" && !strings.HasPrefix(p.Env, of.env):
		return "env", fmt.Sprintf("over the API a variable can be named that begins with %s, which is %s of the dispatcher", of.env, envFlag)
	case p.File != "" && of.dir == "":
		return "file", "over the API no file of the dispatcher's machine can be named: it was started without " + dirFlag
	case p.File != "" && !filepath.IsLocal(p.File):
		return "file", "over the API a file is named relative to " + dirFlag + " of the dispatcher, and lies within"
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
func (o offers) read(p keyPlace) ([]byte, error) {
	most := int64(maxKeyFile)
	if p.pem {
		most = action.MaxSecret
	}
	if !p.offered {
		return follow.Once(p.File, most)
	}
	of, _, _ := o.of(p)
	root, err := os.OpenRoot(of.dir)
	if err != nil {
		return nil, err
	}
	text, err := follow.OnceIn(root, p.File, most)
	return text, errors.Join(err, root.Close())
}

// CheckOffered tells whether a directory can be offered, which is there when the
// dispatcher starts.
func CheckOffered(dir string) error {
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
