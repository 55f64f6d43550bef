package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

const attemptPrefix = "callout.attempt."

// attemptParts is how many parts the attempts of an instance are divided into,
// by their delivery: those of one delivery are found by reading one part.
const attemptParts = 64

// maxPlainToken is how long a token of an attempt's subject is written out, in
// bytes. A longer one is its beginning and a hash: the record holds the name.
const maxPlainToken = 128

// AttemptsOf covers the records of all attempts of an instance.
func AttemptsOf(instance string) string { return attemptPrefix + Token(instance) + ".>" }

// AttemptSubject is where the record of an attempt is stored: the part of its
// delivery, its target, the organization of what was delivered, the phase, and
// for an event the type. So the server can choose by them. A type that no event
// may have is left out.
func AttemptSubject(instance, deliveryID, target, org string, phase action.Phase, eventType string) string {
	subject := attemptPrefix + Token(instance) + "." + attemptPart(deliveryID) + "." + attemptToken(target) + "." + attemptToken(org) + "." + attemptToken(string(phase))
	if phase == action.OnEvent && action.IsEventType(eventType) {
		return subject + "." + typeTokens(eventType)
	}
	return subject
}

// AttemptFilter covers the records of attempts for which all holds that is set. A
// type is one, a group such as user.*, or *.
func AttemptFilter(instance, deliveryID, target, org, eventType string) string {
	tokens := []string{attemptPrefix + Token(instance), "*", "*", "*"}
	for at, name := range map[int]string{2: target, 3: org} {
		if name != "" {
			tokens[at] = attemptToken(name)
		}
	}
	if deliveryID != "" {
		tokens[1] = attemptPart(deliveryID)
	}
	what := ">"
	if eventType != "" {
		what = string(action.OnEvent) + "." + conditionTokens(eventType)
	}
	return strings.Join(tokens, ".") + "." + what
}

// ParseAttemptInstance reads the instance from what AttemptSubject writes.
func ParseAttemptInstance(subject string) (string, error) {
	rest, ours := strings.CutPrefix(subject, attemptPrefix)
	token, _, more := strings.Cut(rest, ".")
	if !ours || !more {
		return "", badToken()
	}
	return owner(token)
}

func attemptPart(deliveryID string) string { return strconv.Itoa(Partition(deliveryID, attemptParts)) }

func attemptToken(id string) string {
	token := Token(id)
	if len(token) <= maxPlainToken {
		return token
	}
	sum := sha256.Sum256([]byte(id))
	return token[:maxPlainToken/2] + "=-" + hex.EncodeToString(sum[:16])
}
