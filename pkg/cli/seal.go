package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/follow"
	"github.com/callout-hq/callout/pkg/seal"
)

// The names of the key that seals secrets in the directory of auth init.
const (
	sealPrivateFile = "secrets.key"
	sealPublicFile  = "secrets.pub"
)

// newSealFiles are the two halves of a new key, each with a line that says whose it is.
func newSealFiles() (private, public string, err error) {
	key, err := seal.NewKey()
	if err != nil {
		return "", "", err
	}
	text, err := key.Text()
	if err != nil {
		return "", "", err
	}
	return "# Opens the secrets of Callout. For workers alone: worker --open-with FILE\n" + text + "\n",
		"# Seals the secrets of Callout. For dispatchers: dispatcher --seal-to FILE\n" + key.Public().Text() + "\n", nil
}

// sealTo is the flag of who stores signing keys.
type sealTo struct {
	file string
	key  *seal.PublicKey
}

func (s *sealTo) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.file, "seal-to", "", "seal signing keys and other secrets for the public key in `FILE` before they are stored: secrets.pub of \"callout auth init\"")
}

// check reads the key.
func (s *sealTo) check() error {
	if s.file == "" {
		return nil
	}
	text, err := readSealKey("seal-to", s.file)
	if err != nil {
		return err
	}
	key, err := seal.ReadPublic(text)
	if err != nil {
		return &usageError{fmt.Errorf("--seal-to %s: %w", s.file, err)}
	}
	s.key = &key
	return nil
}

// openWith is the flag of who signs.
type openWith struct{ files []string }

func (o *openWith) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&o.files, "open-with", nil, "open sealed signing keys and other secrets with the private key in `FILE`: secrets.key of \"callout auth init\"; again for an older one, the newest first")
}

// ring reads the keys.
func (o *openWith) ring() (ring seal.Ring, err error) {
	for _, file := range o.files {
		text, err := readSealKey("open-with", file)
		if err != nil {
			return nil, err
		}
		key, err := seal.ReadPrivate(text)
		if err != nil {
			return nil, &usageError{fmt.Errorf("--open-with %s: %w", file, err)}
		}
		if ring.Has(key.ID()) {
			return nil, &usageError{fmt.Errorf("--open-with %s: the key %s is given twice: give each once", file, key.ID())}
		}
		ring = append(ring, key)
	}
	return ring, nil
}

func readSealKey(flag, file string) (string, error) {
	text, err := follow.Once(file, seal.MaxFile)
	if err == nil {
		return string(text), nil
	}
	var of *fs.PathError
	if errors.As(err, &of) {
		err = of.Err
	}
	return "", &usageError{fmt.Errorf("--%s %s: %w: name the file of a key, as \"callout auth init\" writes it", flag, file, err)}
}
