package file

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/catalog"
)

// stored is a catalog as it is kept, without its revision. What is empty is
// left out, so that two catalogs that mean the same are the same text.
func stored(t require.TestingT, s *catalog.Snapshot) string {
	copied := *s
	copied.Revision = 0
	raw, err := json.MarshalIndent(copied, "", " ")
	require.NoError(t, err)
	return string(raw)
}

func requireRoundTrip(t require.TestingT, s *catalog.Snapshot) {
	text := Export(s)
	back, problems := Parse("export.yaml", text)
	require.NotNil(t, back, "%s\n%s", show(problems), text)
	require.Equal(t, withoutEmptySections(t, s), withoutEmptySections(t, back), string(text))
	require.Equal(t, string(text), string(Export(back)), "the order is stable")
}

// withoutEmptySections: a section that was written down and is empty is none.
func withoutEmptySections(t require.TestingT, s *catalog.Snapshot) string {
	var copied catalog.Snapshot
	require.NoError(t, json.Unmarshal([]byte(stored(t, s)), &copied))
	for _, sc := range copied.Scopes {
		for phase, section := range sc.Sections {
			if len(section) == 0 {
				delete(sc.Sections, phase)
			}
		}
	}
	return stored(t, &copied)
}

// TestExportOfFiles reads every good file of testdata back, and shows one.
func TestExportOfFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	good := 0
	for _, file := range files {
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		if s, _ := Parse(file, src); s != nil {
			good++
			requireRoundTrip(t, s)
		}
	}
	require.GreaterOrEqual(t, good, 3)
	golden(t, "export", string(Export(parsed(t, string(testdata(t, "callout.yaml"))))))
}

func TestExportOfNothing(t *testing.T) {
	require.Equal(t, "version: 1\ninstance: default\n", string(Export(catalog.Empty("default"))))
	requireRoundTrip(t, catalog.Empty("default"))
	requireRoundTrip(t, &catalog.Snapshot{Instance: "ü *", Scopes: map[string]*catalog.Scope{"": {}, "a: b": {}, "<<": {}, "~": {}, "null": {}, "- x": {}, "#": {}}})
}

// TestExportReadsBack: whatever a catalog holds, its export is the same again.
func TestExportReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyCatalog(t)
		if found := catalog.Validate(s); catalog.HasErrors(found) {
			t.Fatalf("the generator is wrong: %s", show(found))
		}
		requireRoundTrip(t, s)
	})
}
