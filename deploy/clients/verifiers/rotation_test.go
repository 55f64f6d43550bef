package verifiers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rotated has two targets that are called for the same: the overlap of the one is ended by
// hand, that of the other ends by itself.
const rotated = `
targets:
  revoked: {type: webhook, url: "HOOKS/revoked", signature: [zitadel, standard, standard_v1a], interrupt_on_error: true}
  lapsed: {type: webhook, url: "HOOKS/lapsed", signature: [zitadel, standard, standard_v1a], interrupt_on_error: true}
requests:
  "*": {targets: [{target: revoked}, {target: lapsed}]}
events:
  "*": {targets: [{target: revoked}, {target: lapsed}]}
`

// enough is how many calls, and how many events, each part of a rotation has at least.
const enough = 20

// stages are what a target received of one kind while its key was rotated.
type stages struct{ before, overlap, after []received }

// split parts what came in order. Once both keys sign they do until one of them ends: who
// receives never meets a request of an earlier stage again.
func split(t *testing.T, all []received) (s stages) {
	t.Helper()
	for n, r := range all {
		count := r.signatures("Zitadel-Signature", "v1=")
		require.Equal(t, count, r.signatures("Webhook-Signature", "v1,"), "request %d", n)
		switch {
		case count == 2:
			require.Empty(t, s.after, "request %d: the key before signs again", n)
			s.overlap = append(s.overlap, r)
		case count == 1 && len(s.overlap) == 0:
			s.before = append(s.before, r)
		default:
			require.Equal(t, 1, count, "request %d", n)
			s.after = append(s.after, r)
		}
	}
	return s
}

// keysIn reads a file of keys: each by its target.
func keysIn(t *testing.T, path string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	keys := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		name, key, _ := strings.Cut(strings.TrimSpace(line), " ")
		keys[name] = key
	}
	return keys
}

func (c callout) rotate(t *testing.T, target, overlap string) string {
	t.Helper()
	var answer struct{ SigningKey string }
	require.NoError(t, json.Unmarshal([]byte(c.do(t, "", "target", "key", "rotate", target, "--overlap", overlap, "--show-once", "-o", "json")), &answer))
	return answer.SigningKey
}

// TestRotation: while calls and events go on, keys are rotated. Whoever has the old key or
// the new one refuses nothing while both sign, the old key nothing before and the new one
// nothing after; after the overlap the old key verifies nothing any more.
func TestRotation(t *testing.T) {
	url := start(t)
	for _, instance := range instances {
		t.Run(instance, func(t *testing.T) {
			t.Parallel()
			c, tg := callout{url, instance}, newTarget(t)
			out := filepath.Join(t.TempDir(), "keys")
			c.do(t, strings.ReplaceAll(rotated, "HOOKS", tg.URL), "apply", "-f", "-", "--keys-out", out)
			older := keysIn(t, out)
			require.Len(t, older, 2)
			end := c.traffic(t)
			newer := map[string]string{}
			for name, overlap := range map[string]string{"revoked": "24h", "lapsed": "30s"} {
				tg.await(t, name, "before", enough, func(received) bool { return true })
				newer[name] = c.rotate(t, name, overlap)
			}
			both := func(r received) bool { return r.signatures("Zitadel-Signature", "v1=") == 2 }
			for name := range older {
				tg.await(t, name, "in the overlap", enough, both)
			}
			fingerprints := strings.Fields(c.do(t, "", "target", "key", "list", "revoked", "-o", "name"))
			require.Len(t, fingerprints, 2)
			c.do(t, "", "target", "key", "revoke", "revoked", fingerprints[1])
			for name := range older {
				tg.await(t, name, "after", enough, func(r received) bool {
					return !both(r) && inGo["zitadel-go"](newer[name], r) == nil
				})
			}
			end()

			verifiers := verifiersOf(t)
			for name := range older {
				for kind, isEvent := range map[string]bool{"calls": false, "events": true} {
					s := split(t, tg.ofKind(name, isEvent))
					for who, verify := range verifiers {
						s.check(t, fmt.Sprintf("%s, %s of %s", who, kind, name), verify, older[name], newer[name])
					}
				}
			}
		})
	}
}

// check has a verifier look at all that came, with either key, and at what somebody has
// changed of it.
func (s stages) check(t *testing.T, name string, verify verifier, older, newer string) {
	t.Helper()
	for _, part := range []struct {
		name                   string
		received               []received
		acceptsOld, acceptsNew bool
	}{
		{"before", s.before, true, false}, {"in the overlap", s.overlap, true, true}, {"after", s.after, false, true},
	} {
		require.GreaterOrEqual(t, len(part.received), enough, "%s, %s", name, part.name)
		var wrong [2]int
		for _, r := range part.received {
			for n, key := range []string{older, newer} {
				if accepts := verify(key, r) == nil; accepts != []bool{part.acceptsOld, part.acceptsNew}[n] {
					wrong[n]++
				}
			}
		}
		require.Equal(t, [2]int{}, wrong, "%s, %s: judged wrongly by the old key, and by the new one, of %d", name, part.name, len(part.received))
		var refused, changed int
		for _, r := range part.received[:5] {
			for _, bad := range tampered(r, strings.HasPrefix(name, "zitadel")) {
				changed++
				if verify(older, bad) != nil && verify(newer, bad) != nil {
					refused++
				}
			}
		}
		require.Equal(t, changed, refused, "%s, %s: changed requests that are refused", name, part.name)
		t.Logf("%s, %s: %d requests judged rightly with two keys, %d of %d changed ones refused", name, part.name, len(part.received), refused, changed)
	}
}

// tampered gives what somebody on the way would make of a request. ZITADEL's signature
// says nothing of the id.
func tampered(r received, zitadel bool) (all []received) {
	change := func(header string, of func(string) string) {
		bad := received{r.target, r.headers.Clone(), r.body}
		bad.headers.Set(header, of(r.headers.Get(header)))
		all = append(all, bad)
	}
	for _, body := range []string{string(r.body) + " ", strings.Replace(string(r.body), ":", ": ", 1), strings.Replace(string(r.body), `"`, `"x`, 1)} {
		all = append(all, received{r.target, r.headers, []byte(body)})
	}
	later := func(text string) string { return string(append([]byte(text[:9]), text[9]^1)) } // a digit of ten becomes its neighbour
	if zitadel {
		change("Zitadel-Signature", func(text string) string {
			stamp, rest, _ := strings.Cut(strings.TrimPrefix(text, "t="), ",")
			return "t=" + later(stamp) + "," + rest
		})
		change("Zitadel-Signature", func(text string) string { return strings.ReplaceAll(text, "v1=", "v2=") })
		change("Zitadel-Signature", func(text string) string {
			stamp, _, _ := strings.Cut(text, ",")
			return stamp + ",v1=" + strings.Repeat("0", 64)
		})
		return all
	}
	change("Webhook-Timestamp", later)
	change("Webhook-Id", func(id string) string { return id + "0" })
	change("Webhook-Signature", func(text string) string { return strings.NewReplacer("v1,", "v2,", "v1a,", "v2a,").Replace(text) })
	return append(all, received{r.target, without(r.headers, "Webhook-Signature"), r.body})
}

func without(headers http.Header, name string) http.Header {
	left := headers.Clone()
	left.Del(name)
	return left
}
