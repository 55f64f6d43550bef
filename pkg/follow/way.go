package follow

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of a way. A kernel follows no more links either.
const (
	maxLinks       = 40
	maxSteps       = 4096
	maxDirectories = 128 // that are watched; the others are only looked at
)

// way is what resolving a path passes through, as far as it leads: what it
// leads to is there, or the last of its entries is what is missing.
type way struct {
	directories []directory
	entries     []string // each name that was looked up, with its directory
}

type directory struct {
	path string
	info fs.FileInfo // nil when it cannot be told
}

// resolve walks an absolute path as the system does, link by link: a/.. is not
// cut short, since a may be a link.
func resolve(path string) way {
	var w way
	at, rest := split(path)
	for links, steps := 0, 0; len(rest) > 0 && steps < maxSteps; steps++ {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		here := filepath.Join(at, name)
		w.pass(at, here)
		info, err := os.Lstat(here)
		if err != nil {
			return w
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = here
			continue
		}
		to, err := os.Readlink(here)
		if links++; err != nil || links > maxLinks {
			return w
		}
		from, through := split(to)
		if from != "" {
			at = from
		}
		rest = append(through, rest...)
	}
	return w
}

// split takes a path apart: where it begins, which is empty for a relative one,
// and the names behind.
func split(path string) (from string, names []string) {
	from = filepath.VolumeName(path)
	path = filepath.ToSlash(path[len(from):])
	if strings.HasPrefix(path, "/") {
		from += string(filepath.Separator)
	}
	return from, strings.Split(path, "/")
}

// pass notes a name that is looked up in a directory.
func (w *way) pass(at, here string) {
	w.entries = append(w.entries, here)
	known := slices.ContainsFunc(w.directories, func(d directory) bool { return d.path == at })
	if known || len(w.directories) == maxDirectories {
		return
	}
	info, err := os.Lstat(at)
	if err != nil {
		info = nil // it went just now
	}
	w.directories = append(w.directories, directory{at, info})
}

// holds tells whether what happened to a file may change where the way leads,
// or what is found there.
func (w *way) holds(file string) bool { return slices.Contains(w.entries, filepath.Clean(file)) }

// same tells whether two ways pass through the very same directories.
func (w *way) same(other way) bool {
	return slices.EqualFunc(w.directories, other.directories, func(a, b directory) bool {
		return a.path == b.path && a.info != nil && b.info != nil && os.SameFile(a.info, b.info)
	})
}
