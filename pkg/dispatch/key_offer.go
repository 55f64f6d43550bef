package dispatch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/follow"
)

// offer is what the operator lets who manages over the API name as a signing key.
// A client of the API that could name any file or variable of the dispatcher could
// have anything signed by what was never meant for it.
type offer struct {
	dir string // files by their names within; "" = none
	env string // variables by the beginning of their names; "" = none
}

// keyPlace is where a signing key comes from. What is offered is within the offer;
// the rest is the operator's own, and may be anywhere.
type keyPlace struct {
	action.KeySource
	offered bool
}

// keyed is a target and where its key comes from.
type keyed struct {
	action.Target
	owner string
	from  keyPlace
}

func keyedBy(owner string, t action.Target, offered bool) keyed {
	return keyed{t, owner, keyPlace{t.SigningKey, offered}}
}

// refuses is the error of a place outside of the offer. It is the same whatever
// there is.
func (o offer) refuses(k keyed) error {
	switch {
	case !k.from.offered:
		return nil
	case k.from.Env != "" && o.env == "":
		return o.refusal(k, "env", "over the API no variable of the dispatcher's environment can be named: it was started without --key-env")
	case k.from.Env != "" && !strings.HasPrefix(k.from.Env, o.env):
		return o.refusal(k, "env", fmt.Sprintf("over the API a variable can be named that begins with %s, which is --key-env of the dispatcher", o.env))
	case k.from.File != "" && o.dir == "":
		return o.refusal(k, "file", "over the API no file of the dispatcher's machine can be named: it was started without --keys-dir")
	case k.from.File != "" && !filepath.IsLocal(k.from.File):
		return o.refusal(k, "file", "over the API a file is named relative to --keys-dir of the dispatcher, and lies within")
	}
	return nil
}

func (o offer) refusal(k keyed, field, message string) error {
	at := catalog.Place{Org: k.owner, Ref: catalog.Ref{Name: k.Name}}.Path()
	return action.NewError(action.CodeBadField, action.StageCatalog, message+"; leave signing_key out, and a key is made").
		WithField(catalog.JoinPath(catalog.JoinPath(at, "signing_key"), field)).WithTarget(k.Name)
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
