package wire

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// exact is how encoding/json reads, but that a member is one by its exact name,
// stands once, and is UTF-8.
var exact = json.JoinOptions(jsonv1.DefaultOptionsV1(), json.MatchCaseInsensitiveNames(false),
	jsontext.AllowDuplicateNames(false), jsontext.AllowInvalidUTF8(false))

// Unmarshal reads JSON that somebody else may have written. A member whose name
// differs by case is another member, and one that is not known is passed over.
func Unmarshal(raw []byte, into any) error { return json.Unmarshal(raw, into, exact) }
