package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/callout-hq/callout/pkg/catalog"
)

// configuration is what -f names: one text, or the files of a folder, which
// are one configuration together.
type configuration struct {
	name  string
	files []catalog.File
}

// maxFiles is how many files of a folder are read.
const maxFiles = 1000

// load reads a file, the *.yaml and *.yml of a folder, or standard input.
func load(from string) (*configuration, error) {
	if from == "-" {
		raw, err := io.ReadAll(io.LimitReader(os.Stdin, catalog.MaxFile+1))
		return &configuration{"stdin", []catalog.File{{Name: "stdin", Text: raw}}}, err
	}
	info, err := os.Stat(from)
	if err == nil && info.IsDir() {
		return loadFolder(from)
	}
	raw, err := os.ReadFile(from)
	return &configuration{from, []catalog.File{{Name: from, Text: raw}}}, unreadable(from, err)
}

func loadFolder(dir string) (*configuration, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, unreadable(dir, err)
	}
	c := &configuration{name: dir}
	for _, e := range entries { // sorted by name
		hidden := strings.HasPrefix(e.Name(), ".")
		if ext := filepath.Ext(e.Name()); hidden || e.IsDir() || ext != ".yaml" && ext != ".yml" {
			continue
		}
		if len(c.files) == maxFiles {
			return nil, fmt.Errorf("the folder %s has more than %d files of a configuration", dir, maxFiles)
		}
		path := filepath.Join(dir, e.Name())
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, unreadable(path, err)
		}
		c.files = append(c.files, catalog.File{Name: path, Text: raw})
	}
	if len(c.files) == 0 {
		return nil, fmt.Errorf("the folder %s has no file *.yaml or *.yml", dir)
	}
	return c, nil
}

// parse reads and checks it. An empty instance takes what it says.
func (c *configuration) parse(instance string) (*catalog.Snapshot, []catalog.Problem) {
	if len(c.files) == 1 {
		return catalog.ParseFor(instance, c.files[0].Name, c.files[0].Text)
	}
	return catalog.ParseFiles(instance, c.files)
}

// read gives its objects without asking what they name.
func (c *configuration) read(instance string) (*catalog.Snapshot, error) {
	s, problems := catalog.ReadFiles(instance, c.files)
	if s == nil {
		return nil, &flawed{problems}
	}
	return s, nil
}

// text is what is sent to a server, and the warnings about it: a single file as
// it stands, several as one that is written from them. What is wrong with
// several is told here, where their names are known.
func (c *configuration) text(instance string) (text string, warnings []catalog.Problem, err error) {
	if len(c.files) == 1 && utf8.Valid(c.files[0].Text) {
		return string(c.files[0].Text), nil, nil
	}
	s, problems := c.parse(instance)
	if s == nil {
		return "", nil, &flawed{problems}
	}
	return string(catalog.Export(s)), problems, nil
}

// unreadable says of an error of the file system that it is about the
// configuration, and what to do; any other error stays as it is.
func unreadable(file string, err error) error {
	var of *fs.PathError
	if errors.As(err, &of) && of.Path == file {
		return fmt.Errorf("the configuration cannot be read: %w (give another with -f)", err)
	}
	return err
}
