package dispatch

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// CertificateFiles are where what TLS needs lies.
type CertificateFiles struct {
	Cert, Key string // PEM
	ClientCA  string // PEM; "" = clients are asked for no certificate
}

// renewEvery is how often it is looked whether a certificate was renewed.
const renewEvery = time.Second

// certificates gives each connection the newest certificate that can be used.
type certificates struct {
	files CertificateFiles
	log   zerolog.Logger

	mu     sync.Mutex
	config *tls.Config
	stamps [3]stamp
	looked time.Time
}

// stamp is how a file looked when it was read.
type stamp struct {
	size  int64
	mtime time.Time
}

// FollowCertificate reads a certificate, and again when its files change: a connection
// that begins a second later has the new one. One that cannot be used does not take
// the place of one that can; the log says so. The error names the file.
func FollowCertificate(files CertificateFiles, log zerolog.Logger) (*tls.Config, error) {
	c := &certificates{files: files, log: log}
	c.stamps = c.look()
	config, err := c.read()
	if err != nil {
		return nil, err
	}
	c.config, c.looked = config, time.Now()
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: config.NextProtos,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current(), nil }}, nil
}

// current reads the files again when they look otherwise than before.
func (c *certificates) current() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < renewEvery {
		return c.config
	}
	c.looked = time.Now()
	stamps := c.look()
	if stamps == c.stamps {
		return c.config
	}
	config, err := c.read()
	if err != nil {
		c.log.Error().Err(err).Msg("the new certificate cannot be used; the one before stays")
		return c.config // it is read again at the next look: one of two files may be on its way
	}
	c.config, c.stamps = config, stamps
	c.log.Info().Str("file", c.files.Cert).Msg("the certificate was renewed")
	return config
}

func (c *certificates) look() (stamps [3]stamp) {
	for n, file := range []string{c.files.Cert, c.files.Key, c.files.ClientCA} {
		if info, err := os.Stat(file); file != "" && err == nil {
			stamps[n] = stamp{info.Size(), info.ModTime()}
		}
	}
	return stamps
}

func (c *certificates) read() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return nil, fmt.Errorf("the certificate %s with the key %s: %w", c.files.Cert, c.files.Key, err)
	}
	if pair.Leaf != nil && time.Now().After(pair.Leaf.NotAfter) {
		return nil, fmt.Errorf("the certificate %s is over since %s", c.files.Cert, pair.Leaf.NotAfter.Format(time.RFC3339))
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{pair}}
	if c.files.ClientCA == "" {
		return config, nil
	}
	raw, err := os.ReadFile(c.files.ClientCA)
	if err != nil {
		return nil, err
	}
	config.ClientAuth, config.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s: %w", c.files.ClientCA, errors.New("there is no certificate in PEM in it"))
	}
	return config, nil
}
