package cli

import (
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/dispatch"
)

// keysOffered is what who manages over the API may name as signing keys and values of
// headers of targets.
type keysOffered struct{ dir, env string }

func (k *keysOffered) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&k.dir, "keys-dir", "", "over the API too, signing_key and headers of a target may name a file within this `DIR`; none otherwise")
	f.StringVar(&k.env, "key-env", "", "over the API too, signing_key and headers of a target may name a variable whose name begins with `PREFIX`; none otherwise")
}

var beginsVariable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (k *keysOffered) check() error {
	if k.env != "" && !beginsVariable.MatchString(k.env) {
		return &usageError{fmt.Errorf("--key-env %q: the name of a variable begins with letters, digits and _, such as CALLOUT_KEY_", k.env)}
	}
	if k.dir == "" {
		return nil
	}
	if err := dispatch.CheckKeysDir(k.dir); err != nil {
		return &usageError{fmt.Errorf("--keys-dir %w", err)}
	}
	return nil
}
