// Package contract holds the published documents against the tools that read them: OpenAPI
// against its validator and the Go that ogen makes of it. It is a module of its own,
// since the generator brings what Callout does not need. What JavaScript reads is in
// check.mjs.
package contract

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	// What is generated imports these.
	_ "github.com/ogen-go/ogen/otelogen"
	_ "go.opentelemetry.io/otel"
	_ "go.opentelemetry.io/otel/metric"
	_ "go.opentelemetry.io/otel/semconv/v1.39.0"
	_ "go.opentelemetry.io/otel/trace"
)

const schemas = "../../../schemas/"

// typed is the contract of a core with a field of every kind of protobuf, and with JSON
// Schemas.
const typed = "../../../pkg/contract/testdata/all.openapi.json"

// TestOpenAPIIsValid by the rules of OpenAPI 3.1.
func TestOpenAPIIsValid(t *testing.T) {
	for _, name := range []string{schemas + "openapi.yaml", schemas + "targets.openapi.yaml", typed} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			document, err := openapi3.NewLoader().LoadFromFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := document.Validate(context.Background()); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d paths, %d webhooks, %d schemas", document.Paths.Len(), len(document.Webhooks), len(document.Components.Schemas))
			if name != schemas+"openapi.yaml" && len(document.Webhooks) == 0 {
				t.Fatal("it has no webhooks")
			}
		})
	}
}

// run runs the go command here.
func run(t *testing.T, arguments ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", arguments...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %v: %v\n%s", arguments, err, out)
	}
	return out
}

// TestGoIsGenerated of what targets receive, and compiles.
func TestGoIsGenerated(t *testing.T) {
	for name, methods := range map[string][]string{
		schemas + "targets.openapi.yaml": {"OnRequest(", "OnResponse(", "OnFunction(", "OnTokenFunction(", "OnEvent(", "OnCloudEvent(", "OnAsyncRequest("},
		typed:                            {"OnRequest(", "OnRequestAllV1AllServiceDo(", "OnResponseAllV1AllServiceDo(", "OnEventAllDone(", "OnFunctionCreateIdToken("},
	} {
		t.Run(filepath.Base(name), func(t *testing.T) { generate(t, name, methods) })
	}
}

func generate(t *testing.T, from string, methods []string) {
	out, err := os.MkdirTemp(".", "generated")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(out) })
	run(t, "tool", "ogen", "--target", out, "--package", "target", "--clean", from)
	run(t, "vet", "./"+out)
	server, err := os.ReadFile(filepath.Join(out, "oas_server_gen.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range methods {
		if !bytes.Contains(server, []byte(method)) {
			t.Errorf("the server of webhooks has no %s…)", method)
		}
	}
}
