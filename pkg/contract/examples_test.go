package contract_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/contract"
	"github.com/callout-hq/callout/pkg/contract/contracttest"
)

// TestExamples: every example of a schema is valid, and every body of schemas/invalid is
// refused.
func TestExamples(t *testing.T) {
	valid := 0
	for _, b := range contract.Bodies() {
		examples, _ := b.Schema.Get("examples").([]any)
		for _, example := range examples {
			raw, err := json.Marshal(example)
			require.NoError(t, err)
			require.NoError(t, contracttest.Check(b.Name, raw), "%s: %s", b.Name, raw)
			valid++
		}
	}
	require.Greater(t, valid, 30)

	files, err := filepath.Glob("../../schemas/invalid/*.json")
	require.NoError(t, err)
	require.Greater(t, len(files), 20)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var all []struct {
			Because string
			Body    json.RawMessage
		}
		require.NoError(t, json.Unmarshal(text, &all), file)
		require.NotEmpty(t, all, file)
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		require.NotNil(t, contract.BodyOf(name).Schema, file)
		for _, no := range all {
			require.NotEmpty(t, no.Because)
			require.Error(t, contracttest.Check(name, no.Body), "%s: %s: %s", name, no.Because, no.Body)
		}
	}
}

// TestBodiesOfTargetsHaveExamples: each body that a target receives or answers has examples
// of both.
func TestBodiesOfTargetsHaveExamples(t *testing.T) {
	schemas := contract.Targets(nil).Under("components").Under("schemas")
	require.Greater(t, len(schemas), 15)
	for _, m := range schemas {
		require.NotEmpty(t, contract.BodyOf(m.Name).Schema.Get("examples"), m.Name)
		_, err := os.Stat("../../schemas/invalid/" + m.Name + ".json")
		require.NoError(t, err)
	}
}

// TestDocumentsHoldTheSchemas: a component of a document takes and refuses what its file
// does.
func TestDocumentsHoldTheSchemas(t *testing.T) {
	for name, document := range map[string]contract.Object{"OpenAPI": contract.Targets(nil), "AsyncAPI": contract.AsyncAPI()} {
		raw, err := json.Marshal(document)
		require.NoError(t, err)
		for _, m := range document.Under("components").Under("schemas") {
			body := contract.BodyOf(m.Name)
			check, err := contracttest.CheckBy(raw, "/components/schemas/"+m.Name)
			require.NoError(t, err, "%s of %s", m.Name, name)
			if body.Schema == nil {
				continue // of headers
			}
			examples, _ := body.Schema.Get("examples").([]any)
			for _, example := range examples {
				raw, err := json.Marshal(example)
				require.NoError(t, err)
				require.NoError(t, check(raw), "%s of %s", m.Name, name)
			}
			text, err := os.ReadFile("../../schemas/invalid/" + m.Name + ".json")
			if err != nil {
				continue // of what cores get
			}
			var all []struct{ Body json.RawMessage }
			require.NoError(t, json.Unmarshal(text, &all))
			for _, no := range all {
				require.Error(t, check(no.Body), "%s of %s: %s", m.Name, name, no.Body)
			}
		}
	}
}

// TestOneAnswerIsOneThing: a change and a refusal, which stand beside each other under
// 200, are never both.
func TestOneAnswerIsOneThing(t *testing.T) {
	for _, answer := range []string{`{}`, `{"displayName":"Ada"}`, `{"forwardedErrorMessage":null}`, `{"append_claims":[]}`} {
		require.NoError(t, contracttest.Check("Changed", []byte(answer)))
		require.NoError(t, contracttest.Check("TokenChanges", []byte(answer)))
		require.Error(t, contracttest.Check("Rejection", []byte(answer)))
	}
	no := []byte(`{"forwardedStatusCode":422,"forwardedErrorMessage":"no"}`)
	require.NoError(t, contracttest.Check("Rejection", no))
	require.Error(t, contracttest.Check("Changed", no))
	require.Error(t, contracttest.Check("TokenChanges", no))
}
