package wire

import (
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// ourPrefix begins the headers that are ours.
const ourPrefix = "Callout-"

// CheckHeaders refuses a header of ours on NATS that means nothing where it stands: takes
// are those that do. On NATS names have case, and one of another case is another header:
// it would be passed over silently. The error is bad_field, with the name.
func CheckHeaders(h map[string][]string, takes ...string) error {
	wrong := ""
	for name := range h {
		isOurs := len(name) >= len(ourPrefix) && strings.EqualFold(name[:len(ourPrefix)], ourPrefix)
		if isOurs && !slices.Contains(takes, name) && (wrong == "" || name < wrong) {
			wrong = name
		}
	}
	if wrong == "" {
		return nil
	}
	message := "means nothing here; " + strings.Join(takes, " and ") + " do"
	if at := slices.IndexFunc(takes, func(name string) bool { return strings.EqualFold(name, wrong) }); at >= 0 {
		message = "names of headers have case on NATS: write " + takes[at]
	}
	shown := strings.ToValidUTF8(wrong[:min(len(wrong), maxName)], "\uFFFD")
	return action.NewError(action.CodeBadField, action.StageDecode, shown+": "+message).WithField(shown)
}
