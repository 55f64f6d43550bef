package catalog

import (
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// HasMethods tells whether the conditions of a phase are methods and services.
func HasMethods(phase action.Phase) bool { return phase == action.Request || phase == action.Response }

// KeyIsCondition tells whether the key of an entry is its condition when neither
// condition: nor list: true stands beside it. Of requests and responses it is
// that if it is *, begins with / or holds a dot, of functions and events always.
func KeyIsCondition(phase action.Phase, key string) bool {
	return !HasMethods(phase) || key == "*" || strings.HasPrefix(key, "/") || strings.Contains(key, ".")
}
