package cli

// pen paints words for a terminal; the zero value leaves them as they are.
type pen bool

// The colours of a terminal.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	faint  = "2"
)

func (on pen) paint(colour, text string) string {
	if !on || text == "" || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// pen is for what is printed: in colours on a terminal, unless NO_COLOR is set.
func (p *Program) pen() pen {
	return pen(isTerminal(p.Out) && p.Getenv("NO_COLOR") == "" && p.Getenv("TERM") != "dumb")
}

// signColours are those of a plan's signs, stateColours those of states.
var (
	signColours  = map[string]string{"+": green, "~": yellow, "-": red}
	stateColours = map[string]string{
		"running": green, "retrying": yellow, "migrating": yellow, "draining": yellow, "paused": yellow, "stopped": red, "lost": red,
	}
)
