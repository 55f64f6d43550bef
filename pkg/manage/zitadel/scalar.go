package zitadel

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// fault is what is wrong with a value, for people.
type fault string

func (f fault) Error() string { return string(f) }

// duration is one of protobuf: "10s", "1.5s".
type duration struct{ *durationpb.Duration }

// UnmarshalJSON reads a duration.
func (d *duration) UnmarshalJSON(raw []byte) error {
	d.Duration = new(durationpb.Duration)
	if err := protojson.Unmarshal(raw, d.Duration); err != nil {
		return fault(`a duration in seconds is expected, such as "10s"`)
	}
	return nil
}

// MarshalJSON writes a duration.
func (d duration) MarshalJSON() ([]byte, error) { return protojson.Marshal(d.Duration) }

// stamp is a time, RFC 3339 in UTC.
type stamp struct{ *timestamppb.Timestamp }

// MarshalJSON writes a time.
func (s stamp) MarshalJSON() ([]byte, error) { return protojson.Marshal(s.Timestamp) }

// UnmarshalJSON reads a time.
func (s *stamp) UnmarshalJSON(raw []byte) error {
	s.Timestamp = new(timestamppb.Timestamp)
	if err := protojson.Unmarshal(raw, s.Timestamp); err != nil {
		return fault("a time of RFC 3339 is expected, such as 2030-01-31T12:00:00Z")
	}
	return nil
}

// IsZero tells whether there is none.
func (s stamp) IsZero() bool { return s.Timestamp == nil }

// octets are bytes, in JSON as base64.
type octets []byte

// UnmarshalJSON reads base64 in either alphabet, with its padding or without, as protobuf
// does.
func (o *octets) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return fault("bytes in base64 are expected, as a text")
	}
	plain := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
	read, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil {
		return fault("bytes in base64 are expected, such as base64 -w0 FILE writes them")
	}
	*o = read
	return nil
}

// MarshalJSON writes base64.
func (o octets) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, base64.StdEncoding.EncodeToString(o)), nil
}

// number is an unsigned integer, which protobuf lets be written as a text.
type number uint64

// UnmarshalJSON reads a number.
func (n *number) UnmarshalJSON(raw []byte) error {
	text := string(bytes.Trim(raw, `"`))
	if text == "null" {
		*n = 0
		return nil
	}
	value, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return fault("a whole number is expected, 0 or more")
	}
	*n = number(value)
	return nil
}

// MarshalJSON writes a number as a text, as protobuf does with 64 bits.
func (n number) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, strconv.FormatUint(uint64(n), 10)), nil
}

// readEnum reads a name or the number of one.
func readEnum(raw []byte, names []string) (int, error) {
	text := string(bytes.Trim(raw, `"`))
	if text == "null" {
		return 0, nil
	}
	if i := slices.Index(names, text); i >= 0 {
		return i, nil
	}
	if i, err := strconv.Atoi(text); err == nil && raw[0] != '"' && 0 <= i && i < len(names) {
		return i, nil
	}
	return 0, fault("a name such as " + names[1] + " is expected")
}

// The enumerations, each name at its number.
var (
	payloadTypes = []string{"PAYLOAD_TYPE_UNSPECIFIED", "PAYLOAD_TYPE_JSON", "PAYLOAD_TYPE_JWT", "PAYLOAD_TYPE_JWE"}

	publicKeyFields = []string{
		"PUBLIC_KEY_FIELD_NAME_UNSPECIFIED", "PUBLIC_KEY_FIELD_NAME_CREATION_DATE",
		"PUBLIC_KEY_FIELD_NAME_CHANGE_DATE", "PUBLIC_KEY_FIELD_NAME_EXPIRATION_DATE",
	}

	timeMethods = []string{
		"TIMESTAMP_FILTER_METHOD_EQUALS", "TIMESTAMP_FILTER_METHOD_AFTER", "TIMESTAMP_FILTER_METHOD_AFTER_OR_EQUALS",
		"TIMESTAMP_FILTER_METHOD_BEFORE", "TIMESTAMP_FILTER_METHOD_BEFORE_OR_EQUALS",
	}

	textMethods = []string{
		"TEXT_FILTER_METHOD_EQUALS", "TEXT_FILTER_METHOD_EQUALS_IGNORE_CASE",
		"TEXT_FILTER_METHOD_STARTS_WITH", "TEXT_FILTER_METHOD_STARTS_WITH_IGNORE_CASE",
		"TEXT_FILTER_METHOD_CONTAINS", "TEXT_FILTER_METHOD_CONTAINS_IGNORE_CASE",
		"TEXT_FILTER_METHOD_ENDS_WITH", "TEXT_FILTER_METHOD_ENDS_WITH_IGNORE_CASE",
	}

	targetFields = []string{
		"TARGET_FIELD_NAME_UNSPECIFIED", "TARGET_FIELD_NAME_ID", "TARGET_FIELD_NAME_CREATED_DATE",
		"TARGET_FIELD_NAME_CHANGED_DATE", "TARGET_FIELD_NAME_NAME", "TARGET_FIELD_NAME_TARGET_TYPE",
		"TARGET_FIELD_NAME_URL", "TARGET_FIELD_NAME_TIMEOUT", "TARGET_FIELD_NAME_INTERRUPT_ON_ERROR",
	}

	executionTypes = []string{
		"EXECUTION_TYPE_UNSPECIFIED", "EXECUTION_TYPE_REQUEST", "EXECUTION_TYPE_RESPONSE", "EXECUTION_TYPE_EVENT", "EXECUTION_TYPE_FUNCTION",
	}

	executionFields = []string{
		"EXECUTION_FIELD_NAME_UNSPECIFIED", "EXECUTION_FIELD_NAME_ID", "EXECUTION_FIELD_NAME_CREATED_DATE", "EXECUTION_FIELD_NAME_CHANGED_DATE",
	}
)

type (
	payloadType    int
	publicKeyField int
	timeMethod     int
	textMethod     int
	targetField    int
	executionType  int
	executionField int
)

// UnmarshalJSON reads a name or number of its enumeration, like the others.
func (e *payloadType) UnmarshalJSON(raw []byte) error    { return readInto(e, raw, payloadTypes) }
func (e *publicKeyField) UnmarshalJSON(raw []byte) error { return readInto(e, raw, publicKeyFields) }
func (e *timeMethod) UnmarshalJSON(raw []byte) error     { return readInto(e, raw, timeMethods) }
func (e *textMethod) UnmarshalJSON(raw []byte) error     { return readInto(e, raw, textMethods) }
func (e *targetField) UnmarshalJSON(raw []byte) error    { return readInto(e, raw, targetFields) }
func (e *executionType) UnmarshalJSON(raw []byte) error  { return readInto(e, raw, executionTypes) }
func (e *executionField) UnmarshalJSON(raw []byte) error { return readInto(e, raw, executionFields) }

func readInto[E ~int](e *E, raw []byte, names []string) error {
	i, err := readEnum(raw, names)
	*e = E(i)
	return err
}
