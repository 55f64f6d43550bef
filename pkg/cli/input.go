package cli

import (
	"context"
	"io"
	"os"
)

// input reads standard input, at most so many bytes. Who reads a terminal is told
// so; the first Ctrl-C ends that, while the read itself waits on for a line that
// nobody needs any more.
func (p *Program) input(ctx context.Context, most int64) ([]byte, error) {
	if !isTerminal(os.Stdin) {
		return io.ReadAll(io.LimitReader(os.Stdin, most))
	}
	p.note("reading from the terminal; end with Ctrl-D")
	type read struct {
		raw []byte
		err error
	}
	done := make(chan read, 1)
	go func() {
		raw, err := io.ReadAll(io.LimitReader(os.Stdin, most))
		done <- read{raw, err}
	}()
	select {
	case r := <-done:
		return r.raw, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
