package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/identity"
)

// accessFlags say who may come in over HTTP, and how it is spoken.
type accessFlags struct {
	tokenFile  string
	roles      string
	cert, key  string
	clientCA   string
	insecure   bool
	reflection bool
	rate       int
}

func (a *accessFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.tokenFile, "token-file", "", "ask everybody who he is: the token in this `FILE`, which \"callout auth init\" makes, may do everything, and make others")
	f.StringVar(&a.roles, "roles", "", "who comes in by a client certificate, or by a token of an identity provider, and what he may: a `FILE`, see docs/security.md")
	f.StringVar(&a.cert, "tls-cert", "", "speak TLS with the certificate in this `FILE` (PEM), which is read again when it changes; with --tls-key")
	f.StringVar(&a.key, "tls-key", "", "the private key of --tls-cert, in a `FILE` (PEM)")
	f.StringVar(&a.clientCA, "tls-client-ca", "", "clients may show certificates that are signed by one of this `FILE` (PEM)")
	f.IntVar(&a.rate, "request-rate", dispatch.DefaultRate, "with --token-file or --roles: how many requests a second each who asks may send; twice as many at once")
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
	case a.insecure && a.asks():
		return &usageError{errors.New("--insecure-listen lets in everybody, --token-file and --roles those that are known: give one of them")}
	case a.rate < 1:
		return &usageError{errors.New("--request-rate is at least 1")}
	case a.reflection && !a.asks():
		return &usageError{errors.New("--public-reflection changes nothing without --token-file or --roles: nobody is asked who he is")}
	}
	return nil
}

// options reads the files.
func (a *accessFlags) options(o *dispatch.Entry, log zerolog.Logger) error {
	o.OpenToAll = a.insecure
	var err error
	if o.Access, err = a.access(log); err != nil {
		return err
	}
	o.TLS, err = a.tls(log)
	return err
}

// asks tells whether anybody is asked who he is.
func (a *accessFlags) asks() bool { return a.tokenFile != "" || a.roles != "" }

func (a *accessFlags) access(log zerolog.Logger) (*dispatch.Access, error) {
	if !a.asks() {
		return nil, nil
	}
	known := &dispatch.Access{PublicReflection: a.reflection, Rate: a.rate}
	var err error
	if a.tokenFile != "" {
		if known.Operator, err = readTokenFile(a.tokenFile); err != nil {
			return nil, fmt.Errorf("--token-file %s: %w", a.tokenFile, err)
		}
	}
	if a.roles == "" {
		return known, nil
	}
	roles, err := identity.ReadFile(a.roles)
	if err != nil {
		return nil, fmt.Errorf("--roles %s: %w", a.roles, err)
	}
	if len(roles.Certificates) > 0 && a.clientCA == "" {
		return nil, &usageError{fmt.Errorf("--roles %s names certificates, and without --tls-client-ca nobody shows one", a.roles)}
	}
	known.Certificates = roles.Subjects()
	for _, p := range roles.Providers {
		v := identity.NewVerifier(p, log)
		known.Bearers = append(known.Bearers, func(ctx context.Context, token string) (*access.Principal, bool) {
			return v.Verify(ctx, token, time.Now())
		})
	}
	return known, nil
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
