package generate

import (
	"fmt"
	"strings"

	"github.com/callout-hq/callout/pkg/access"
)

const rightsSource = "pkg/access/table.go"

// Rights writes docs/rights.md, the table of who may do what over HTTP, from the table
// that decides.
func Rights(table []access.Operation) string {
	var b strings.Builder
	b.WriteString("# Who may do what\n\n" +
		"A token has *verbs*, and is for the installation, for one instance, or for one organization of an instance.\n" +
		"Who asks must have the verb of what he asks for, and what he asks for must lie within what his token is for.\n" +
		"*At least* is the narrowest of the three that can ask: an operation of an organization can be about one alone,\n" +
		"one of an instance touches all of it. How tokens are made is told in [security.md](security.md).\n\n" +
		"This file is written from `" + rightsSource + "` by `task generate`; a test holds it there, and another asks\n" +
		"for each cell over HTTP.\n")
	for _, v := range access.Verbs {
		fmt.Fprintf(&b, "\n## %s\n\n| operation | at least |\n|---|---|\n", v)
		for _, o := range table {
			if o.Verb == v {
				fmt.Fprintf(&b, "| %s | %s |\n", operationText(o), o.Least)
			}
		}
	}
	return b.String()
}

// operationText is how an operation is asked for.
func operationText(o access.Operation) string {
	switch o {
	case access.MakeCall:
		return "`POST /v1/instances/{instance}/calls/…`"
	case access.StoreEvents:
		return "`POST /v1/instances/{instance}/events`"
	case access.SeeReadiness:
		return "`GET /readyz`, what is missing and where; everybody is told whether it is ready"
	case access.SeeTypes:
		return "`GET /v1/instances/{instance}/contract/openapi.json`"
	case access.SeeContract:
		return "gRPC reflection and `GET /openapi.json`, where they are not public"
	}
	return "`" + o.Name + "`"
}
