package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/bus"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// keysOut is where signing keys go that are shown once: into a file that nobody
// but its owner reads, or onto the terminal. A pipe or a log gets none.
type keysOut struct {
	program  *Program
	path     string
	terminal bool // what goes to stderr is read by a person

	mu   sync.Mutex
	file *os.File
	any  bool // something was written
}

func (k *keysOut) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.path, "keys-out", "", "write signing keys that are made to this `FILE`, a target and its key a line; it must not exist")
}

// open makes the file, before any key is made: one that exists is not touched.
func (k *keysOut) open(p *Program) error {
	k.program, k.terminal = p, isTerminal(p.Err)
	if k.path == "" {
		return nil
	}
	file, err := os.OpenFile(k.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("--keys-out %s: there is such a file already, and keys are written over nothing: name another one", k.path)
	}
	if err != nil {
		return fmt.Errorf("--keys-out: %w", err)
	}
	k.file = file
	return nil
}

// wants tells whether there is somebody to show keys to.
func (k *keysOut) wants() bool { return k.file != nil || k.terminal }

// close ends the file, and takes it away when no key has come.
func (k *keysOut) close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.file == nil {
		return nil
	}
	err := k.file.Close()
	if !k.any {
		err = errors.Join(err, os.Remove(k.path))
	}
	k.file = nil
	return err
}

// show shows keys this once.
func (k *keysOut) show(keys []*calloutv1.MadeKey) error {
	if len(keys) == 0 || !k.wants() {
		return nil
	}
	var lines strings.Builder
	for _, key := range keys {
		fmt.Fprintf(&lines, "%s %s\n", printable(ref{org: key.GetOrg(), name: key.GetTarget()}.String()), key.GetSigningKey())
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.file == nil {
		k.program.note("signing keys, shown this once:\n" + strings.TrimSuffix(lines.String(), "\n"))
		return nil
	}
	k.any = true
	if _, err := k.file.WriteString(lines.String()); err != nil {
		return fmt.Errorf("the signing keys were made and could not be written: give the targets others with \"callout target key rotate\": %w", err)
	}
	return k.file.Sync()
}

// follow shows the keys that a followed file makes, or says that they are not
// shown.
func (k *keysOut) follow(log zerolog.Logger) func(instance string, made []bus.NewSecret) {
	return func(_ string, made []bus.NewSecret) {
		keys := make([]*calloutv1.MadeKey, len(made))
		names := make([]string, len(made))
		for n, m := range made {
			keys[n] = &calloutv1.MadeKey{Org: m.Owner, Target: m.Target, SigningKey: m.Key}
			names[n] = ref{org: m.Owner, name: m.Target}.String()
		}
		if !k.wants() {
			log.Info().Strs("targets", names).Msg(`signing keys were made and are shown to nobody: --keys-out writes them to a file, "callout target key rotate" makes others`)
			return
		}
		if err := k.show(keys); err != nil {
			log.Error().Err(err).Strs("targets", names).Msg("signing keys are lost")
		}
	}
}
