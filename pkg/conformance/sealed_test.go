package conformance_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// sealedFile keeps what was encrypted, since that is another text each time.
const sealedFile = "testdata/sealed.json"

// sealed are the texts that were encrypted, with a sum of what they were made of.
type sealed struct{ have, used map[string]sealedText }

type sealedText struct {
	Of   string `json:"of"`
	Text string `json:"text"`
}

func readSealed(t *testing.T) *sealed {
	t.Helper()
	s := &sealed{map[string]sealedText{}, map[string]sealedText{}}
	if raw, err := os.ReadFile(sealedFile); err == nil {
		require.NoError(t, json.Unmarshal(raw, &s.have))
	}
	return s
}

// text is what was encrypted under a name, and is made anew when it was of something else.
func (s *sealed) text(name, of string, encrypt func() string) string {
	sum := sha256.Sum256([]byte(of))
	want := hex.EncodeToString(sum[:])
	one, there := s.used[name]
	if !there {
		one, there = s.have[name]
	}
	if !there || one.Of != want {
		one = sealedText{want, encrypt()}
	}
	s.used[name] = one
	return one.Text
}

// write keeps what one kind of vectors has used, beside what others have.
func (s *sealed) write(t *testing.T) {
	t.Helper()
	if !*update || len(s.used) == 0 {
		return
	}
	all := maps.Clone(s.have)
	maps.Copy(all, s.used)
	raw, err := json.MarshalIndent(all, "", " ")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll("testdata", 0o750))
	require.NoError(t, os.WriteFile(sealedFile, append(raw, '\n'), 0o600))
}
