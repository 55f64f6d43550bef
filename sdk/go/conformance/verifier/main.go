// Command verifier is the verifier of the conformance kit: section 11 of
// schemas/conformance/README.md. It reads one JSON object a line and writes one for each.
package main

import (
	"bufio"
	"context"
	"crypto"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"time"

	callout "github.com/callout-hq/callout/sdk/go"
)

type question struct {
	ID          string            `json:"id"`
	Now         int64             `json:"now"`
	Keys        []string          `json:"keys"`
	Schemes     []callout.Scheme  `json:"schemes"`
	Headers     [][2]string       `json:"headers"`
	Body        []byte            `json:"body"`
	Payload     callout.Payload   `json:"payload"`
	JWKS        json.RawMessage   `json:"jwks"`
	Issuer      string            `json:"issuer"`
	Audience    string            `json:"audience"`
	PrivateKeys map[string]string `json:"private_keys"`
}

type verdict struct {
	ID         string  `json:"id"`
	OK         bool    `json:"ok"`
	DeliveryID string  `json:"delivery_id,omitempty"`
	Body       *[]byte `json:"body,omitempty"`
}

func main() {
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	in.Buffer(nil, 4<<20)
	for in.Scan() {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			log.Fatal(err)
		}
		if err := out.Encode(q.answer()); err != nil {
			log.Fatal(err)
		}
	}
}

func (q question) answer() verdict {
	no := verdict{ID: q.ID}
	o := callout.Options{Keys: q.Keys, Schemes: q.Schemes, Payload: q.Payload, JWKS: q.JWKS, Issuer: q.Issuer, Audience: q.Audience,
		PrivateKeys: map[string]crypto.PrivateKey{}, Now: func() time.Time { return time.Unix(q.Now, 0) }}
	for kid, text := range q.PrivateKeys {
		key, err := callout.ParsePrivateKey([]byte(text))
		if err != nil {
			return no
		}
		o.PrivateKeys[kid] = key
	}
	v, err := callout.NewVerifier(o)
	if err != nil {
		return no
	}
	h := http.Header{}
	for _, one := range q.Headers {
		h.Add(one[0], one[1])
	}
	got, err := v.Verify(context.Background(), h, q.Body)
	if err != nil {
		return no
	}
	body := append([]byte{}, got.Body...)
	return verdict{ID: q.ID, OK: true, DeliveryID: got.ID, Body: &body}
}
