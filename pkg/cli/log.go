package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/callout-hq/callout/pkg/action"
)

type flagType = pflag.Flag

// logFlags say how to log. A terminal gets lines to read, everything else
// JSON.
type logFlags struct {
	level, format string
	verbose       bool
}

func (l *logFlags) add(cmd *cobra.Command, level string) {
	cmd.Flags().StringVar(&l.level, "log-level", level, "debug, info, warn or error")
	cmd.Flags().BoolVarP(&l.verbose, "verbose", "v", false, "on a console, all fields of an attempt instead of a short line; JSON has them in any case")
	cmd.Flags().StringVar(&l.format, "log-format", "auto", "json, console, or auto: console on a terminal")
}

func (l *logFlags) logger(out io.Writer) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(l.level)
	if err != nil || l.level == "" {
		return zerolog.Nop(), &usageError{fmt.Errorf("--log-level %q: debug, info, warn or error are known", l.level)}
	}
	to := out
	out = legible{out}
	switch l.format {
	case "auto":
		if isTerminal(to) {
			out = l.console(out, to)
		}
	case "console":
		out = l.console(out, to)
	case "json":
	default:
		return zerolog.Nop(), &usageError{fmt.Errorf("--log-format %q: json, console or auto are known", l.format)}
	}
	return zerolog.New(out).Level(level).With().Timestamp().Logger(), nil
}

func (l *logFlags) console(out, to io.Writer) io.Writer {
	lines := consoleLines(out, to)
	if l.verbose {
		return lines
	}
	return &briefly{out: out, rest: lines, pen: pen(isTerminal(to) && os.Getenv("NO_COLOR") == "")}
}

func consoleLines(out, to io.Writer) io.Writer {
	return zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: !isTerminal(to) || os.Getenv("NO_COLOR") != ""}
}

// legible writes lines of a log as they are to be read, see action.EscapeBidi.
type legible struct{ out io.Writer }

func (l legible) Write(line []byte) (int, error) {
	if _, err := io.WriteString(l.out, action.EscapeBidi(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// width is how many columns a terminal has.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil {
			return columns
		}
	}
	return 0
}
