package wire

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// AllCalls covers the subjects of calls, as a queue group of workers
// subscribes to them.
const AllCalls = "callout.call.>"

const (
	callPrefix  = "callout.call."
	eventPrefix = "callout.event."
	testPrefix  = "callout.test."
)

// AllTests covers the subjects of tests of targets, as a queue group of workers
// subscribes to them.
const AllTests = testPrefix + "*"

// TestSubject is where a dispatcher asks a worker to try a target. It belongs to
// dispatchers: what is sent there says which address is dialled.
func TestSubject(instance string) string { return testPrefix + Token(instance) }

// ParseTest reads the instance from what TestSubject writes.
func ParseTest(subject string) (instance string, err error) {
	token, ours := strings.CutPrefix(subject, testPrefix)
	if !ours {
		return "", badToken()
	}
	if instance, err = owner(token); err == nil && instance == "" {
		err = badToken()
	}
	return instance, err
}

// CallsOf covers the calls of an instance.
func CallsOf(instance string) string { return callPrefix + Token(instance) + ".>" }

// CallSubject is where a core sends a call: name is the full method of a
// request or response, or the name of a function.
func CallSubject(instance string, phase action.Phase, name string) (string, error) {
	key := callParts{instance, phase, name}
	if subject, ok := callSubjects.get(key); ok {
		return subject, nil
	}
	subject, err := callSubject(instance, phase, name)
	if err == nil {
		callSubjects.put(key, subject)
	}
	return subject, err
}

// callParts are what the subject of a call says.
type callParts struct {
	instance string
	phase    action.Phase
	name     string
}

var (
	callSubjects remembered[callParts, string]
	callsParsed  remembered[string, callParts]
)

func callSubject(instance string, phase action.Phase, name string) (string, error) {
	rest := Token(name)
	if phase != action.Function {
		if err := action.CheckMethod(name); err != nil {
			return "", fieldError("fullMethod", err)
		}
		service, method, _ := action.SplitMethod(name)
		rest = service + "." + method
	} else if err := action.CheckFunction(name); err != nil {
		return "", fieldError("function", err)
	}
	if err := checkOwner("instanceID", instance); err != nil {
		return "", err
	}
	return checkSubject(callPrefix + Token(instance) + "." + string(phase) + "." + rest)
}

// ParseCall takes a call's subject apart. It reads what CallSubject writes and
// nothing else.
func ParseCall(subject string) (instance string, phase action.Phase, name string, err error) {
	if c, ok := callsParsed.get(subject); ok {
		return c.instance, c.phase, c.name, nil
	}
	if instance, phase, name, err = parseCall(subject); err == nil {
		callsParsed.put(subject, callParts{instance, phase, name})
	}
	return instance, phase, name, err
}

func parseCall(subject string) (instance string, phase action.Phase, name string, err error) {
	tokens := strings.Split(strings.TrimPrefix(subject, callPrefix), ".")
	if len(tokens) < 3 || !strings.HasPrefix(subject, callPrefix) {
		return "", "", "", badToken()
	}
	if instance, err = owner(tokens[0]); err == nil && instance == "" {
		err = badToken()
	}
	if err != nil {
		return "", "", "", err
	}
	phase = action.Phase(tokens[1])
	switch {
	case phase == action.Function && len(tokens) == 3:
		if name, err = ID(tokens[2]); err == nil {
			err = fieldError("subject", action.CheckFunction(name))
		}
	case (phase == action.Request || phase == action.Response) && len(tokens) > 3:
		last := len(tokens) - 1
		name = "/" + strings.Join(tokens[2:last], ".") + "/" + tokens[last]
		err = fieldError("subject", action.CheckMethod(name))
	default:
		err = badToken()
	}
	return instance, phase, name, err
}

// EventSubject is where an event is published. The aggregate's token becomes
// three partition tokens when the stream stores it, see StoredEvent.
func EventSubject(instance, org, aggregate, eventType string) (string, error) {
	if err := checkOwner("instanceID", instance); err != nil {
		return "", err
	}
	if err := fieldError("resourceOwner", action.CheckID(org)); err != nil {
		return "", err
	}
	if err := checkOwner("aggregateID", aggregate); err != nil {
		return "", err
	}
	if err := fieldError("event_type", action.CheckEventType(eventType)); err != nil {
		return "", err
	}
	return checkSubject(eventPrefix + Token(instance) + "." + Token(org) + "." + Token(aggregate) + "." + typeTokens(eventType))
}

