package file

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml/lexer"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// TestABoundComesBeforeTheWork: a text of nothing but signs, which is 8 KB under
// gzip, is refused before any of it is read.
func TestABoundComesBeforeTheWork(t *testing.T) {
	for name, sign := range map[string]string{"items": "a,", "braces": "a: {b: c}\n", "dashes": "- a\n", "comments": "#\n", "quotes": "'' ", "at": "@", "grave": "`",
		"dots": "...\n", "documents": "---\n", "colons": "a: ", "pipes": "|\n", "directives": "%a\n", "aliases": "*a ", "lines": "\n", "guesses": "? "} {
		t.Run(name, func(t *testing.T) {
			src := []byte("[" + strings.Repeat(sign, (MaxFile-1)/len(sign)))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s, problems := Parse("hostile.yaml", src)
			runtime.ReadMemStats(&after)
			require.Nil(t, s)
			require.Len(t, problems, 1)
			require.Equal(t, catalog.ProblemTooMany, problems[0].Code, show(problems))
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), "bytes")
		})
	}
}

// TestSignsBoundWords: the YAML library makes no more of a text than its signs
// allow, whatever they mean where they stand.
func TestSignsBoundWords(t *testing.T) {
	pieces := []string{"a", " ", "\n", "\t", "\r", "-", ":", ",", "[", "]", "{", "}", "#", "&", "*", "!", "|", ">", "?", "%", `"`, "'", "@", "`", "<", "<<", ".", "...", "---",
		"~", "=", "+", "(", ")", "\\", "/", ";", "$", "^", "_", "é", "0", "0x", "true", "null", "  ", "\n  ", ": ", "- ", "\\q", "\u2028", "\x85", "\x01"}
	rapid.Check(t, func(t *rapid.T) {
		src := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 60).Draw(t, "pieces"), "")
		n := 0
		for i := range len(src) {
			if isSign[src[i]] {
				n++
			}
		}
		require.LessOrEqual(t, len(lexer.Tokenize(src)), 2*n+2, "%q", src)
	})
}

// TestFilesAreBoundedTogether: a folder holds no more signs than one file.
func TestFilesAreBoundedTogether(t *testing.T) {
	half := "# " + strings.Repeat(":", maxSigns/2)
	for _, files := range [][]File{{{"a.yaml", []byte(half)}, {"b.yaml", []byte("targets:\n  # " + half)}}, {{"b.yaml", []byte("#\n " + half + half)}}} {
		x := textOf("", files)
		require.True(t, x.Flawed())
		_, problems := x.Alone(time.Time{})
		require.Len(t, problems, 1)
		require.Equal(t, "b.yaml: too_many", problems[0].File+": "+problems[0].Code)
		require.Equal(t, 2, problems[0].Line)
	}
	require.False(t, textOf("", []File{{"a.yaml", []byte(half)}, {"b.yaml", []byte(half[:maxSigns/2])}}).Flawed())
}

// looked is a context that ends when it has been asked so many times.
type looked struct {
	context.Context
	left int
}

func (c *looked) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestEachStepAsksItsContext: whoever has gone away is worked for no longer than
// a step.
func TestEachStepAsksItsContext(t *testing.T) {
	src := testdata(t, "callout.yaml")
	files := []File{{"a.yaml", src}, {"b.yaml", []byte("targets: {}\n")}}
	for name, read := range map[string]func(context.Context) (done bool, err error){
		"ParseFor": func(ctx context.Context) (bool, error) {
			s, _, err := ParseFor(ctx, time.Time{}, "", "a.yaml", src)
			return s != nil, err
		},
		"ParseFiles": func(ctx context.Context) (bool, error) {
			s, _, err := ParseFiles(ctx, time.Time{}, "", files)
			return s != nil, err
		},
		"ReadFiles": func(ctx context.Context) (bool, error) { s, _, err := ReadFiles(ctx, "", files); return s != nil, err },
		"ReadText":  func(ctx context.Context) (bool, error) { x, err := ReadText(ctx, "", files); return x != nil, err },
	} {
		t.Run(name, func(t *testing.T) {
			steps := 0
			for ; ; steps++ {
				done, err := read(&looked{t.Context(), steps})
				if err == nil {
					require.True(t, done)
					break
				}
				require.ErrorIs(t, err, context.Canceled)
				require.False(t, done)
			}
			require.Greater(t, steps, 4)
			require.Empty(t, turns, "each gives its turn back")
		})
	}
}

// TestTwoAreReadAtOnce: a request that is one too many is told so, a file waits
// for its turn as long as it is wanted.
func TestTwoAreReadAtOnce(t *testing.T) {
	for range readAtOnce {
		require.NoError(t, takeTurn(t.Context()))
	}
	_, err := ReadText(t.Context(), "", nil)
	require.Equal(t, action.CodeBusy, action.CodeOf(err), "%v", err)
	gone, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, _, err := ParseFor(gone, time.Time{}, "", "f.yaml", nil)
		ended <- err
	}()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	go func() {
		_, _, err := ParseFor(t.Context(), time.Time{}, "", "f.yaml", nil)
		ended <- err
	}()
	for range readAtOnce {
		giveTurn()
	}
	require.NoError(t, <-ended)
}
