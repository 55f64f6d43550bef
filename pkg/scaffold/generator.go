package scaffold

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// generateFor bounds how long a generator of types may take: one that is fetched first
// needs minutes.
const generateFor = 15 * time.Minute

// generator makes types of a document. Each is a program of others, which is found on the
// machine, and run.
type generator struct {
	name     string
	get      string // the command that gets it
	isSimple bool   // it takes a simple document, see typing.text
	ways     []way  // the first one whose tool is there is taken
}

// way is one to run a generator. In its words DOCUMENT is the file that is read, and OUT
// the folder that is written.
type way struct {
	shown string // as a person reads it
	words []string
	files map[string]string // to be beside the document
}

var ogen = generator{
	name: "ogen", get: "install Go, which runs it, or: go install github.com/ogen-go/ogen/cmd/ogen@v1.24.0",
	ways: []way{
		{"ogen", append([]string{"ogen"}, ogenWords...), ogenFiles},
		{"go run github.com/ogen-go/ogen/cmd/ogen@v1.24.0", append([]string{"go", "run", "github.com/ogen-go/ogen/cmd/ogen@v1.24.0"}, ogenWords...), ogenFiles},
	},
}

var (
	ogenWords = []string{"--config", "ogen.yml", "--target", "OUT", "--package", "types", "DOCUMENT"}
	ogenFiles = map[string]string{"ogen.yml": "generator: {features: {disable_all: true}}\n"}
)

var openapiTypeScript = generator{
	name: "openapi-typescript", get: "install Node.js, whose npx runs it, or: npm install --global openapi-typescript@7.13.0",
	ways: []way{
		{"openapi-typescript", []string{"openapi-typescript", "DOCUMENT", "--output", "OUT/types.ts"}, nil},
		{"npx --yes openapi-typescript@7.13.0", []string{"npx", "--yes", "openapi-typescript@7.13.0", "DOCUMENT", "--output", "OUT/types.ts"}, nil},
	},
}

var datamodel = generator{
	name: "datamodel-code-generator", get: "pipx install datamodel-code-generator==0.89.0",
	ways: []way{
		{"datamodel-codegen", append([]string{"datamodel-codegen"}, datamodelWords...), nil},
		{"uvx --from datamodel-code-generator==0.89.0", append([]string{"uvx", "--from", "datamodel-code-generator==0.89.0", "datamodel-codegen"}, datamodelWords...), nil},
		{"pipx run --spec datamodel-code-generator==0.89.0", append([]string{"pipx", "run", "--spec", "datamodel-code-generator==0.89.0", "datamodel-codegen"}, datamodelWords...), nil},
	},
}

var datamodelWords = []string{
	"--input", "DOCUMENT", "--input-file-type", "openapi", "--openapi-scopes", "schemas", "--output-model-type", "typing.TypedDict",
	"--target-python-version", "3.11", "--disable-timestamp", "--output", "OUT/hook_types.py",
}

// find gives the command of a generator, or an error that says how to get it.
func (g generator) find(look func(string) (string, error)) (way, error) {
	for _, w := range g.ways {
		if _, err := look(w.words[0]); err == nil {
			return w, nil
		}
	}
	return way{}, fmt.Errorf("the types are made by %s, which is not here: %s", g.name, g.get)
}

// make has the types of a document made in a folder of its own, and gives that folder.
// remove takes all of it away.
func (w way) make(ctx context.Context, document []byte) (out string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "callout-types-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	if out, err = w.run(ctx, dir, document); err != nil {
		remove()
		return "", nil, err
	}
	return out, remove, nil
}

func (w way) run(ctx context.Context, dir string, document []byte) (string, error) {
	out := filepath.Join(dir, "out")
	if err := os.Mkdir(out, 0o750); err != nil {
		return "", err
	}
	put := strings.NewReplacer("DOCUMENT", "targets.json", "OUT", out)
	files := map[string]string{"targets.json": string(document)}
	for name, text := range w.files {
		files[name] = put.Replace(text)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	words := make([]string, len(w.words))
	for i, word := range w.words {
		words[i] = put.Replace(word)
	}
	ctx, cancel := context.WithTimeout(ctx, generateFor)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	cmd.WaitDelay = time.Second
	said, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w%s", w.shown, errors.Join(err, context.Cause(ctx)), ending(said))
	}
	if made, err := os.ReadDir(out); err != nil || len(made) == 0 {
		return "", fmt.Errorf("%s wrote nothing%s", w.shown, ending(said))
	}
	return out, nil
}

// maxSaid bounds what is shown of what a generator printed, in bytes.
const maxSaid = 4 << 10

// ending is the end of what a program printed, on lines of its own.
func ending(said []byte) string {
	text := strings.TrimSpace(strings.ToValidUTF8(string(said), "\uFFFD"))
	if text == "" {
		return ""
	}
	if len(text) > maxSaid {
		text = "…" + strings.ToValidUTF8(text[len(text)-maxSaid:], "")
	}
	return "\n" + text
}