// AllAudit covers what is told of who did what.
const AllAudit = "callout.audit.*.*"

// AuditSubject is where it is told that somebody did an operation with an instance;
// "" is the installation.
func AuditSubject(instance, operation string) string {
	return "callout.audit." + Token(instance) + "." + Token(operation)
}

// AuditOf covers what is told of one instance.
func AuditOf(instance string) string { return "callout.audit." + Token(instance) + ".*" }

// Subjects of an instance's event stream.

// EventsOf is what the stream of an instance takes in. The three wildcards are
// on purpose: with `.>` alone a short subject would be stored untransformed,
// outside every filter.
func EventsOf(instance string) string { return eventPrefix + Token(instance) + ".*.*.>" }

// ShortEvents are the subjects of what is published as an event and has no type, or less:
// no stream takes it.
func ShortEvents() []string {
	return []string{eventPrefix + "*", eventPrefix + "*.*", eventPrefix + "*.*.*"}
}

// ShortEventRule is what they lack.
const ShortEventRule = "subject: an event is published to " + eventPrefix + "INSTANCE.ORG.AGGREGATE.TYPE, with = for no organization"

// AllEventsOf covers whatever is published as an event of an instance.
func AllEventsOf(instance string) string { return eventPrefix + Token(instance) + ".>" }

// StraysOf covers what the stream of an instance took in and did not transform,
// because a token of it is a literal wildcard: subjects too short for a stored
// event, and those whose empty organization stands where a partition should. A
// longer one of a named organization cannot be told from a stored event.
func StraysOf(instance string) []string {
	all := eventPrefix + Token(instance)
	return []string{all + ".*.*.*", all + ".*.*.*.*", all + ".=.*.*.*.>"}
}

// Marker is the subject of catalog revisions within the event stream.
func Marker(instance string) string { return "callout.catalog." + Token(instance) }

// Transform is the stream's subject transform: the aggregate's token is
// replaced by its partitions of 4, 16 and 64, of the same hash, so they nest.
func Transform() (source, destination string) {
	return "callout.event.*.*.*.>",
		"callout.event.{{wildcard(1)}}.{{partition(4,3)}}.{{partition(16,3)}}.{{partition(64,3)}}.{{wildcard(2)}}.>"
}

// StoredEvent is the subject under which an event lies in the stream.
type StoredEvent struct {
	Instance string
	Lane4    int
	Lane16   int
	Lane64   int
	Org      string
	Type     string
}

// ParseStoredEvent takes the subject of a stored event apart. Of one that does
// not parse it gives what can be read, its type in any case, so that the lines
// whose dead letter it becomes can be found.
func ParseStoredEvent(subject string) (StoredEvent, error) {
	rest, ours := strings.CutPrefix(subject, eventPrefix)
	var tokens [5]string // instance, three lanes, organization; the type is what is left
	for i := range tokens {
		var found bool
		if tokens[i], rest, found = strings.Cut(rest, "."); !found {
			ours = false
		}
	}
	if !ours {
		return StoredEvent{}, badToken()
	}
	e := StoredEvent{Type: rest}
	var instanceErr, orgErr error
	eventType, typeErr := readType(rest)
	if typeErr == nil {
		e.Type = eventType
	}
	if e.Instance, instanceErr = owner(tokens[0]); instanceErr == nil && e.Instance == "" {
		instanceErr = badToken()
	}
	e.Org, orgErr = owner(tokens[4])
	return e, cmp.Or(instanceErr, readLane(&e.Lane4, tokens[1], 4), readLane(&e.Lane16, tokens[2], 16),
		readLane(&e.Lane64, tokens[3], 64), orgErr, typeErr)
}

// readLane reads a partition token of n, as the server writes it.
func readLane(lane *int, token string, n int) error {
	if len(token) == 0 || len(token) > 2 || len(token) == 2 && token[0] == '0' {
		return badToken()
	}
	got := 0
	for i := range len(token) {
		if token[i] < '0' || token[i] > '9' {
			return badToken()
		}
		got = 10*got + int(token[i]-'0')
	}
	if got >= n {
		return badToken()
	}
	*lane = got
	return nil
}

// owner reads the token of an instance or organization.
func owner(token string) (string, error) {
	id, err := ID(token)
	if err != nil {
		return "", err
	}
	if err := action.CheckID(id); err != nil {
		return "", fieldError("subject", err)
	}
	return id, nil
}

