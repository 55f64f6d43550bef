package follow

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// looks makes the sights of a test. Each file is one of its own.
type looks struct {
	t     *testing.T
	began time.Time
	files []string
}

// at is a file with a text, written so long behind the beginning.
func (l *looks) at(file int, text string, written time.Duration) sight {
	l.t.Helper()
	for len(l.files) <= file {
		l.files = append(l.files, filepath.Join(l.t.TempDir(), "file"))
	}
	write(l.t, l.files[file], text)
	require.NoError(l.t, os.Chtimes(l.files[file], time.Time{}, l.began.Add(written)))
	p := place{"file", l.files[file], limit}
	return p.look()
}

// TestRest looks every 50 ms, and tells when it is over.
func TestRest(t *testing.T) {
	t.Parallel()
	away := sight{err: errors.Join(fs.ErrNotExist)}
	for name, tt := range map[string]struct {
		told func(l *looks) sight
		look func(l *looks, after time.Duration) sight
		want time.Duration // 0: never
	}{
		"another file": {
			func(l *looks) sight { return l.at(0, "old", -time.Hour) },
			func(l *looks, _ time.Duration) sight { return l.at(1, "new", 0) }, replacedFor},
		"another file, of long ago": {
			func(l *looks) sight { return l.at(0, "old", -time.Hour) },
			func(l *looks, _ time.Duration) sight { return l.at(1, "new", -time.Hour) }, lookEvery},
		"the same file": {
			func(l *looks) sight { return l.at(0, "old", -time.Hour) },
			func(l *looks, _ time.Duration) sight { return l.at(0, "new", 0) }, writtenFor},
		"the first file": {
			func(*looks) sight { return sight{} },
			func(l *looks, _ time.Duration) sight { return l.at(0, "new", 0) }, writtenFor},
		"a file without text": {
			func(l *looks) sight { return l.at(0, "old", -time.Hour) },
			func(l *looks, _ time.Duration) sight { return l.at(1, "", -time.Hour) }, nothingFor},
		"no file": {
			func(l *looks) sight { return l.at(0, "old", -time.Hour) },
			func(*looks, time.Duration) sight { return away }, nothingFor},
		"two halves": {
			func(l *looks) sight { return l.at(0, "old", -time.Hour) },
			func(l *looks, after time.Duration) sight {
				if after < 2*lookEvery {
					return l.at(1, "a", 0)
				}
				return l.at(1, "ab", 2*lookEvery)
			}, 2*lookEvery + writtenFor},
		"the same size and text, written again": {
			func(l *looks) sight { return l.at(0, "old", -time.Hour) },
			func(l *looks, after time.Duration) sight { return l.at(0, "new", min(after, 2*lookEvery)) }, 2*lookEvery + writtenFor},
		"other files for ever": {
			func(l *looks) sight { return l.at(0, "old", -time.Hour) },
			func(l *looks, after time.Duration) sight {
				n := int(after / (2 * lookEvery))
				return l.at(n%2, string(rune('a'+n%20)), after-after%(2*lookEvery))
			}, wholeIn + lookEvery},
		"touched for ever": {
			func(l *looks) sight { return l.at(0, "old", -time.Hour) },
			func(l *looks, after time.Duration) sight { return l.at(0, "new", after) }, wholeIn},
		"written for ever": {
			func(l *looks) sight { return l.at(0, "old", -time.Hour) },
			func(l *looks, after time.Duration) sight {
				n := int(after / (2 * lookEvery))
				return l.at(0, string(rune('a'+n%20)), after-after%(2*lookEvery))
			}, 0},
		"away and there for ever": {
			func(l *looks) sight { return l.at(0, "old", -time.Hour) },
			func(l *looks, after time.Duration) sight {
				if int(after/lookEvery)%4 < 2 {
					return away
				}
				return l.at(0, "ab"[:1+int(after/lookEvery)%2], after)
			}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &looks{t: t, began: time.Now()}
			told := tt.told(l)
			r := newRest(told, l.began, tt.look(l, 0))
			for after := lookEvery; ; after += lookEvery {
				now := l.began.Add(after)
				if r.see(now, tt.look(l, after)) {
					require.Equal(t, tt.want, after)
					return
				}
				if r.givenUp(now) {
					require.Zero(t, tt.want, "it came to no rest")
					require.Equal(t, patience, after)
					return
				}
			}
		})
	}
}
