package follow

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// readFor is how long a read may take of a file that could wait for something,
// such as some of /proc; one on a disk has no end.
const readFor = 5 * time.Second

// Once reads a file of at most limit bytes as it is now. It is how every file is
// read that somebody else names: a regular one, at the end of any links, that
// nothing is waited for, and no more of it than limit. The error is a
// *fs.PathError with ErrNotRegular, ErrTooLarge, or what the file system says. It
// may be called from any goroutine; a disk that does not answer blocks it, so that
// no lock is held meanwhile.
func Once(path string, limit int64) ([]byte, error) {
	_, text, err := once(path, limit)
	if err != nil {
		return nil, place{named: path}.failed(err).err
	}
	return text, nil
}

// OnceIn is Once for a name within a directory: a link that leads out of it is an
// error, which tells nothing of where it leads.
func OnceIn(root *os.Root, name string, limit int64) ([]byte, error) {
	_, text, err := readOnce(root.Stat, root.OpenFile, name, limit)
	if err != nil {
		return nil, place{named: name}.failed(err).err
	}
	return text, nil
}

// once blocks on nothing but the disk: what is no regular file is not opened,
// and should one take the file's place just then, opening does not wait for the
// other end of a pipe.
func once(path string, limit int64) (fs.FileInfo, []byte, error) {
	return readOnce(os.Stat, os.OpenFile, path, limit)
}

func readOnce(stat func(string) (fs.FileInfo, error), open func(string, int, fs.FileMode) (*os.File, error), path string, limit int64) (fs.FileInfo, []byte, error) {
	info, err := stat(path) // first: opening a device may do something
	if err == nil {
		err = readable(info, limit)
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := open(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	if info, err = f.Stat(); err == nil {
		err = readable(info, limit)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := f.SetReadDeadline(time.Now().Add(readFor)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return nil, nil, err
	}
	text := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead)) // so that it need not grow
	_, err = text.ReadFrom(io.LimitReader(f, limit+1))
	if err == nil && int64(text.Len()) > limit { // it grew, or tells no size
		err = tooLarge(limit)
	}
	return info, text.Bytes(), err
}
