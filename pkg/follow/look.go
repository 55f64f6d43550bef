package follow

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// The errors of a file that is not read. They come inside a *fs.PathError, as
// those of the file system do.
var (
	ErrNotRegular = errors.New("it is no regular file: a device, a pipe or a socket is not read")
	ErrTooLarge   = errors.New("the file is too large")
	ErrRestless   = errors.New("the file is never left alone: it keeps being written to")
)

// sight is what one look at a path has found: a file and its content, or what
// is wrong.
type sight struct {
	info fs.FileInfo
	text []byte
	err  error
}

// place is a path that is looked at.
type place struct {
	named string // as the user writes it, for errors
	path  string // the same, absolute where it is followed
	limit int64  // bytes that its file may have
}

// look reads the file as it is now.
func (p place) look() sight {
	info, text, err := once(p.path, p.limit)
	if err != nil {
		return p.failed(err)
	}
	return sight{info: info, text: text}
}

// failed names the path in an error as the user knows it.
func (p place) failed(err error) sight {
	op := "open"
	if of := (*fs.PathError)(nil); errors.As(err, &of) {
		err = of.Err
		if of.Op == "read" {
			op = of.Op
		}
	}
	return sight{err: &fs.PathError{Op: op, Path: p.named, Err: err}}
}

func readable(info fs.FileInfo, limit int64) error {
	switch {
	case info.IsDir():
		return &fs.PathError{Op: "read", Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		return ErrNotRegular
	case info.Size() > limit:
		return tooLarge(limit)
	}
	return nil
}

func tooLarge(limit int64) error {
	return fmt.Errorf("%w: at most %d bytes are read", ErrTooLarge, limit)
}

func (s sight) hasText() bool { return s.err == nil && len(s.text) > 0 }

// same tells whether two looks found the same, untouched.
func (s sight) same(other sight) bool {
	return s.tellsSame(other) && (s.err != nil || s.untouched(other.info))
}

// tellsSame tells whether what two looks found reads the same.
func (s sight) tellsSame(other sight) bool {
	if s.err != nil || other.err != nil {
		return s.err != nil && other.err != nil && s.err.Error() == other.err.Error()
	}
	return bytes.Equal(s.text, other.text)
}

func (s sight) untouched(info fs.FileInfo) bool {
	return s.isFile(info) && s.info.Size() == info.Size() && s.info.ModTime().Equal(info.ModTime())
}

// isFile tells by device and inode whether it is that very file.
func (s sight) isFile(info fs.FileInfo) bool {
	return s.info != nil && info != nil && os.SameFile(s.info, info)
}

// fine is how coarse the clock of a file system may be: within it a file can be
// written twice and show the same time.
const fine = 2 * time.Second

// shows tells whether a path still shows what was found, and reads it only
// where size and time prove nothing.
func (p place) shows(s sight) bool {
	if s.err == nil && time.Since(s.info.ModTime()) > fine {
		info, err := os.Stat(p.path)
		return err == nil && s.untouched(info)
	}
	return p.look().same(s)
}
