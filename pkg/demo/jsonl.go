package demo

import (
	"encoding/json"
	"io"
	"time"
)

// jsonView writes one object a line. Every object has a kind: begin, step,
// check, try or end. The last one is end, with ok true or false; only when the
// demo is held does more follow: the commands to try, and further steps.
type jsonView struct{ out io.Writer }

// jsonStep is a step as --json shows it.
type jsonStep struct {
	Kind    string          `json:"kind"`
	MS      float64         `json:"t_ms"` // since the play began
	From    Party           `json:"from"`
	To      Party           `json:"to"`
	Arrow   string          `json:"arrow"` // ->>, -->> or --x
	Text    string          `json:"text"`
	Attempt int             `json:"attempt,omitempty"`
	Status  int             `json:"status,omitempty"`
	Failed  bool            `json:"failed"`
	Detail  string          `json:"detail,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"` // what was sent or answered
}

func (v *jsonView) line(x any) { write(v.out, string(encode(x))+"\n") }

func (v *jsonView) begin(in intro) {
	v.line(struct {
		Kind string `json:"kind"`
		intro
	}{"begin", in})
}

func (v *jsonView) step(s Step) {
	body := s.Body
	if !json.Valid(body) {
		body = nil
	}
	v.line(jsonStep{
		Kind: "step", MS: float64(s.At.Microseconds()) / 1000, From: s.From, To: s.To,
		Arrow: s.Head(), Text: s.Text, Attempt: s.Attempt, Status: s.Status,
		Failed: s.Failed, Detail: s.Detail, Body: body,
	})
}

func (v *jsonView) proven(proofs []proof) {
	for _, p := range proofs {
		v.line(struct {
			Kind string `json:"kind"`
			proof
		}{"check", p})
	}
}

func (v *jsonView) stay(suggestions []suggestion) {
	for _, t := range suggestions {
		v.line(struct {
			Kind string `json:"kind"`
			suggestion
		}{"try", t})
	}
}

func (v *jsonView) end(err error, took time.Duration) {
	last := struct {
		Kind  string  `json:"kind"`
		OK    bool    `json:"ok"`
		MS    float64 `json:"t_ms"`
		Error string  `json:"error,omitempty"`
	}{Kind: "end", OK: err == nil, MS: float64(took.Microseconds()) / 1000}
	if err != nil {
		last.Error = err.Error()
	}
	v.line(last)
}
