package catalog

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// otherwise gives a field another value than its own.
func otherwise(t *testing.T, v reflect.Value) {
	t.Helper()
	switch x := v.Addr().Interface().(type) {
	case *[]netip.Prefix:
		*x = append(*x, netip.MustParsePrefix("10.0.0.0/8"))
		return
	case *map[string]string:
		*x = map[string]string{"another": "value"}
		return
	case *map[string]action.SecretSource:
		*x = map[string]action.SecretSource{"another": {Secret: "value"}}
		return
	case *time.Duration:
		*x += time.Second
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Int:
		v.SetInt(v.Int() + 1)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Slice:
		v.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
	default:
		t.Fatalf("a field of kind %s: teach this test and sameTarget", v.Kind())
	}
}

// eachField calls do for every field, also of structs within, with the field
// changed.
func eachField(t *testing.T, v reflect.Value, path string, do func(path string)) {
	t.Helper()
	for i := range v.NumField() {
		field, name := v.Field(i), path+v.Type().Field(i).Name
		if field.Kind() == reflect.Struct {
			eachField(t, field, name+".", do)
			continue
		}
		before := reflect.New(field.Type()).Elem()
		before.Set(field)
		otherwise(t, field)
		do(name)
		field.Set(before)
	}
}

// TestSameLooksAtEverySetting: what is not compared would never be stored.
func TestSameLooksAtEverySetting(t *testing.T) {
	a := WithDefaults(action.Target{Name: "a", Kind: action.Webhook, URL: "https://a.example", Headers: map[string]string{"X-A": "1"}})
	b := a
	require.True(t, sameTarget(&a, &b))
	eachField(t, reflect.ValueOf(&b).Elem(), "", func(field string) {
		require.False(t, sameTarget(&a, &b), field)
		require.NotEqual(t, Etag(a), Etag(b), field)
	})
	require.True(t, sameTarget(&a, &b))
	x := action.Execution{Name: "x", Match: "x", Entries: []action.Entry{{Target: "a"}}}
	y := x
	require.True(t, sameExecution(&x, &y))
	eachField(t, reflect.ValueOf(&y).Elem(), "", func(field string) {
		require.False(t, sameExecution(&x, &y), field)
		require.NotEqual(t, Etag(x), Etag(y), field)
	})
}

func TestEmptyIsLeftOut(t *testing.T) {
	a := action.Target{Name: "a", Allow: []string{}, Headers: map[string]string{}, Labels: map[string]string{}, Egress: []netip.Prefix{}}
	b := action.Target{Name: "a"}
	require.True(t, sameTarget(&a, &b))
	require.Equal(t, Etag(a), Etag(b))
	require.Len(t, Etag(a), 16)
}
