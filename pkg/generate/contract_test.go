package generate

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/contract"
)

func TestTargetsOpenAPI(t *testing.T) {
	text, err := TargetsOpenAPI()
	require.NoError(t, err)
	written(t, targetsFile, text)
}

func TestAsyncAPI(t *testing.T) {
	text, err := AsyncAPI()
	require.NoError(t, err)
	written(t, asyncAPIFile, text)
}

// TestPageHasTheHeaders: docs/targets.md has a row for each header of the contract, of the
// same deliveries, and for no other but those that HTTP has.
func TestPageHasTheHeaders(t *testing.T) {
	t.Parallel()
	said := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z-]+)` \\| (all|event|event, async) \\|").FindAllStringSubmatch(readFile(t, "docs/targets.md"), -1) {
		said[row[1]] = row[2]
	}
	for _, h := range contract.Headers {
		of := map[contract.Kind]string{contract.OfAll: "all", contract.OfEvent: "event", contract.OfEvent | contract.OfAsync: "event, async"}[h.Of]
		require.Equal(t, of, said[h.Name], h.Name)
		delete(said, h.Name)
	}
	require.Equal(t, map[string]string{"Content-Type": "all", "User-Agent": "all", "Accept-Encoding": "all"}, said)
}

// TestReceiversSayTheCodes of the contract, and no others.
func TestReceiversSayTheCodes(t *testing.T) {
	t.Parallel()
	page := readFile(t, "schemas/conformance/README.md")
	codes, _ := contract.BodyOf("ReceiverError").Schema.Under("properties").Under("code").Get("enum").([]any)
	said := map[string]bool{}
	for _, found := range regexp.MustCompile(`"code":"([a-z_]+)"`).FindAllStringSubmatch(page, -1) {
		said[found[1]] = true
	}
	said["unknown_condition"] = true // it is named without its body
	require.Len(t, codes, len(said), "%v", said)
	for _, code := range codes {
		require.True(t, said[code.(string)], "%v", code)
	}
}
