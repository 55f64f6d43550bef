package zitadel_test

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

// listed gives the public keys of a target, the oldest first.
func (c *tool) listed(t *testing.T, target string) (keys []map[string]any) {
	t.Helper()
	found, _ := c.must(t, "POST", "targets/"+target+"/publickeys/search", `{"pagination":{"asc":true}}`)["publicKeys"].([]any)
	for _, one := range found {
		keys = append(keys, one.(map[string]any))
	}
	return keys
}

// TestPublicKeys: they are kept in their instance, and each date is that of what was done
// to the key last.
func TestPublicKeys(t *testing.T) {
	n := run(t, "")
	for _, instance := range twoInstances { // each is there from its first target on
		toolOf(n, instance).target(t, "first", "restWebhook", "https://hooks.example.com/first")
	}
	for _, instance := range twoInstances {
		t.Run(instance, func(t *testing.T) {
			c := toolOf(n, instance)
			id, _ := c.target(t, "a", "restWebhook", "https://hooks.example.com/a")
			at := "targets/" + id + "/publickeys"
			require.Empty(t, c.listed(t, id))
			one := c.must(t, "POST", at, `{"publicKey":"`+oneKey+`","expirationDate":"2100-01-01T00:00:00Z"}`)
			kept := c.listed(t, id)[0]
			require.Regexp(t, `^SHA256:[A-Za-z0-9+/]{43}$`, kept["fingerprint"])
			delete(kept, "fingerprint")
			require.Equal(t, map[string]any{"keyId": one["keyId"], "publicKey": oneKey, "expirationDate": "2100-01-01T00:00:00Z",
				"creationDate": one["creationDate"], "changeDate": one["creationDate"]}, kept)

			key := at + "/" + one["keyId"].(string)
			activated := c.must(t, "POST", key+"/activate", "")["changeDate"]
			require.Equal(t, activated, c.must(t, "POST", key+"/activate", "")["changeDate"], "nothing was changed")
			require.Equal(t, []any{true, activated}, []any{c.listed(t, id)[0]["active"], c.listed(t, id)[0]["changeDate"]})
			message, field := c.refused(t, 400, "DELETE", key, "")
			require.Contains(t, message, "deactivate it first")
			require.Equal(t, "keyId", field)
			c.must(t, "POST", key+"/deactivate", "")
			require.NotContains(t, c.listed(t, id)[0], "active")
			require.Equal(t, one["creationDate"], c.listed(t, id)[0]["creationDate"])
			removed := c.must(t, "DELETE", key, "")["deletionDate"]
			require.NotEmpty(t, removed)
			require.Equal(t, removed, c.must(t, "DELETE", key, "")["deletionDate"], "it was removed then, and not now")
			require.Empty(t, c.listed(t, id))

			left := c.activated(t, id, &ecKey(t).PublicKey)
			for _, elsewhere := range twoInstances {
				if elsewhere != instance {
					other := toolOf(n, elsewhere)
					require.Empty(t, other.listed(t, id))
					other.refused(t, 400, "POST", at+"/"+left+"/deactivate", "")
				}
			}
			require.Equal(t, true, c.listed(t, id)[0]["active"])
		})
	}
}

// smallKey is an RSA key of 1024 bits, PEM in base64.
const smallKey = "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUlHZk1BMEdDU3FHU0liM0RRRUJBUVVBQTRHTkFEQ0JpUUtCZ1FEQ1V1NUtUcXpMbXBBN3ZCWCtpaFJKT21yRAprYWZxc081RFdKZ2lJTWp4aklvb0NBMjU1a2swUlZLSnQzTm1kWGtpS3BLZEFsK0FLc0RhckJzRUtjdmdDbWFGCkU2eWRBWS8rTENIcGNRMTRJRDJFcWF3YldTbjlwZzZrUk5aQ2dRclphdTMvYlBqaVVhNzU4a3lnd2REYkFFMFkKN0h0eHU5Y1ZJQ2pXb24xNC93SURBUUFCCi0tLS0tRU5EIFBVQkxJQyBLRVktLS0tLQo="

