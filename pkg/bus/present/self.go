package present

import (
	"cmp"
	"crypto/rand"
	"encoding/base32"
	"os"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// Self is what this process tells of itself. An empty version is "dev". The id is
// short enough to be read, and long enough that no two of a fleet are the same.
func Self(role action.Role, version string) action.Presence {
	var id [5]byte
	_, _ = rand.Read(id[:]) // never fails
	host, err := os.Hostname()
	if err != nil || action.CheckID(host) != nil {
		host = ""
	}
	return action.Presence{ID: strings.ToLower(base32.StdEncoding.EncodeToString(id[:])), Role: role, Version: cmp.Or(version, "dev"),
		Host: host, Started: time.Now().UTC().Truncate(time.Second)}
}
