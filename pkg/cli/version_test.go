package cli

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersionOfABuild(t *testing.T) {
	t.Parallel()
	stamped := func(version string) *debug.BuildInfo { return &debug.BuildInfo{Main: debug.Module{Version: version}} }
	for _, tt := range []struct {
		name, set string
		info      *debug.BuildInfo
		want      string
	}{
		{"a release", "v1.2.3", stamped("v9.9.9"), "v1.2.3"},
		{"installed by its version", unset, stamped("v1.2.3"), "v1.2.3"},
		{"built in a clone", unset, stamped("v0.0.0-20260101000000-0123456789ab+dirty"), "v0.0.0-20260101000000-0123456789ab+dirty"},
		{"go run", unset, stamped("(devel)"), unset},
		{"nothing is stamped", unset, stamped(""), unset},
		{"nothing is known", unset, nil, unset},
	} {
		require.Equal(t, tt.want, Version(tt.set, tt.info), tt.name)
	}
}