// TestBadPublicKeys: the error says what is wrong with the key.
func TestBadPublicKeys(t *testing.T) {
	n := run(t, "")
	small, err := base64.StdEncoding.DecodeString(smallKey)
	require.NoError(t, err)
	signs, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	agrees, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	odd, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	good, err := base64.StdEncoding.DecodeString(oneKey)
	require.NoError(t, err)
	text := func(raw string) string { return base64.StdEncoding.EncodeToString([]byte(raw)) }
	for _, instance := range twoInstances {
		t.Run(instance, func(t *testing.T) {
			c := toolOf(n, instance)
			id, _ := c.target(t, "a", "restWebhook", "https://hooks.example.com/a")
			for _, bad := range []struct{ about, key, says string }{
				{"nothing", "", "is needed"},
				{"no PEM", text("x"), "BEGIN PUBLIC KEY"},
				{"no UTF-8", text("\xff\n" + string(good)), "BEGIN PUBLIC KEY"},
				{"another block", text(strings.ReplaceAll(string(good), "PUBLIC KEY", "RSA PUBLIC KEY")), "RSAPublicKey_in"},
				{"a private key", text(strings.ReplaceAll(string(good), "PUBLIC", "PRIVATE")), "give the public key alone"},
				{"two", text(string(good) + string(good)), "more than one key"},
				{"too small", text(string(small)), "2048 to 8192 bits"},
				{"Ed25519", asSent(t, signs), "signs and does not encrypt"},
				{"X25519", asSent(t, agrees.PublicKey()), "X25519"},
				{"P-224", asSent(t, &odd.PublicKey), "P-256, P-384 or P-521"},
				{"too long", text(strings.Repeat("\n", 8<<10) + string(good)), "8 KiB"},
			} {
				message, field := c.refused(t, 400, "POST", "targets/"+id+"/publickeys", `{"publicKey":"`+bad.key+`"}`)
				require.Equal(t, "publicKey", field, bad.about)
				require.Contains(t, message, bad.says, bad.about)
			}
			require.Empty(t, c.listed(t, id))
			both := text("?>?>>>\n" + string(good)) // a line before the block, for the two letters in which the alphabets differ
			require.Contains(t, both, "/")
			require.Contains(t, both, "+")
			c.must(t, "POST", "targets/"+id+"/publickeys", `{"public_key":"`+strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(both), "=")+`"}`)
			require.Equal(t, both, c.listed(t, id)[0]["publicKey"], "base64 of the other alphabet, without its padding")
		})
	}
}

// TestManyPublicKeysAtOnce: of several who add keys none is refused before there are as many
// as there may be, and the next one is told so.
func TestManyPublicKeysAtOnce(t *testing.T) {
	n := run(t, "")
	for _, instance := range twoInstances {
		t.Run(instance, func(t *testing.T) {
			c := toolOf(n, instance)
			id, _ := c.target(t, "a", "restWebhook", "https://hooks.example.com/a")
			var writers sync.WaitGroup
			wrong := make(chan string, 8)
			for range 8 {
				key := asSent(t, &ecKey(t).PublicKey)
				writers.Go(func() {
					if status, answer, err := try(within(t), "POST", c.url+"targets/"+id+"/publickeys", `{"publicKey":"`+key+`"}`, c.header); err != nil || status != 200 {
						wrong <- fmt.Sprint(err, status, answer)
					}
				})
			}
			writers.Wait()
			close(wrong)
			require.Empty(t, <-wrong)
			require.Len(t, c.listed(t, id), 8)
			message, _ := c.refused(t, 409, "POST", "targets/"+id+"/publickeys", `{"publicKey":"`+oneKey+`"}`)
			require.Contains(t, message, "at most 8 public keys")
		})
	}
}
