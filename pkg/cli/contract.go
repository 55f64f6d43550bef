package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/contract"
)

// contract fetches what a target gets, with what the cores of the instance have declared.
func (s *serverFlags) contract(ctx context.Context) (*contract.Document, error) {
	raw, err := s.contractText(ctx, "")
	if err != nil {
		return nil, err
	}
	document, err := contract.ReadDocument(raw)
	if err != nil {
		return nil, s.strange(err.Error())
	}
	return document, nil
}

// contractText fetches that contract, or the one of a single core.
func (s *serverFlags) contractText(ctx context.Context, core string) ([]byte, error) {
	path := "/contract/openapi.json"
	if core != "" {
		path += "?" + url.Values{"core": {core}}.Encode()
	}
	status, raw, err := s.get(ctx, path)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		var refusal struct{ Error *action.Error }
		if json.Unmarshal(raw, &refusal) == nil && refusal.Error != nil {
			return nil, refusal.Error
		}
		return nil, s.strange(http.StatusText(status))
	}
	return raw, nil
}

// explainSchema tells what a target gets for a call or an event.
func (p *Program) explainSchema(ctx context.Context, f *explainFlags, phase action.Phase, name string) error {
	document, err := f.server.contract(ctx)
	if err != nil {
		return p.refused(err)
	}
	schema, typed, err := document.SchemaFor(phase, name)
	if err != nil {
		return f.server.strange(err.Error())
	}
	if !typed {
		p.note("no core has declared what is in it: this is the schema of every " + string(phase))
	}
	raw, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	var shown bytes.Buffer
	if err := json.Indent(&shown, raw, "", "  "); err != nil {
		return err
	}
	return p.say("%s\n", shown.String())
}
