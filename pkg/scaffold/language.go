package scaffold

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Kind is what is generated.
type Kind string

// The kinds.
const (
	Types  Kind = "types"  // the types of bodies
	Server Kind = "server" // a project with a handler for each condition
)

// Kinds are all of them, in the order in which they are told.
var Kinds = []Kind{Types, Server}

// language is what is known of one that somebody writes a target in.
type language struct {
	name      string
	title     string
	types     generator
	typesAt   string                      // where types are in a project
	files     []string                    // of a project, below templates/NAME; none = only types are made
	naming    func(words []string) string // of functions
	quote     func(string) string         // a text as the language writes it
	typed     typeNaming
	install   []string // the commands that get what a project needs, once
	installBy string   // what is put before them where the SDK is a checkout
	run       string   // the command that starts it
}

// typeNaming is how a schema's type is called in the code of a project.
type typeNaming func(schema string) string

// languages are those that are known, those of an SDK first.
var languages = []language{{
	name: "go", title: "Go", types: ogen, typesAt: "types", naming: camel, quote: quoted,
	files: []string{"go.mod", "main.go"}, typed: func(s string) string { return "types." + s },
	install: []string{"go mod tidy"}, run: "go run . 9000",
}, {
	name: "typescript", title: "TypeScript", types: openapiTypeScript, typesAt: "src", naming: camel, quote: quoted,
	files: []string{"package.json", "tsconfig.json", "src/hooks.ts"}, typed: func(s string) string { return "Schemas[" + quoted(s) + "]" },
	install: []string{"npm install", "npm run build"}, run: "node dist/hooks.js 9000",
	installBy: "(cd SDK/typescript && npm ci && npm run build)",
}, {
	name: "python", title: "Python", types: datamodel, naming: snake, quote: quoted,
	files: []string{"pyproject.toml", "hooks.py"}, typed: func(s string) string { return "hook_types." + s },
	install: []string{"python3 -m venv .venv", ".venv/bin/pip install -e ."}, run: ".venv/bin/python hooks.py 9000",
}, {
	name: "java", title: "Java", types: openapiGenerator("java"), naming: camel, quote: quoted,
	files: []string{"pom.xml", "src/main/java/Hooks.java"}, typed: func(s string) string { return "hooks.types." + s },
	install: []string{"mvn -q package"}, run: "java -cp 'target/classes:target/lib/*' Hooks 9000",
	installBy: "mvn -q -f SDK/java/pom.xml -Dmaven.test.skip=true package",
}, {
	name: "kotlin", title: "Kotlin", types: openapiGenerator("kotlin"), naming: camel, quote: quotedForKotlin,
	files: []string{"pom.xml", "src/main/kotlin/Hooks.kt"}, typed: func(s string) string { return "hooks.types." + s },
	install: []string{"mvn -q package"}, run: "java -cp 'target/classes:target/lib/*' HooksKt 9000",
	installBy: "mvn -q -f SDK/java/pom.xml -Dmaven.test.skip=true package",
},
	{name: "csharp", title: "C#", types: openapiGenerator("csharp")},
	{name: "php", title: "PHP", types: openapiGenerator("php")},
	{name: "ruby", title: "Ruby", types: openapiGenerator("ruby")},
	{name: "rust", title: "Rust", types: openapiGenerator("rust")},
}

// Languages are the names of those that a kind is made for, in their order.
func Languages(of Kind) (names []string) {
	for _, l := range languages {
		if of == Types || len(l.files) > 0 {
			names = append(names, l.name)
		}
	}
	return names
}

func languageOf(name string, kind Kind) (language, error) {
	if !slices.Contains(Languages(kind), name) {
		return language{}, fmt.Errorf("%q is no language that a %s is generated in: %s are", name, singular[kind], strings.Join(Languages(kind), ", "))
	}
	return languages[slices.IndexFunc(languages, func(l language) bool { return l.name == name })], nil
}

var singular = map[Kind]string{Types: "type", Server: "server"}

// quoted is a text as Go, TypeScript, Python, Java, YAML and TOML write it.
func quoted(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return `""` // of a text that cannot happen
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// quotedForKotlin is that without what Kotlin would put in.
func quotedForKotlin(text string) string { return strings.ReplaceAll(quoted(text), "$", `\$`) }
