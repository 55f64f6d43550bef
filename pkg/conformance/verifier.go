package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxVerdict bounds a line of a verifier, in bytes.
const maxVerdict = 4 << 20

// patience is how long a verifier may take for a line, and a program to listen. The first
// one takes in how long the program needs to start.
const patience = time.Minute

// Verifier is a verifier that is asked line by line, and answers in order.
type Verifier struct {
	In  io.Writer
	Out io.Reader
}

// CheckVerifier asks about each vector in turn and tells each how it went. The error
// tells that the verifier answers no more: what was not asked has no result. It is not for several goroutines.
func CheckVerifier(ctx context.Context, of Verifier, vectors []Vector, each func(Result)) error {
	lines := make(chan []byte)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { ended <- readLines(ctx, of.Out, lines) }()
	for _, v := range vectors {
		begun := time.Now()
		asked := make(chan error, 1)
		go func() { asked <- ask(of.In, v) }() // one that does not read its standard input holds up who writes
		wait := time.After(patience)
		select {
		case err := <-asked:
			if err != nil {
				return fmt.Errorf("%s: the verifier takes no more: %w", v.Case, err)
			}
		case <-wait:
			return fmt.Errorf("%s: the verifier has not read its question for %s", v.Case, patience)
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case line := <-lines:
			each(resultOf(v.Case, v.Rule, begun, v.compare(line)))
		case err := <-ended:
			return fmt.Errorf("%s: the verifier has ended without an answer: %w", v.Case, err)
		case <-wait:
			return fmt.Errorf("%s: the verifier has not answered for %s", v.Case, patience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func ask(to io.Writer, v Vector) error {
	line := v.Line
	line.ID = v.Case
	raw, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = to.Write(append(raw, '\n'))
	return err
}

func readLines(ctx context.Context, from io.Reader, lines chan<- []byte) error {
	scan := bufio.NewScanner(from)
	scan.Buffer(nil, maxVerdict)
	for scan.Scan() {
		select {
		case lines <- bytes.Clone(scan.Bytes()):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := scan.Err(); err != nil {
		return err
	}
	return io.EOF
}

// compare holds an answer against what is wanted.
func (v Vector) compare(line []byte) error {
	var have Verdict
	if err := json.Unmarshal(line, &have); err != nil {
		return fmt.Errorf("the answer is no JSON of section 11: %.200q", line)
	}
	switch {
	case have.ID != v.Case:
		return fmt.Errorf("the answer is about %q: is there one line for each, in order?", have.ID)
	case have.OK && !v.Want.OK:
		return errors.New("it was taken, and has to be refused")
	case !have.OK && v.Want.OK:
		return errors.New("it was refused, and is genuine")
	case v.Want.OK && have.DeliveryID != v.Want.DeliveryID:
		return fmt.Errorf("delivery_id is %q, not %q", have.DeliveryID, v.Want.DeliveryID)
	case v.Want.OK && (have.Body == nil || !bytes.Equal(*have.Body, *v.Want.Body)):
		return errors.New("body is not what a handler has to get, byte for byte")
	}
	return nil
}
