package file

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

func in(t action.Target) *catalog.Snapshot {
	t.Name = "a"
	return catalog.Empty("default").WithTarget("", t)
}

// TestEverySettingOfATargetIsShown: each that is another is told, under the name
// that the list of fields has for it. A setting that comes is not forgotten here.
func TestEverySettingOfATargetIsShown(t *testing.T) {
	t.Parallel()
	of := reflect.TypeFor[action.Target]()
	for i := range of.NumField() {
		if of.Field(i).Name == "Name" { // which makes it another target
			continue
		}
		var before, after action.Target
		fill(reflect.ValueOf(&after).Elem().Field(i))
		changes := catalog.Diff(in(before), in(after))
		require.Len(t, changes, 1, of.Field(i).Name)
		require.Len(t, changes[0].Fields, 1)
		found := TargetDifferences(&before, &after)
		require.NotEmpty(t, found, of.Field(i).Name)
		for _, d := range found {
			field, _, _ := strings.Cut(d.Field, ".")
			require.Equal(t, changes[0].Fields[0], field)
			require.NotEqual(t, d.Before, d.After)
		}
		require.Empty(t, TargetDifferences(&after, &after))
	}
}

// fill sets a value to something that it is not at first, with all its members.
func fill(v reflect.Value) {
	switch v.Interface().(type) {
	case netip.Prefix:
		v.Set(reflect.ValueOf(netip.MustParsePrefix("10.0.0.0/8")))
		return
	case action.KeySource:
		v.Set(reflect.ValueOf(action.KeySource{Env: "NAME"}))
		return
	case action.SecretSource:
		v.Set(reflect.ValueOf(action.SecretSource{Secret: "NAME"}))
		return
	case action.Rate:
		v.Set(reflect.ValueOf(action.Rate{N: 3, Per: time.Second}))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("some")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(time.Second))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		one := reflect.New(v.Type().Elem()).Elem()
		fill(one)
		v.SetMapIndex(reflect.ValueOf("one"), one)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	before := &action.Target{URL: "https://u:p@a.example/x?token=abc&page=1", Headers: map[string]string{"Authorization": "a", "X-Team": "red", "X-Old": "1"},
		Lanes: 1, Labels: map[string]string{"b": "1"}}
	after := &action.Target{URL: "https://u:q@a.example/x?token=abd&page=1", Headers: map[string]string{"Authorization": "b", "X-Team": "blue", "X-What": "Bearer x"},
		Lanes: 4, Labels: map[string]string{"a": "1"}, Retry: action.Retry{Max: time.Minute}}
	require.Equal(t, []Difference{
		{"url", "https://a.example/x?token=***&page=1", "https://a.example/x?token=***&page=1"},
		{"headers.Authorization", "***", "***"},
		{"headers.X-Old", `"1"`, ""},
		{"headers.X-Team", "red", "blue"},
		{"headers.X-What", "", "***"},
		{"retry.max", "", "1m"},
		{"lanes", "1", "4"},
		{"labels.a", "", `"1"`},
		{"labels.b", `"1"`, ""},
	}, TargetDifferences(before, after))
	require.Equal(t, []Difference{{"max_stop", "", "1h"}, {"targets", "[{target: a}]", "[{target: b}, {include: c}]"}},
		ExecutionDifferences(&action.Execution{Name: "e", Entries: []action.Entry{{Target: "a"}}},
			&action.Execution{Name: "e", Entries: []action.Entry{{Target: "b"}, {Include: "c"}}, MaxStop: time.Hour}))
}

// TestALongDifferenceIsCut: what is left is where two values begin to differ.
func TestALongDifferenceIsCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1000)
	for _, tt := range []struct{ before, after, wantBefore, wantAfter string }{
		{long + "1", long + "2", "…" + strings.Repeat("x", 19) + "1", "…" + strings.Repeat("x", 19) + "2"},
		{"a" + long, "b" + long, "a" + strings.Repeat("x", 198) + "…", "b" + strings.Repeat("x", 198) + "…"},
		{long, "", strings.Repeat("x", 199) + "…", ""},
		{long, long[:980], "…" + strings.Repeat("x", 39), "…" + strings.Repeat("x", 19)},
		{strings.Repeat("ä", 200), "ö", strings.Repeat("ä", 200), "ö"},
	} {
		before, after := Shorten(tt.before, tt.after, maxShown)
		require.Equal(t, []string{tt.wantBefore, tt.wantAfter}, []string{before, after})
	}
}
