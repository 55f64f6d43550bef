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
)

type flagType = pflag.Flag

// logFlags say how to log. A terminal gets lines to read, everything else
// JSON.
type logFlags struct{ level, format string }

func (l *logFlags) add(cmd *cobra.Command, level string) {
	cmd.Flags().StringVar(&l.level, "log-level", level, "debug, info, warn or error")
	cmd.Flags().StringVar(&l.format, "log-format", "auto", "json, console, or auto: console on a terminal")
}

func (l *logFlags) logger(out io.Writer) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(l.level)
	if err != nil || l.level == "" {
		return zerolog.Nop(), &usageError{fmt.Errorf("--log-level %q: debug, info, warn or error are known", l.level)}
	}
	switch l.format {
	case "auto":
		if isTerminal(out) {
			out = console(out)
		}
	case "console":
		out = console(out)
	case "json":
	default:
		return zerolog.Nop(), &usageError{fmt.Errorf("--log-format %q: json, console or auto are known", l.format)}
	}
	return zerolog.New(out).Level(level).With().Timestamp().Logger(), nil
}

func console(out io.Writer) io.Writer {
	return zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: !isTerminal(out) || os.Getenv("NO_COLOR") != ""}
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
