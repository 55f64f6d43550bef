package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// clientTLS says whom a command believes to be its server, and how it proves who asks.
type clientTLS struct {
	ca, cert, key string
	config        *tls.Config // nil = as the system has it
}

func (c *clientTLS) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.ca, "ca", "", "believe a server whose certificate is signed by one of this `FILE` (PEM), besides those the system believes")
	f.StringVar(&c.cert, "client-cert", "", "show the certificate in this `FILE` (PEM); with --client-key")
	f.StringVar(&c.key, "client-key", "", "the private key of --client-cert, in a `FILE` (PEM)")
}

// read reads the files. It may be called again.
func (c *clientTLS) read() error {
	if (c.cert == "") != (c.key == "") {
		return &usageError{errors.New("--client-cert and --client-key belong together")}
	}
	if c.ca == "" && c.cert == "" {
		return nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.ca != "" {
		raw, err := os.ReadFile(c.ca)
		if err != nil {
			return &usageError{fmt.Errorf("--ca: %w", err)}
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(raw) {
			return &usageError{fmt.Errorf("--ca %s: there is no certificate in PEM in it", c.ca)}
		}
		config.RootCAs = pool
	}
	if c.cert != "" {
		pair, err := tls.LoadX509KeyPair(c.cert, c.key)
		if err != nil {
			return &usageError{fmt.Errorf("--client-cert %s with --client-key %s: %w", c.cert, c.key, err)}
		}
		config.Certificates = []tls.Certificate{pair}
	}
	c.config = config
	return nil
}
