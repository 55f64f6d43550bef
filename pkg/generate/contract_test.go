package generate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTargetsOpenAPI(t *testing.T) {
	text, err := TargetsOpenAPI()
	require.NoError(t, err)
	written(t, targetsFile, text)
}

func TestAsyncAPI(t *testing.T) {
	text, err := AsyncAPI()
	require.NoError(t, err)
	written(t, asyncAPIFile, text)
}
