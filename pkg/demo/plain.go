package demo

import "fmt"

// plainView shows one line a step, in Mermaid's notation, for logs and pipes.
type plainView struct{ words }

func (v *plainView) step(s Step) {
	line := fmt.Sprintf("%9s ms  %s%s%s: %s", millis(s.At), s.From, s.Head(), s.To, label(s))
	if s.Detail != "" {
		line += "  [" + s.Detail + "]"
	}
	if s.Failed {
		line = v.ink.paint(red, line)
	}
	write(v.out, line+"\n")
}
