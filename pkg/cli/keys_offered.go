package cli

import (
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/dispatch"
)

// keysOffered is what who manages over the API may name as signing keys, and as values
// of headers, of targets.
type keysOffered struct{ dir, env, headersDir, headerEnv string }

func (k *keysOffered) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&k.dir, "keys-dir", "", "over the API too, signing_key of a target may name a file within this `DIR`; none otherwise")
	f.StringVar(&k.env, "key-env", "", "over the API too, signing_key of a target may name a variable whose name begins with `PREFIX`; none otherwise")
	f.StringVar(&k.headersDir, "headers-dir", "", "over the API too, a header of a target may name a file within this `DIR`, and is sent as what it holds; none otherwise")
	f.StringVar(&k.headerEnv, "header-env", "", "over the API too, a header of a target may name a variable whose name begins with `PREFIX`, and is sent as what it holds; none otherwise")
}

var beginsVariable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (k *keysOffered) check() error {
	for flag, prefix := range map[string]string{"--key-env": k.env, "--header-env": k.headerEnv} {
		if prefix != "" && !beginsVariable.MatchString(prefix) {
			return &usageError{fmt.Errorf("%s %q: the name of a variable begins with letters, digits and _, such as CALLOUT_KEY_", flag, prefix)}
		}
	}
	for flag, dir := range map[string]string{"--keys-dir": k.dir, "--headers-dir": k.headersDir} {
		if dir == "" {
			continue
		}
		if err := dispatch.CheckOffered(dir); err != nil {
			return &usageError{fmt.Errorf("%s %w", flag, err)}
		}
	}
	return nil
}
