package cli_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/sign"
)

// tryForgeries posts an event to a target that has the key, signed as it is to be
// and in every way that it is not.
func tryForgeries(t *testing.T, url, key string) {
	t.Helper()
	const body = `{"aggregateID":"u1","event_type":"user.added"}`
	other := sign.NewKey()
	type signed struct {
		zitadel, standard []string // keys
		at                time.Time
		sent              string
		edit              func(http.Header)
	}
	now := time.Now()
	for name, tt := range map[string]struct {
		signed
		status int
	}{
		"as it is to be":              {signed{[]string{key}, []string{key}, now, body, nil}, 200},
		"while keys are exchanged":    {signed{[]string{other, key}, []string{other, key}, now, body, nil}, 200},
		"a minute ago":                {signed{[]string{key}, []string{key}, now.Add(-time.Minute), body, nil}, 200},
		"not at all":                  {signed{nil, nil, now, body, nil}, 401},
		"ZITADEL's is missing":        {signed{nil, []string{key}, now, body, nil}, 401},
		"the standard one is missing": {signed{[]string{key}, nil, now, body, nil}, 401},
		"ZITADEL's by another key":    {signed{[]string{other}, []string{key}, now, body, nil}, 401},
		"the standard one by another": {signed{[]string{key}, []string{other}, now, body, nil}, 401},
		"another body":                {signed{[]string{key}, []string{key}, now, body + " ", nil}, 401},
		"an hour ago":                 {signed{[]string{key}, []string{key}, now.Add(-time.Hour), body, nil}, 401},
		"an hour ahead":               {signed{[]string{key}, []string{key}, now.Add(time.Hour), body, nil}, 401},
		"another id":                  {signed{[]string{key}, []string{key}, now, body, func(h http.Header) { h.Set("webhook-id", "other") }}, 401},
		"no stamps": {signed{[]string{key}, []string{key}, now, body, func(h http.Header) {
			h.Del("webhook-timestamp")
			h.Set("ZITADEL-Signature", "v1=00")
		}}, 401},
		"a stamp that is none": {signed{[]string{key}, []string{key}, now, body, func(h http.Header) { h.Set("webhook-timestamp", "²") }}, 401},
		"signatures that are no text": {signed{[]string{key}, []string{key}, now, body, func(h http.Header) {
			h.Set("webhook-signature", "v1,\xe9\xff")
			h.Set("ZITADEL-Signature", fmt.Sprintf("t=%d,v1=\xe9,v1", now.Unix()))
		}}, 401},
	} {
		h := http.Header{"Callout-Delivery-Id": {"d-" + strings.ReplaceAll(name, " ", "-")}}
		if tt.zitadel != nil {
			value, err := sign.Zitadel(tt.zitadel, tt.at, []byte(body))
			require.NoError(t, err)
			h.Set("ZITADEL-Signature", value)
		}
		if tt.standard != nil {
			value, err := sign.Standard(tt.standard, "id", tt.at, []byte(body))
			require.NoError(t, err)
			h.Set("webhook-id", "id")
			h.Set("webhook-timestamp", fmt.Sprint(tt.at.Unix()))
			h.Set("webhook-signature", value)
		}
		if tt.edit != nil {
			tt.edit(h)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(tt.sent))
		require.NoError(t, err)
		req.Header = h
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		require.NoError(t, err, name)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, tt.status, resp.StatusCode, name)
	}
}
