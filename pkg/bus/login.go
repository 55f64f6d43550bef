package bus

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// Option is one of the NATS client's own options.
type Option = nats.Option

// Login is what a process shows a NATS server of itself, and by what it knows the
// server. Each field is the name of a file, but for TLSFirst. What stands in them
// is never told.
type Login struct {
	// Creds holds a user's JWT and the seed of its key. It is read at every
	// connection, so that it can be replaced while a process runs.
	Creds string
	// NKey holds the seed of a user's nkey. It is read once: for another key a
	// process is started anew. Only one of Creds and NKey may be given.
	NKey string
	// CA holds the certificates of who may have signed the server's, in PEM; empty =
	// those that the machine trusts. It is read at every connection.
	CA string
	// Cert and Key are a certificate of this process and its key, in PEM, for a
	// server that asks for one. They are read at every connection.
	Cert, Key string
	// TLSFirst begins with TLS, for a server whose TLS has handshake_first.
	TLSFirst bool
}

// BadLogin is the error of a Login that cannot be used. It names the flag of the
// commands that is at fault.
type BadLogin struct {
	Flag string // such as --nats-creds
	File string // empty: it is missing
	Err  error
}

func (e *BadLogin) Error() string {
	if e.File == "" {
		return e.Flag + " " + e.Err.Error()
	}
	return fmt.Sprintf("%s %s: %v", e.Flag, e.File, e.Err)
}

// Unwrap gives the cause.
func (e *BadLogin) Unwrap() error { return e.Err }

// The flags of the commands that a login comes from.
const (
	FlagCreds    = "--nats-creds" //nolint:gosec // the name of a flag
	FlagNKey     = "--nats-nkey"
	FlagCA       = "--nats-ca"
	FlagCert     = "--nats-cert"
	FlagKey      = "--nats-key"
	FlagTLSFirst = "--nats-tls-first"
)

// Check reads all files. The error is a *BadLogin.
func (l Login) Check() error {
	switch {
	case l.Creds != "" && l.NKey != "":
		return &BadLogin{Flag: FlagNKey, Err: errors.New("cannot be given together with " + FlagCreds + ": one of them says who this is")}
	case l.Cert != "" && l.Key == "":
		return &BadLogin{Flag: FlagKey, Err: errors.New("is missing: the certificate of " + FlagCert + " needs its key")}
	case l.Key != "" && l.Cert == "":
		return &BadLogin{Flag: FlagCert, Err: errors.New("is missing: the key of " + FlagKey + " needs its certificate")}
	}
	if _, _, err := readCreds(l.Creds); err != nil {
		return err
	}
	if _, err := readNKey(l.NKey); err != nil {
		return err
	}
	if _, err := readCA(l.CA); err != nil {
		return err
	}
	_, err := readCert(l.Cert, l.Key)
	return err
}

// options are those of the client. With inProcess there is no TLS.
func (l Login) options(inProcess bool) ([]nats.Option, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	var all []nats.Option
	if l.Creds != "" {
		all = append(all, nats.UserJWT(func() (string, error) {
			jwt, _, err := readCreds(l.Creds)
			return jwt, err
		}, func(nonce []byte) ([]byte, error) {
			_, key, err := readCreds(l.Creds)
			if err != nil {
				return nil, err
			}
			return key.Sign(nonce)
		}))
	}
	if l.NKey != "" {
		key, err := readNKey(l.NKey)
		if err != nil {
			return nil, err
		}
		public, err := key.PublicKey()
		if err != nil {
			return nil, err
		}
		all = append(all, nats.Nkey(public, key.Sign))
	}
	if inProcess {
		return all, nil
	}
	if l.CA != "" || l.Cert != "" {
		all = append(all, l.tls())
	}
	if l.TLSFirst {
		all = append(all, nats.TLSHandshakeFirst())
	}
	return all, nil
}

func (l Login) tls() nats.Option {
	var certificate nats.TLSCertHandler
	if l.Cert != "" {
		certificate = func() (tls.Certificate, error) { return readCert(l.Cert, l.Key) }
	}
	var authorities nats.RootCAsHandler
	if l.CA != "" {
		authorities = func() (*x509.CertPool, error) { return readCA(l.CA) }
	}
	return nats.ClientTLSConfig(certificate, authorities)
}

// read reads a file that a flag names.
func read(flag, file string) ([]byte, error) {
	raw, err := os.ReadFile(file)
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err // it repeats the name
	}
	if err != nil {
		return nil, &BadLogin{flag, file, fmt.Errorf("%w: name a file that this process may read", err)}
	}
	return raw, nil
}

var jwtForm = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

func readCreds(file string) (jwt string, key nkeys.KeyPair, err error) {
	if file == "" {
		return "", nil, nil
	}
	raw, err := read(FlagCreds, file)
	if err != nil {
		return "", nil, err
	}
	jwt, err = nkeys.ParseDecoratedJWT(raw)
	if err == nil && jwtForm.MatchString(jwt) {
		key, err = nkeys.ParseDecoratedUserNKey(raw)
	}
	if err != nil || key == nil { // what the error of the client repeats is not known
		return "", nil, &BadLogin{FlagCreds, file, errors.New("is no credentials file: it holds a user's JWT and the seed of its key, as nsc writes it")}
	}
	return jwt, key, nil
}

func readNKey(file string) (nkeys.KeyPair, error) {
	if file == "" {
		return nil, nil
	}
	raw, err := read(FlagNKey, file)
	if err != nil {
		return nil, err
	}
	key, err := nkeys.ParseDecoratedUserNKey(bytes.TrimSpace(raw))
	if err != nil {
		return nil, &BadLogin{FlagNKey, file, errors.New("holds no seed of a user's nkey: it is one line that begins with SU")}
	}
	return key, nil
}

func readCA(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	raw, err := read(FlagCA, file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, &BadLogin{FlagCA, file, errors.New("holds no certificate in PEM")}
	}
	return pool, nil
}

func readCert(file, keyFile string) (tls.Certificate, error) {
	if file == "" {
		return tls.Certificate{}, nil
	}
	cert, err := read(FlagCert, file)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := read(FlagKey, keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, &BadLogin{FlagCert, file, fmt.Errorf("is no certificate in PEM that goes with the key of %s %s: %w", FlagKey, keyFile, err)}
	}
	return pair, nil
}
