package generate

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
)

func TestRightsDocument(t *testing.T) {
	text := Rights(access.Table)
	written(t, rightsFile, text)
	for _, o := range access.Table {
		require.Equal(t, 1, strings.Count(text, "| "+operationText(o)+" |"), o.Name)
	}
}
