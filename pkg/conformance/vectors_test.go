package conformance_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/conformance"
)

var update = flag.Bool("update", false, "write the vectors of verifiers anew")

const folder = "../../schemas/conformance/verifier"

// TestVectors holds the vectors against pkg/sign: those that are genuine are signed by it,
// and each of the others is one of those with one thing changed.
func TestVectors(t *testing.T) {
	for name, make := range map[string]func(*maker){
		"1-keys.json": keyVectors, "2-standard.json": standardVectors, "2-times.json": timeVectors, "2-zitadel.json": zitadelVectors,
		"2-bodies.json": bodyVectors, "3-jwt.json": jwtVectors, "3-jwe.json": jweVectors,
	} {
		t.Run(name, func(t *testing.T) {
			m := newMaker(t)
			make(m)
			m.sealed.write(t)
			var out bytes.Buffer
			out.WriteString("[\n")
			for n, v := range m.all {
				if n > 0 {
					out.WriteString(",\n")
				}
				out.Write(oneLine(t, v))
			}
			out.WriteString("\n]\n")
			file := filepath.Join(folder, name)
			if *update {
				require.NoError(t, os.WriteFile(file, out.Bytes(), 0o600))
				return
			}
			have, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, out.String(), string(have), "%s is not what pkg/sign makes: run the test with -update", file)
		})
	}
}

func oneLine(t *testing.T, v any) []byte {
	t.Helper()
	var out bytes.Buffer
	to := json.NewEncoder(&out)
	to.SetEscapeHTML(false)
	require.NoError(t, to.Encode(v))
	return bytes.TrimRight(out.Bytes(), "\n")
}

// maker makes vectors. What it is given by mutation is what a rule is about.
type maker struct {
	t      *testing.T
	keys   conformance.Keys
	sealed *sealed
	all    []conformance.Vector
}

func newMaker(t *testing.T) *maker {
	t.Helper()
	k, err := conformance.ReadKeys()
	require.NoError(t, err)
	return &maker{t: t, keys: k, sealed: readSealed(t)}
}

type (
	line    = conformance.Line
	headers = [][2]string
)

// good adds a case that is genuine. The body that a handler gets is that of the line.
func (m *maker) good(rule, name, delivery string, l line) {
	body := l.Body
	m.plain(rule, name, delivery, l, body)
}

// plain adds one whose body is another one to a handler.
func (m *maker) plain(rule, name, delivery string, l line, body []byte) {
	if body == nil {
		body = []byte{}
	}
	m.add(rule, name, l, conformance.Verdict{OK: true, DeliveryID: delivery, Body: &body})
}

// bad adds a case that is not.
func (m *maker) bad(rule, name string, l line) { m.add(rule, name, l, conformance.Verdict{}) }

func (m *maker) add(rule, name string, l line, want conformance.Verdict) {
	if l.Now == 0 {
		l.Now = m.keys.Now
	}
	if l.Schemes == nil {
		l.Schemes = []string{}
	}
	if l.Keys == nil {
		l.Keys = []string{}
	}
	if l.Headers == nil {
		l.Headers = headers{}
	}
	if l.Body == nil {
		l.Body = []byte{}
	}
	m.all = append(m.all, conformance.Vector{Case: rule + " " + name, Rule: rule, Line: l, Want: want})
}
