package attempts

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

// requireSame: two records are one, whatever zone their times are told in.
func requireSame(t require.TestingT, want, have Record) {
	for _, r := range []*Record{&want, &have} {
		for _, at := range []*time.Time{&r.Began, &r.Ended, &r.NextTry} {
			*at = at.UTC().Round(0)
		}
	}
	require.Equal(t, want, have)
}

// TestEveryMemberIsWritten: a record of which every field is set, and one of which none
// is, are what encoding/json makes of them. A field that is new is missed here.
func TestEveryMemberIsWritten(t *testing.T) {
	t.Parallel()
	full := Record{Answer: &action.FailedAnswer{Headers: []action.AnswerHeader{{Name: "A", Value: "\"<&>\u2028ü"}}, Body: "b\n", Truncated: true}}
	at := time.Date(2026, 1, 2, 3, 4, 5, 678900000, time.FixedZone("", 3600))
	for i := range reflect.TypeFor[Record]().NumField() {
		switch f := reflect.ValueOf(&full).Elem().Field(i); f.Interface().(type) {
		case time.Time:
			f.Set(reflect.ValueOf(at.Add(time.Duration(i) * time.Minute)))
		case *action.FailedAnswer:
		default:
			setTo(f, i+1)
		}
	}
	full.Format = 0 // of format 1
	for _, r := range []Record{full, {}, {Error: "\"<&>\u2028 \\ \x00 ü \U0001F600", NextTry: at.UTC()}} {
		text, err := r.append([]byte("before"))
		require.NoError(t, err)
		usual, err := json.Marshal(r)
		require.NoError(t, err)
		require.JSONEq(t, string(usual), string(text[len("before"):]))
	}
}

func setTo(f reflect.Value, n int) {
	switch f.Kind() {
	case reflect.String:
		f.SetString(string(rune('a'+n%26)) + "é")
	case reflect.Bool:
		f.SetBool(true)
	case reflect.Int:
		f.SetInt(int64(n))
	default:
		f.SetUint(uint64(n))
	}
}

// TestWhatIsWrittenIsRead, whatever stands in a record; a time of no year is refused.
func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(0, 1<<37).Draw(t, "at"), 5)
		r := Record{
			DeliveryID: rapid.String().Draw(t, "id"), Target: rapid.String().Draw(t, "target"), Error: rapid.String().Draw(t, "error"), Status: rapid.IntRange(0, 999).Draw(t, "status"),
			Sequence: rapid.Uint64().Draw(t, "sequence"), Unsent: rapid.Bool().Draw(t, "unsent"), Began: at, Ended: at, NextTry: at,
		}
		text, err := r.append(nil)
		require.NoError(t, err)
		var have Record
		require.NoError(t, json.Unmarshal(text, &have))
		requireSame(t, r, have)
	})
	for _, at := range []time.Time{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)} {
		_, err := (&Record{Began: at}).append(nil)
		require.Error(t, err)
		_, err = (&Record{NextTry: at}).append(nil)
		require.Error(t, err)
	}
}
