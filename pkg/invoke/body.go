package invoke

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/callout-hq/callout/pkg/action"
)

// wireSlack is by how much a compressed answer may be longer than the bound of
// the plain one. It ends a stream of endless empty gzip members.
const wireSlack = 64 << 10

// chunkBytes is the size of the pieces in which a body of unknown length is
// read. The pieces are used again; the body itself is made once, when its
// length is known.
const chunkBytes = 32 << 10

type chunk [chunkBytes]byte

var (
	chunksFree    = sync.Pool{New: func() any { return new(chunk) }}
	unzippersFree = sync.Pool{New: func() any { return &unzipper{buffer: bufio.NewReader(nil)} }}
)

// readBody reads the whole body, undoes gzip, and refuses more than limit bytes
// of it with answer_too_large. With objectOnly it stops with errNoObject where a
// body turns out to be none. Beside an error it gives what it has read, or the
// beginning of that.
func readBody(resp *http.Response, limit int, objectOnly bool) ([]byte, error) {
	size := resp.ContentLength // -1 = unknown
	switch encoding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		if size > int64(limit) {
			return nil, tooLarge(nil)
		}
		from := io.Reader(resp.Body)
		if objectOnly {
			from = &objectReader{from: from}
		}
		if size >= 0 {
			return readExactly(from, int(size))
		}
		return readUnknown(from, limit)
	case "gzip", "x-gzip":
		if size > int64(limit)+wireSlack {
			return nil, tooLarge(nil)
		}
		return unzip(resp.Body, limit, objectOnly)
	default:
		return nil, action.NewError(action.CodeAnswerBroken, action.StageAnswer, "").
			WithCause(fmt.Errorf("content encoding %.40q", encoding))
	}
}

// readExactly reads a body whose length is known. net/http ends it there.
func readExactly(from io.Reader, size int) ([]byte, error) {
	if size == 0 {
		return nil, nil
	}
	body := make([]byte, size)
	n, err := io.ReadFull(from, body)
	return body[:n], err
}

// isPacked tells whether a body is compressed in a way that is undone.
func isPacked(resp *http.Response) bool {
	switch strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding"))) {
	case "gzip", "x-gzip":
		return true
	}
	return false
}

// readUnknown reads to the end, in pieces.
func readUnknown(from io.Reader, limit int) ([]byte, error) {
	chunks := make([]*chunk, 0, 8)
	defer func() {
		for _, c := range chunks {
			chunksFree.Put(c)
		}
	}()
	for size := 0; ; {
		next := chunksFree.Get().(*chunk)
		chunks = append(chunks, next)
		n, err := fill(from, next[:min(chunkBytes, limit+1-size)])
		if size += n; size > limit {
			return join(chunks, min(size, action.MaxBeginning+1)), tooLarge(nil)
		}
		if errors.Is(err, io.EOF) {
			return join(chunks, size), nil
		}
		if err != nil {
			return join(chunks, min(size, action.MaxBeginning+1)), err
		}
	}
}

// fill reads until p is full or an error comes. Unlike io.ReadFull it tells the
// end of a body from one that broke off.
func fill(from io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var got int
		got, err = from.Read(p[n:])
		n += got
	}
	return n, err
}

func join(chunks []*chunk, size int) []byte {
	if size == 0 {
		return nil
	}
	body := make([]byte, 0, size)
	for _, c := range chunks {
		body = append(body, c[:min(chunkBytes, size-len(body))]...)
	}
	return body
}

// unzipper undoes gzip. It costs 40 KiB to make, so it is used again.
type unzipper struct {
	gzip.Reader
	bounded boundedReader
	buffer  *bufio.Reader
}

// unzip reads what is compressed. An empty body needs no encoding.
func unzip(from io.Reader, limit int, objectOnly bool) ([]byte, error) {
	z := unzippersFree.Get().(*unzipper)
	defer func() {
		z.bounded.from = nil
		unzippersFree.Put(z)
	}()
	z.bounded = boundedReader{from: from, left: limit + wireSlack}
	z.buffer.Reset(&z.bounded)
	err := z.Reset(z.buffer)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if objectOnly {
		return readUnknown(&objectReader{from: z}, limit)
	}
	return readUnknown(z, limit)
}

// boundedReader fails, rather than ends, after left bytes.
type boundedReader struct {
	from io.Reader
	left int
}

func (r *boundedReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, tooLarge(errors.New("the compressed body is over its bound"))
	}
	n, err := r.from.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

var errNoObject = errors.New("the body is no JSON object")

// objectReader fails at the first byte that cannot begin a JSON object.
type objectReader struct {
	from  io.Reader
	begun bool
}

func (r *objectReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	for k := 0; k < n && !r.begun; k++ {
		switch p[k] {
		case ' ', '\t', '\r', '\n', byteOrderMark[0], byteOrderMark[1], byteOrderMark[2]:
		case '{':
			r.begun = true
		default:
			return n, errNoObject
		}
	}
	return n, err
}

func tooLarge(cause error) error {
	return action.NewError(action.CodeAnswerTooLarge, action.StageAnswer, "").WithCause(cause)
}
