package zitadelgo_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	action "github.com/zitadel/zitadel-go/v3/pkg/client/zitadel/action/v2"
	"google.golang.org/grpc/codes"
)

// TestTokensOverTLS: where tokens are asked for, one of Callout's stands in the place
// of a personal access token of ZITADEL's, and its rights are those it was made with.
func TestTokensOverTLS(t *testing.T) {
	dir := t.TempDir()
	secrets, cert := filepath.Join(dir, "secrets"), filepath.Join(dir, "tls.pem")
	run(t, "auth", "init", "-o", secrets)
	operator := filepath.Join(secrets, "operator.token")
	writeCertificate(t, cert)
	at := start(t, "--token-file", operator, "--tls-cert", cert, "--tls-key", cert)
	raw, err := os.ReadFile(operator)
	require.NoError(t, err)
	manager := strings.TrimSpace(string(raw))
	for _, instance := range instances {
		t.Run(instance, func(t *testing.T) {
			ctx := within(t)
			made, err := connect(t, at, instance, manager).ActionServiceV2().CreateTarget(ctx, webhook("audit"))
			require.NoError(t, err)
			for _, token := range []string{"", "wrong"} {
				_, err = connect(t, at, instance, token).ActionServiceV2().GetTarget(ctx, &action.GetTargetRequest{Id: made.GetId()})
				refused(t, codes.Unauthenticated, err)
			}
			reader := run(t, "token", "create", "tool", "--server", at.String(), "--token", manager, "--ca", cert, "--instance", instance, "--verbs", "read")
			reading := connect(t, at, instance, reader).ActionServiceV2()
			got, err := reading.GetTarget(ctx, &action.GetTargetRequest{Id: made.GetId()})
			require.NoError(t, err)
			require.Equal(t, "audit", got.GetTarget().GetName())
			_, err = reading.DeleteTarget(ctx, &action.DeleteTargetRequest{Id: made.GetId()})
			refused(t, codes.PermissionDenied, err)
			_, err = reading.DeleteTarget(ctx, &action.DeleteTargetRequest{Id: "notexisting"})
			refused(t, codes.PermissionDenied, err)
			_, err = connect(t, at, "third", reader).ActionServiceV2().GetTarget(ctx, &action.GetTargetRequest{Id: made.GetId()})
			refused(t, codes.PermissionDenied, err)
		})
	}
}

// run runs callout and gives what it prints.
func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(within(t), program, args...).Output()
	require.NoError(t, err, "%v: %s", args, out)
	return strings.TrimSpace(string(out))
}

// writeCertificate writes a certificate of this machine, and its key, into one file.
func writeCertificate(t *testing.T, path string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true,
		BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	require.NoError(t, os.WriteFile(path, text, 0o600))
}
