package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// files are what is written, by their paths with slashes.
type files map[string][]byte

// keyFile holds the key that a target and its configuration share. One that is there is
// never written over.
const keyFile = "signing.key"

// checkNew tells whether a folder is new or empty; else the error says what to do instead.
func checkNew(dir, instead string) error {
	there, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(there) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s cannot be written to: %w", dir, err)
	}
	if instead != "" {
		instead = ", " + instead
	}
	return fmt.Errorf("%s is not empty, it has %s: nothing is written; name another folder%s", dir, named(there), instead)
}

// WriteNew writes files into a folder that is new or empty: all of them or none.
func WriteNew(dir string, texts map[string]string) error {
	if err := checkNew(dir, ""); err != nil {
		return err
	}
	all := files{}
	for name, text := range texts {
		all[name] = []byte(text)
	}
	return all.write(dir)
}

// mostNamed bounds how many files an error names.
const mostNamed = 5

func named(there []fs.DirEntry) string {
	var names []string
	for _, e := range there {
		names = append(names, e.Name())
	}
	return few(names)
}

// write puts all files into a folder and takes others away, or leaves it as it was: they are
// written beside it first, and what is written over is put back when one cannot be moved.
func (f files) write(dir string, remove ...string) (err error) {
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
	for i, name := range remove {
		at, aside := filepath.Join(dir, filepath.FromSlash(name)), filepath.Join(stage, fmt.Sprint("removed", i))
		if err := os.Rename(at, aside); err != nil {
			return err
		}
		undo = append(undo, func() error { return os.Rename(aside, at) })
	}
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
