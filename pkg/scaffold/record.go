package scaffold

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// recordFile is where a folder keeps what was written into it. What it names is ours.
const recordFile = "callout.generated.json"

// maxRecord bounds a record that is read, in bytes.
const maxRecord = 16 << 20

// record is what was written into a folder when it was generated last.
type record struct {
	Says     string            `json:"says"`
	Language string            `json:"language"`
	Kind     Kind              `json:"kind"`
	Files    map[string]origin `json:"files"` // by their paths with slashes
}

// origin is one file as it was written.
type origin struct {
	Sum string `json:"sha256"`
	// Generated says that nobody is to change it. The others are begun for somebody who does.
	Generated bool `json:"generated,omitzero"`
}

const recordSays = "What callout generate has written, so that it knows, when it is run again, what you have changed: keep this file with the others."

// readRecord reads the record of a folder; nil = there is none. The error says that it
// cannot be read, or that the folder has something else.
func (o *Options) readRecord() (*record, error) {
	at := filepath.Join(o.Dir, recordFile)
	file, err := os.Open(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	raw, err := io.ReadAll(io.LimitReader(file, maxRecord+1))
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(raw, &r); err != nil || len(raw) > maxRecord {
		return nil, fmt.Errorf("%s cannot be read, so what is yours in the folder is not known: nothing is written; get it back, or name another folder", at)
	}
	for name := range r.Files {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return nil, fmt.Errorf("%s names %q, which is not in the folder: nothing is written", at, name)
		}
	}
	if r.Language != o.Language || r.Kind != o.Kind {
		return nil, fmt.Errorf("%s has a %s in %s: nothing is written; name another folder for a %s in %s", o.Dir, singular[r.Kind], r.Language, singular[o.Kind], o.Language)
	}
	return &r, nil
}

func sumOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// sumAt is that of a file of a folder; "" = it is not there. What is no file is an error.
func sumAt(dir, name string) (string, error) {
	at := filepath.Join(dir, filepath.FromSlash(name))
	is, err := os.Lstat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case !is.Mode().IsRegular():
		return "", fmt.Errorf("%s is no file, so it is not written over", at)
	}
	file, err := os.Open(at)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
