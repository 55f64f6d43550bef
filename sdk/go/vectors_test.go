package callout_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	callout "github.com/callout-hq/callout/sdk/go"
)

// TestPublishedVectors are those that the libraries of Standard Webhooks publish.
func TestPublishedVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/standard-webhooks.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Name, Scheme, Secret, ID, Signature string
		Public                              string `json:"public_key"`
		Timestamp                           int64
		Body                                string `json:"body_base64"`
	}
	if err := json.Unmarshal(raw, &all); err != nil || len(all) == 0 {
		t.Fatal(err)
	}
	for _, v := range all {
		body, err := base64.StdEncoding.DecodeString(v.Body)
		if err != nil {
			t.Fatal(err)
		}
		key := v.Secret
		if v.Public != "" {
			key = v.Public
		}
		at := time.Unix(v.Timestamp, 0)
		verifier, err := callout.NewVerifier(callout.Options{Keys: []string{key}, Now: func() time.Time { return at }})
		if strings.Contains(v.Name, "below spec minimum") {
			if err == nil {
				t.Errorf("%s: the key is taken", v.Name)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		h := http.Header{"Webhook-Id": {v.ID}, "Webhook-Timestamp": {strconv.FormatInt(v.Timestamp, 10)}, "Webhook-Signature": {v.Signature}}
		got, err := verifier.Verify(context.Background(), h, body)
		if err != nil || got.ID != v.ID || !bytes.Equal(got.Body, body) {
			t.Errorf("%s: %v", v.Name, err)
		}
		if _, err := verifier.Verify(context.Background(), h, append(body, ' ')); !callout.IsNotGenuine(err) {
			t.Errorf("%s: with a space behind it: %v", v.Name, err)
		}
	}
}
