package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// files are what is written, by their paths with slashes.
type files map[string][]byte

// keyFile holds the key that a target and its configuration share. One that is there is
// never written over.
const keyFile = "signing.key"

// check tells whether files may be written to a folder. Without force it is new or empty.
func (f files) check(dir string, force bool) error {
	there, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (len(there) == 0 || force) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s cannot be written to: %w", dir, err)
	}
	return fmt.Errorf("%s is not empty, it has %s: nothing is written; name another folder, or write over files of the same names with --force", dir, named(there))
}

// mostNamed bounds how many files an error names.
const mostNamed = 5

func named(there []fs.DirEntry) string {
	var names []string
	for _, e := range there[:min(len(there), mostNamed)] {
		names = append(names, e.Name())
	}
	if more := len(there) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// write puts all files into a folder, or leaves it as it was: they are written beside it
// first, and what is written over is put back when one cannot be moved.
func (f files) write(dir string) (err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	made, err := mkdirs(dir)
	undo := []func() error{func() error { return removeAll(made) }}
	defer func() {
		if err == nil {
			return
		}
		slices.Reverse(undo)
		for _, step := range undo {
			err = errors.Join(err, step())
		}
	}()
	if err != nil {
		return err
	}
	stage, err := os.MkdirTemp(dir, ".callout-generate-")
	if err != nil {
		return err
	}
	undo = append(undo, func() error { return os.RemoveAll(stage) })
	for i, name := range slices.Sorted(maps.Keys(f)) {
		at := filepath.Join(dir, filepath.FromSlash(name))
		made, err := mkdirs(filepath.Dir(at))
		undo = append(undo, func() error { return removeAll(made) })
		if err != nil {
			return err
		}
		back, err := f.place(name, at, filepath.Join(stage, fmt.Sprint(i)))
		if back != nil {
			undo = append(undo, back)
		}
		if err != nil {
			return err
		}
	}
	return os.RemoveAll(stage)
}

// place puts one file where it belongs; back undoes it.
func (f files) place(name, at, stage string) (back func() error, err error) {
	is, err := os.Lstat(at)
	switch {
	case err == nil && !is.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file, so it is not written over", at)
	case err == nil && name == keyFile:
		return nil, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	isThere, mode := err == nil, fs.FileMode(0o644)
	if name == keyFile {
		mode = 0o600
	}
	if err := os.WriteFile(stage+".new", f[name], mode); err != nil {
		return nil, err
	}
	if isThere {
		if err := os.Rename(at, stage+".old"); err != nil {
			return nil, err
		}
		back = func() error { return os.Rename(stage+".old", at) }
	} else {
		back = func() error {
			if err := os.Remove(at); !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		}
	}
	return back, os.Rename(stage+".new", at)
}

// mkdirs makes a folder and those above it, and gives those that were not there, the
// highest first.
func mkdirs(dir string) (made []string, err error) {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append([]string{at}, made...)
	}
	for i, at := range made {
		if err := os.Mkdir(at, 0o755); err != nil { //nolint:gosec // a project is read by others
			return made[:i], err
		}
	}
	return made, nil
}

// removeAll removes folders that were made, the lowest first.
func removeAll(made []string) (err error) {
	for _, at := range slices.Backward(made) {
		err = errors.Join(err, os.Remove(at))
	}
	return err
}
