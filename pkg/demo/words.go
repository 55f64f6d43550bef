package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// words is what columns and lines have in common: all that is said before and
// after the play.
type words struct {
	out     io.Writer
	ink     ink
	columns int // 0 = no end of the line
}

func (w words) begin(in intro) {
	var b strings.Builder
	b.WriteString("\n" + w.ink.paint(bold, "Callout plays the Actions sequence: one user is created, three targets take part.") + "\n\n")
	ldap := "embedded"
	if !in.OwnLDAP {
		ldap = "yours"
	}
	fleet := "broker, dispatcher and worker in this process"
	if in.Workers > 0 {
		fleet = fmt.Sprintf("processes: 1 dispatcher, workers: %d", in.Workers)
	}
	parties := [][3]string{
		{"engine", in.NATSURL, fleet},
		{"core", in.CoreURL, "the application that is extended"},
		{"ldap", in.LDAPURL, ldap},
	}
	if in.Hooks != "" {
		parties = append(parties, [3]string{"hooks", in.Hooks, "they take the place of the demo's own"})
	}
	for _, l := range parties {
		fmt.Fprintf(&b, "  %s %-28s %s\n", w.ink.paint(dim, fmt.Sprintf("%-7s", l[0])), l[1], w.ink.paint(dim, l[2]))
	}
	if in.Promise != "" {
		b.WriteString("\n  " + w.ink.paint(red, "broken on purpose") + "\n")
		for _, l := range wrap(in.Promise, w.columns-2) {
			b.WriteString("  " + l + "\n")
		}
	}
	write(w.out, b.String()+"\n")
}

func (w words) proven(proofs []proof) {
	var b strings.Builder
	b.WriteString("\n")
	for _, p := range proofs {
		b.WriteString("  " + w.ink.paint(green, "✓") + " " + p.Name + "\n")
		if p.Detail != "" {
			b.WriteString("    " + w.ink.paint(dim, p.Detail) + "\n")
		}
	}
	write(w.out, b.String())
}

func (w words) stay(suggestions []suggestion) {
	var b strings.Builder
	b.WriteString("\n" + w.ink.paint(bold, "It keeps running. Try, in another terminal:") + "\n")
	for _, t := range suggestions {
		fmt.Fprintf(&b, "\n  %s\n  %s\n", w.ink.paint(dim, "# "+t.Why), w.ink.paint(cyan, t.Command))
	}
	b.WriteString("\n" + w.ink.paint(dim, "What you set going is drawn below. Ctrl-C ends it.") + "\n\n")
	write(w.out, b.String())
}

func (w words) end(err error, took time.Duration) {
	if err != nil {
		write(w.out, "\n  "+w.ink.paint(red, "✗ "+err.Error())+"\n\n")
		return
	}
	write(w.out, "\n  "+w.ink.paint(green, "Every step happened in its place.")+
		w.ink.paint(dim, fmt.Sprintf("  %.1f s in all", took.Seconds()))+"\n\n")
}

// wrap breaks text between words into lines of width characters; a width below
// 20 is none.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && width >= 20 && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

// millis is a time for the eye.
func millis(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }

// label is a step's text with its attempt, where there was more than one.
func label(s Step) string {
	if s.Attempt > 1 {
		return fmt.Sprintf("%s, attempt %d", s.Text, s.Attempt)
	}
	return s.Text
}
