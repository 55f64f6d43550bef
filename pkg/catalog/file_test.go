package catalog_test

import (
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
)

func init() { catalog.ParseFile = file.Parse }
