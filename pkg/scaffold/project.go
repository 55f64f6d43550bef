package scaffold

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"strings"
	"text/template"

	"github.com/callout-hq/callout/pkg/action"
)

//go:embed all:templates
var templates embed.FS

// sdkVersion is that of the SDKs which a project names.
const sdkVersion = "0.1.0"

// handler is what a project has for one condition.
type handler struct {
	Phase action.Phase
	Match string
	Name  string // of the function
	// The types of the body and its parts, as the language writes them; "" = any object.
	Body, Request, Response, Payload string
}

// project is what templates are filled with.
type project struct {
	Title    string // of the language
	Handlers []handler
	Typed    bool   // there are types of bodies
	SDK      string // the folder sdk of a checkout; "" = the SDK is published
	Version  string
	Install  []string
	Run      string
	HasTypes bool // of any handler

	quote      func(string) string
	contract   *Contract
	language   language
	schemaName map[string]string
}

// handlersOf makes a handler of each condition, in their order.
func (p *project) handlersOf(conditions []action.Condition) {
	taken := map[string]bool{}
	for _, of := range conditions {
		h := handler{Phase: of.Phase, Match: of.Match, Name: unlike(p.language.naming(handlerWords(of)), taken)}
		if key := p.contract.keyOf(of); key != "" && p.Typed {
			h.Body, h.Request, h.Response, h.Payload = p.typesOf(key)
			p.HasTypes = true
		}
		p.Handlers = append(p.Handlers, h)
	}
}

// typesOf are the types of the body of a webhook and of its parts.
func (p *project) typesOf(key string) (body, request, response, payload string) {
	of := p.contract.bodyOf(key)
	name := func(schema string) string {
		if schema == "" {
			return ""
		}
		return p.language.typed(p.schemaName[schema])
	}
	return name(of), name(p.contract.messageOf(of, "request")), name(p.contract.messageOf(of, "response")), name(p.contract.messageOf(of, "event_payload"))
}

// Of are the handlers of a phase.
func (p *project) Of(phase string) (all []handler) {
	for _, h := range p.Handlers {
		if string(h.Phase) == phase {
			all = append(all, h)
		}
	}
	return all
}

// Calls tells whether there is a handler that somebody waits for.
func (p *project) Calls() bool { return len(p.Of("event")) < len(p.Handlers) }

// Any tells whether there is a handler with a part that has no type.
func (p *project) Any() bool {
	for _, h := range p.Handlers {
		switch {
		case h.Phase == action.Request && h.Request == "",
			h.Phase == action.Response && (h.Request == "" || h.Response == ""),
			h.Phase == action.Function && h.Body == "",
			h.Phase == action.OnEvent && h.Payload == "":
			return true
		}
	}
	return false
}

// render fills the templates of a language.
func (p *project) render() (files, error) {
	all := files{}
	for to, from := range map[string]string{"README.md": "any/README.md", "callout.yaml": "any/callout.yaml", ".gitignore": p.language.name + "/gitignore"} {
		if err := p.fill(all, to, from); err != nil {
			return nil, err
		}
	}
	for _, name := range p.language.files {
		if err := p.fill(all, name, p.language.name+"/"+path.Base(name)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (p *project) fill(all files, to, from string) error {
	text, err := templates.ReadFile("templates/" + from + ".tmpl")
	if err != nil {
		return err
	}
	t, err := template.New(from).Funcs(template.FuncMap{"quote": p.quote, "text": quoted, "xml": escaped, "join": path.Join}).Parse(string(text))
	if err == nil {
		t, err = t.ParseFS(templates, "templates/any/maven.tmpl")
	}
	if err != nil {
		return fmt.Errorf("templates/%s: %w", from, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return fmt.Errorf("templates/%s: %w", from, err)
	}
	all[to] = b.Bytes()
	return nil
}

// steps are the commands that get what a project needs.
func (p *project) steps() []string {
	if p.SDK == "" || p.language.installBy == "" {
		return p.language.install
	}
	return append([]string{strings.ReplaceAll(p.language.installBy, "SDK", ShellWord(p.SDK))}, p.language.install...)
}
