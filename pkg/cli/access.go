package cli

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// accessFlags say who may come in over HTTP, and how it is spoken.
type accessFlags struct {
	tokenFile  string
	cert, key  string
	clientCA   string
	insecure   bool
	reflection bool
}

func (a *accessFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.tokenFile, "token-file", "", "ask everybody who he is: the token in this `FILE`, which \"callout auth init\" makes, may do everything, and make others")
	f.StringVar(&a.cert, "tls-cert", "", "speak TLS with the certificate in this `FILE` (PEM), which is read again when it changes; with --tls-key")
	f.StringVar(&a.key, "tls-key", "", "the private key of --tls-cert, in a `FILE` (PEM)")
	f.StringVar(&a.clientCA, "tls-client-ca", "", "clients may show certificates that are signed by one of this `FILE` (PEM)")
	f.BoolVar(&a.insecure, "insecure-listen", false, "listen elsewhere than on loopback though nobody is asked who he is: whoever reaches it may do everything")
	f.BoolVar(&a.reflection, "public-reflection", false, "tell everybody by gRPC reflection what the management API can do, without a token")
}

// check refuses flags that do not go together, before anything is read.
func (a *accessFlags) check() error {
	switch {
	case (a.cert == "") != (a.key == ""):
		return &usageError{errors.New("--tls-cert and --tls-key belong together")}
	case a.clientCA != "" && a.cert == "":
		return &usageError{errors.New("--tls-client-ca is of no use without --tls-cert")}
	case a.insecure && a.tokenFile != "":
		return &usageError{errors.New("--insecure-listen lets in everybody, --token-file those with a token: give one of them")}
	case a.reflection && a.tokenFile == "":
		return &usageError{errors.New("--public-reflection changes nothing without --token-file: nobody is asked who he is")}
	}
	return nil
}

// options reads the files.
func (a *accessFlags) options(o *dispatch.Entry, log zerolog.Logger) error {
	o.OpenToAll = a.insecure
	var err error
	if o.Access, err = a.access(); err != nil {
		return err
	}
	o.TLS, err = a.tls(log)
	return err
}

func (a *accessFlags) access() (*dispatch.Access, error) {
	if a.tokenFile == "" {
		return nil, nil
	}
	operator, err := readTokenFile(a.tokenFile)
	if err != nil {
		return nil, fmt.Errorf("--token-file %s: %w", a.tokenFile, err)
	}
	return &dispatch.Access{Operator: operator, PublicReflection: a.reflection}, nil
}

func (a *accessFlags) tls(log zerolog.Logger) (*tls.Config, error) {
	if a.cert == "" {
		return nil, nil
	}
	return dispatch.FollowCertificate(dispatch.CertificateFiles{Cert: a.cert, Key: a.key, ClientCA: a.clientCA}, log)
}

// maxTokenFile bounds the file of a token, in bytes.
const maxTokenFile = 4 << 10

// readTokenFile reads the operator's token. A file that others may read is refused:
// they would be the operator too.
func readTokenFile(path string) (access.Token, error) {
	info, err := os.Stat(path)
	if err != nil {
		return access.Token{}, errors.Unwrap(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return access.Token{}, fmt.Errorf("others than its owner may read it: chmod 600 %s", path)
	}
	if info.Size() > maxTokenFile {
		return access.Token{}, fmt.Errorf("it has %d bytes, a token has fewer", info.Size())
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return access.Token{}, errors.Unwrap(err)
	}
	return access.OfText(strings.TrimSpace(string(raw)), "operator", access.Scope{}, access.Verbs)
}
