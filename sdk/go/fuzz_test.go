package callout_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	callout "github.com/callout-hq/callout/sdk/go"
	"github.com/callout-hq/callout/sdk/go/callouttest"
)

// FuzzVerify: what nobody has signed is never genuine, whatever the headers are, and is told as such.
func FuzzVerify(f *testing.F) {
	f.Add("msg_1", "1700000000", "v1,AAAA v1a,AAAA", "t=1700000000,v1=00", `{"a":1}`)
	f.Add("a.b", "01700000000", "v1,\tx, v1", "t=1,t=2", "e30.e30.AAAA")
	f.Add("", "", "", "", "e30.AA.AA.AA.AA")
	now := func() time.Time { return time.Unix(1_700_000_000, 0) }
	var all []*callout.Verifier
	for _, o := range []callout.Options{{Keys: []string{callouttest.Key, "whpk_SN3unxQtfLi9gn1eO0tjwwRSsLDPrNuAcIVOU63hYH8="}}, {Payload: callout.JWT, JWKS: json.RawMessage(`{"keys":[]}`)}} {
		o.Now = now
		v, err := callout.NewVerifier(o)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, v)
	}
	f.Fuzz(func(t *testing.T, id, stamp, standard, zitadel, body string) {
		h := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {standard}, "Zitadel-Signature": {zitadel}}
		for _, v := range all {
			if _, err := v.Verify(context.Background(), h, []byte(body)); !callout.IsNotGenuine(err) {
				t.Fatal(err)
			}
		}
	})
}