// LineFilter is the one filter of a line's consumer: a condition of an event
// execution, of one organization or (org empty) of all, on lane `lane` of
// `lanes` (1, 4, 16 or 64).
func LineFilter(instance, org string, c action.Condition, lane, lanes int) string {
	partition := [3]string{"*", "*", "*"}
	for i, n := range []int{4, 16, 64} {
		if n == lanes {
			partition[i] = strconv.Itoa(lane)
		}
	}
	scope := "*"
	if org != "" {
		scope = Token(org)
	}
	what := conditionTokens(c.Match)
	return fmt.Sprintf("callout.event.%s.%s.%s.%s.%s.%s", Token(instance),
		partition[0], partition[1], partition[2], scope, what)
}

// conditionTokens writes a type, a group such as user.*, or * as the end of a filter.
func conditionTokens(match string) string {
	if group, isWide := strings.CutSuffix(match, "*"); isWide {
		return typeTokens(group) + ">"
	}
	return typeTokens(match)
}

// The constants of FNV-1a of 32 bits (draft-eastlake-fnv).
const (
	fnvOffset = 2166136261
	fnvPrime  = 16777619
)

// Partition is the partition of an aggregate among n, as the server computes
// it: FNV-1a of the token, modulo n.
func Partition(aggregate string, n int) int {
	token, sum := Token(aggregate), uint32(fnvOffset)
	for i := range len(token) {
		sum = (sum ^ uint32(token[i])) * fnvPrime
	}
	return int(sum % uint32(n))
}

// AsyncSubject is where a delivery for an async target is stored. Owner is the
// organization whose definition of the target is meant, empty for the
// instance's.
func AsyncSubject(instance, owner, target string) string {
	return "callout.async." + Token(instance) + "." + Token(owner) + "." + Token(target)
}

// ParseAsync reads for which target a delivery is stored, by its subject.
func ParseAsync(subject string) (ofOwner, target string, err error) {
	tokens := strings.Split(subject, ".")
	if len(tokens) != 5 || tokens[0] != "callout" || tokens[1] != "async" {
		return "", "", badToken()
	}
	if ofOwner, err = owner(tokens[3]); err == nil {
		target, err = ID(tokens[4])
	}
	if err == nil && target == "" {
		err = badToken()
	}
	return ofOwner, target, err
}

// AsyncOf covers all async deliveries of an instance.
func AsyncOf(instance string) string { return "callout.async." + Token(instance) + ".>" }

// RedriveSubject is where a dead letter is put to be sent again.
func RedriveSubject(instance, deliveryID string) string {
	return "callout.redrive." + Token(instance) + "." + Token(deliveryID)
}

// RedriveOf covers all deliveries of an instance that are sent again.
func RedriveOf(instance string) string { return "callout.redrive." + Token(instance) + ".*" }

// DeadSubject is the one subject of a dead letter.
func DeadSubject(instance, deliveryID string) string {
	return "callout.dead." + Token(instance) + "." + Token(deliveryID)
}

// DeadBodySubject is where the body of a dead letter lies that does not fit
// into the letter. No id has such a token.
func DeadBodySubject(instance, deliveryID, place string) string {
	return "callout.dead." + Token(instance) + ".=-" + Token(deliveryID) + "=-" + place
}

// IsDeadBody tells whether a subject is one of DeadBodySubject.
func IsDeadBody(subject string) bool { return strings.Contains(subject, ".=-") }

// DeadOf covers all dead letters of an instance, and bodies that lie apart.
func DeadOf(instance string) string { return "callout.dead." + Token(instance) + ".*" }

func checkOwner(field, id string) error {
	if id == "" {
		return fieldError(field, fmt.Errorf("must not be empty"))
	}
	return fieldError(field, action.CheckID(id))
}

func fieldError(field string, err error) error {
	if err == nil {
		return nil
	}
	return action.NewError(action.CodeBadField, action.StageDecode, field+": "+err.Error()).WithField(field)
}

// checkSubject keeps subjects within what a server takes: a token of 4 KiB
// makes it close the connection.
func checkSubject(subject string) (string, error) {
	if len(subject) > action.MaxSubject {
		return "", fieldError("subject", fmt.Errorf("has %d bytes, at most %d are allowed", len(subject), action.MaxSubject))
	}
	for token := range strings.SplitSeq(subject, ".") {
		if len(token) > action.MaxToken {
			return "", fieldError("subject", fmt.Errorf("a token has %d bytes, at most %d are allowed", len(token), action.MaxToken))
		}
	}
	return subject, nil
}
