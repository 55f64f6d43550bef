package zitadel_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/callout-hq/callout/pkg/manage/zitadel"
)

var numbered = regexp.MustCompile(`(?m)(\w+) = (\d+);$`)

// TestDescriptorsAreFresh holds the descriptors against the protobuf files that they
// are made of: every field and every value of an enumeration, with its number.
func TestDescriptorsAreFresh(t *testing.T) {
	const schemas = "../../../schemas"
	paths, err := filepath.Glob(filepath.Join(schemas, "zitadel/*/*/*.proto"))
	require.NoError(t, err)
	require.Len(t, paths, 4)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		name, err := filepath.Rel(schemas, path)
		require.NoError(t, err)
		var want, got []string
		for _, found := range numbered.FindAllStringSubmatch(string(text), -1) {
			want = append(want, found[1]+" = "+found[2])
		}
		file, err := zitadel.Files.FindFileByPath(filepath.ToSlash(name))
		require.NoError(t, err, "run: task generate")
		for i := range file.Messages().Len() {
			got = append(got, fieldsOf(file.Messages().Get(i))...)
		}
		for i := range file.Enums().Len() {
			values := file.Enums().Get(i).Values()
			for k := range values.Len() {
				got = append(got, fmt.Sprintf("%s = %d", values.Get(k).Name(), values.Get(k).Number()))
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		require.Equal(t, want, got, "%s is not what the descriptors say, run: task generate", name)
	}
}

// TestNothingIsRegistered: a program may have ZITADEL's own messages beside ours, whose
// names are the same; two of one name in the registry would end it at its start.
func TestNothingIsRegistered(t *testing.T) {
	for _, name := range append(zitadel.Services(), "zitadel.action.v2.Target", "zitadel.filter.v2.PaginationRequest") {
		_, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		require.ErrorIs(t, err, protoregistry.NotFound, name)
	}
}

func fieldsOf(m protoreflect.MessageDescriptor) (all []string) {
	for i := range m.Fields().Len() {
		all = append(all, fmt.Sprintf("%s = %d", m.Fields().Get(i).Name(), m.Fields().Get(i).Number()))
	}
	return all
}
