package cli

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/follow"
	"github.com/callout-hq/callout/pkg/invoke"
)

// transportFlags say how targets are reached, whatever they say themselves.
type transportFlags struct {
	ca, cert, key string
	proxy, login  string

	installation *invoke.Installation
	last         [sha256.Size]byte // of what the files held
}

func (f *transportFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.ca, "target-ca", "", "believe targets' servers whose certificates are signed by one of this `FILE` (PEM), beside the system's; a target's own tls.ca takes the place of both")
	flags.StringVar(&f.cert, "target-cert", "", "show the client certificate of this `FILE` (PEM) to servers of the instance's targets that ask for one; a target's own tls.key comes before it, and an organization's target is not shown it")
	flags.StringVar(&f.key, "target-key", "", "the private key of --target-cert, in this `FILE` (PEM); left out, it stands behind the certificate")
	flags.StringVar(&f.proxy, "egress-proxy", "", "reach targets through the HTTP proxy at this `URL`, http://HOST:PORT or https, by CONNECT; the proxy resolves their names, so what names may lead to is the proxy's to hold; the environment's proxies are never used")
	flags.StringVar(&f.login, "egress-proxy-login", "", "log in to --egress-proxy with USER:PASSWORD in this `FILE`")
}

// renewEvery is how often it is looked whether the files hold something else.
const renewEvery = 2 * time.Second

// options reads the files, and again as long as ctx lives: connections that begin once
// they hold something else have that. What cannot be used does not take the place of what
// can; the log says so.
func (f *transportFlags) options(ctx context.Context, log zerolog.Logger) (*invoke.Installation, *invoke.Proxy, error) {
	if f.key != "" && f.cert == "" {
		return nil, nil, &usageError{errors.New("--target-key is of no use without --target-cert: name the certificate that the key is of")}
	}
	proxy, err := f.readProxy()
	if err != nil {
		return nil, nil, &usageError{err}
	}
	if f.ca == "" && f.cert == "" {
		return nil, proxy, nil
	}
	first, sum, err := f.read(log)
	if err != nil {
		return nil, nil, &usageError{err}
	}
	f.installation, f.last = invoke.NewInstallation(first), sum
	go f.follow(ctx, log)
	return f.installation, proxy, nil
}

func (f *transportFlags) readProxy() (*invoke.Proxy, error) {
	login := ""
	if f.login != "" {
		if f.proxy == "" {
			return nil, errors.New("--egress-proxy-login is of no use without --egress-proxy")
		}
		text, err := readFlag("egress-proxy-login", f.login)
		if err != nil {
			return nil, err
		}
		if login = strings.TrimSpace(text); !strings.Contains(login, ":") {
			return nil, fmt.Errorf("--egress-proxy-login %s: it holds USER:PASSWORD, on one line", f.login)
		}
	}
	if f.proxy == "" {
		return nil, nil //nolint:nilnil // none is no error
	}
	proxy, err := invoke.ReadProxy(f.proxy, login)
	if err != nil {
		return nil, fmt.Errorf("--egress-proxy: %w", err)
	}
	return proxy, nil
}

func (f *transportFlags) follow(ctx context.Context, log zerolog.Logger) {
	look := time.NewTicker(renewEvery)
	defer look.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		next, sum, err := f.read(zerolog.Nop())
		switch {
		case err != nil && err.Error() != said: // one of two files may be on its way
			log.Error().Err(err).Msg("what is new of --target-ca, --target-cert and --target-key cannot be used; what was before stays")
			said = err.Error()
		case err == nil && sum != f.last:
			f.installation.Set(next)
			f.last, said = sum, ""
			log.Info().Msg("--target-ca, --target-cert and --target-key are read anew")
		}
	}
}

// read reads the files. An error names the flag and the file, and shows nothing of a key.
func (f *transportFlags) read(log zerolog.Logger) (in invoke.Installed, sum [sha256.Size]byte, err error) {
	texts := map[string]string{}
	h := sha256.New()
	for _, one := range [][2]string{{"target-ca", f.ca}, {"target-cert", f.cert}, {"target-key", f.key}} {
		if one[1] == "" {
			continue
		}
		if texts[one[0]], err = readFlag(one[0], one[1]); err != nil {
			return in, sum, err
		}
		fmt.Fprintf(h, "%s %d %s", one[0], len(texts[one[0]]), texts[one[0]])
	}
	h.Sum(sum[:0])
	if f.ca != "" {
		if in.Roots, err = rootsWith(texts["target-ca"]); err != nil {
			return in, sum, fmt.Errorf("--target-ca %s: %w", f.ca, err)
		}
	}
	if f.cert != "" {
		if in.Certificate, err = f.certificate(texts["target-cert"], texts["target-key"], log); err != nil {
			return in, sum, err
		}
	}
	return in, sum, nil
}

func (f *transportFlags) certificate(cert, key string, log zerolog.Logger) (*tls.Certificate, error) {
	if f.key == "" {
		cert, key = "", cert
	}
	id, err := action.ReadIdentity(cert, key)
	if err != nil {
		flag, file := "target-cert", f.cert
		if wrong := (*action.PartError)(nil); f.key != "" && errors.As(err, &wrong) && wrong.Part == action.PartKey {
			flag, file = "target-key", f.key
		}
		return nil, fmt.Errorf("--%s %s: %w", flag, file, err)
	}
	says, over := action.Ends(id.Chain[0], time.Now())
	if over {
		return nil, fmt.Errorf("--target-cert %s: %s", f.cert, says)
	}
	if says != "" {
		log.Warn().Str("file", f.cert).Msg("--target-cert: " + says)
	}
	shown := &tls.Certificate{PrivateKey: id.Key, Leaf: id.Chain[0]}
	for _, c := range id.Chain {
		shown.Certificate = append(shown.Certificate, c.Raw)
	}
	return shown, nil
}

// rootsWith are the system's authorities and those of a text.
func rootsWith(text string) (*x509.CertPool, error) {
	all, err := action.ReadAuthorities(text)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("the system's authorities cannot be read: %w", err)
	}
	for _, c := range all {
		pool.AddCert(c)
	}
	return pool, nil
}

// readFlag reads the file of a flag.
func readFlag(flag, file string) (string, error) {
	raw, err := follow.Once(file, action.MaxAuthorities)
	var of *fs.PathError
	if errors.As(err, &of) {
		err = of.Err
	}
	if err != nil {
		return "", fmt.Errorf("--%s %s: %w", flag, file, err)
	}
	return string(raw), nil
}
