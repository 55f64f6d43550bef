package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// TestNoTextIsTurnedRound: whatever is printed or logged, a name cannot make a
// line be read otherwise than it stands.
func TestNoTextIsTurnedRound(t *testing.T) {
	t.Parallel()
	const name, shown = "a\u202eb", `a\u202eb`
	for what, print := range map[string]func(p *Program) error{
		"text":  func(p *Program) error { return p.say("%s\n", name) },
		"note":  func(p *Program) error { p.note(name); return nil },
		"error": func(p *Program) error { p.tell(name); return nil },
		"table": func(p *Program) error {
			table := p.table("NAME")
			table.add(name)
			return table.flush()
		},
		"facts": func(p *Program) error {
			var f facts
			f.add("name", name)
			return p.say("%s", f.String())
		},
		"json":  func(p *Program) error { return p.print(asJSON, &calloutv1.Target{Name: name}) },
		"value": func(p *Program) error { return p.printValue(map[string]string{"name": name}) },
		"log": func(p *Program) error {
			log, err := (&logFlags{level: "info", format: "json"}).logger(p.Err)
			log.Info().Str("name", name).Msg("")
			return err
		},
		"console": func(p *Program) error {
			log, err := (&logFlags{level: "info", format: "console"}).logger(p.Err)
			log.Info().Msg(name)
			return err
		},
	} {
		var out bytes.Buffer
		p := &Program{Out: &out, Err: &out, Getenv: func(string) string { return "" }}
		require.NoError(t, print(p), what)
		require.Contains(t, out.String(), shown, what)
		require.False(t, strings.ContainsRune(out.String(), '\u202e'), what)
	}
}
