package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/follow"
)

// configuration is what a command line names: files that are one configuration
// together, those of its folders among them.
type configuration struct {
	name  string
	files []file.File
}

// How many files of a folder are read, and how many entries of one looked at.
const (
	maxFiles   = 1000
	maxEntries = 10000
)

const stdin = "stdin"

// load reads files, the *.yaml and *.yml of folders, and standard input. Files
// are regular ones, and all have at most file.MaxFile bytes together. What cannot
// be read keeps nothing else from being read: the error names each, and the
// configuration holds the rest.
func (p *Program) load(ctx context.Context, from []string) (*configuration, error) {
	c := &configuration{name: strings.Join(from, ", ")}
	if c.name == "-" {
		c.name = stdin
	}
	var wrong []error
	for left := int64(file.MaxFile); len(from) > 0; from = from[1:] {
		files, err := p.read(ctx, from[0], left)
		if errors.Is(err, follow.ErrTooLarge) && len(c.files)+len(files) > 0 {
			return nil, fmt.Errorf("the files of the configuration have more than %d bytes together", file.MaxFile)
		}
		wrong = append(wrong, err)
		for _, f := range files {
			left -= int64(len(f.Text))
		}
		c.files = append(c.files, files...)
	}
	return c, errors.Join(wrong...)
}

// read reads one file, or those of a folder, of at most limit bytes.
func (p *Program) read(ctx context.Context, from string, limit int64) ([]file.File, error) {
	if from == "-" {
		raw, err := p.input(ctx, limit+1)
		return []file.File{{Name: stdin, Text: raw}}, err
	}
	paths := []string{from}
	if info, err := os.Stat(from); err == nil && info.IsDir() {
		names, err := configurationsIn(from)
		if err != nil {
			return nil, err
		}
		paths = nil
		for _, name := range names {
			paths = append(paths, filepath.Join(from, name))
		}
	}
	var files []file.File
	var wrong []error
	for _, path := range paths {
		raw, err := follow.Once(path, limit)
		if err != nil {
			wrong = append(wrong, unreadable(path, err))
			continue
		}
		limit -= int64(len(raw))
		files = append(files, file.File{Name: path, Text: raw})
	}
	return files, errors.Join(wrong...)
}

// rest tells what is wrong with the form of those files that could be read; what
// they name may stand in the others.
func (c *configuration) rest(ctx context.Context) []catalog.Problem {
	if c == nil || len(c.files) == 0 {
		return nil
	}
	_, problems, _ := file.ReadFiles(ctx, "", c.files)
	return problems
}

// configurationsIn lists the files of a folder that are of a configuration, by
// name.
func configurationsIn(dir string) ([]string, error) {
	folder, err := os.Open(dir)
	if err != nil {
		return nil, unreadable(dir, err)
	}
	defer func() { _ = folder.Close() }() // it was only read
	entries, err := folder.ReadDir(maxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, unreadable(dir, err)
	}
	var names []string
	for _, e := range entries {
		hidden := strings.HasPrefix(e.Name(), ".")
		if ext := filepath.Ext(e.Name()); !hidden && !e.IsDir() && (ext == ".yaml" || ext == ".yml") {
			names = append(names, e.Name())
		}
	}
	switch {
	case len(names) > maxFiles:
		return nil, fmt.Errorf("the folder %s has more than %d files of a configuration", dir, maxFiles)
	case len(entries) > maxEntries:
		return nil, fmt.Errorf("the folder %s has more than %d entries", dir, maxEntries)
	case len(names) == 0:
		return nil, fmt.Errorf("the folder %s has no file *.yaml or *.yml", dir)
	}
	slices.Sort(names)
	return names, nil
}

// parse reads and checks it. An empty instance takes what it says; a zero now asks for no
// certificate that is over.
func (c *configuration) parse(ctx context.Context, now time.Time, instance string) (*catalog.Snapshot, []catalog.Problem, error) {
	if len(c.files) == 1 {
		return file.ParseFor(ctx, now, instance, c.files[0].Name, c.files[0].Text)
	}
	return file.ParseFiles(ctx, now, instance, c.files)
}

// read gives its objects without asking what they name.
func (c *configuration) read(ctx context.Context, instance string) (*catalog.Snapshot, error) {
	s, problems, err := file.ReadFiles(ctx, instance, c.files)
	if err == nil && s == nil {
		err = &flawed{problems}
	}
	return s, err
}

// text is what is sent to a server, and the warnings about it: a single file as
// it stands, several as one that is written from them. What is wrong with
// several is told here, where their names are known.
func (c *configuration) text(ctx context.Context, instance string) (text string, warnings []catalog.Problem, err error) {
	if len(c.files) == 1 && utf8.Valid(c.files[0].Text) {
		return string(c.files[0].Text), nil, nil
	}
	s, problems, err := c.parse(ctx, time.Now(), instance)
	if err != nil {
		return "", nil, err
	}
	if s == nil {
		return "", nil, &flawed{problems}
	}
	return string(file.Export(s)), problems, nil
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
