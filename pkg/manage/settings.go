package manage

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog/file"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// The fields of a message that are no settings: what they say stands elsewhere
// in a file, or is not said there.
var (
	besideTarget    = fieldSet("name", "org", "id", "etag", "create_time", "update_time", "pause_reason", "file")
	besideExecution = fieldSet("phase", "org", "condition", "name", "etag", "id", "create_time", "update_time", "file")
)

// elsewhere are settings of a target that a file has within others.
var elsewhere = fieldSet("header_sources")

func fieldSet(names ...protoreflect.Name) map[protoreflect.Name]bool {
	set := map[protoreflect.Name]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

// targetSettings and executionSettings are messages as a file would hold them:
// the fields have the names of its keys. What has its default is left out.
func targetSettings(t *calloutv1.Target) file.Settings {
	s := settingsOf(t.ProtoReflect(), besideTarget, elsewhere)
	tls, _ := s["tls"].(file.Settings)
	for _, key := range []string{"ca", "certificate"} { // of which a file has one or the other under one key
		from, is := tls[key+"_from"]
		delete(tls, key+"_from")
		if is && tls[key] == nil {
			tls[key] = from
		}
	}
	return s
}

// readTarget reads the target of a message under a name.
func readTarget(org, name string, m *calloutv1.Target) (action.Target, *file.Reading) {
	t, reading := file.ReadTarget(org, name, targetSettings(m))
	for from, of := range map[*calloutv1.SecretSource]*action.SecretSource{m.GetTls().GetCaFrom(): &t.TLS.CAFrom, m.GetTls().GetCertificateFrom(): &t.TLS.CertificateFrom} {
		if from != nil { // beside a text too, which the check refuses
			*of = action.SecretSource{Env: from.GetEnv(), File: from.GetFile(), Secret: from.GetSecret()}
		}
	}
	for header, from := range m.GetHeaderSources() {
		if t.HeaderSources == nil {
			t.HeaderSources = map[string]action.SecretSource{}
		}
		t.HeaderSources[header] = action.SecretSource{Env: from.GetEnv(), File: from.GetFile(), Secret: from.GetSecret()}
	}
	return t, reading
}

func executionSettings(e *calloutv1.Execution) file.Settings {
	s := settingsOf(e.ProtoReflect(), besideExecution)
	if e.GetCondition() == "" {
		s["list"] = "true"
	} else {
		s["condition"] = e.GetCondition()
	}
	return s
}

func settingsOf(m protoreflect.Message, without ...map[protoreflect.Name]bool) file.Settings {
	out := file.Settings{}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if !slices.ContainsFunc(without, func(set map[protoreflect.Name]bool) bool { return set[f.Name()] }) {
			out[string(f.Name())] = setting(f, v)
		}
		return true
	})
	return out
}

func setting(f protoreflect.FieldDescriptor, v protoreflect.Value) any {
	switch {
	case f.IsMap():
		out := file.Settings{}
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			out[k.String()] = v.String()
			return true
		})
		return out
	case f.IsList():
		var out []any
		for i := range v.List().Len() {
			out = append(out, single(v.List().Get(i)))
		}
		return out
	}
	return single(v)
}

func single(v protoreflect.Value) any {
	m, ok := v.Interface().(protoreflect.Message)
	if !ok {
		return v.String()
	}
	if d, ok := m.Interface().(*durationpb.Duration); ok {
		if d.CheckValid() != nil {
			return "" // no duration, as a file would have it
		}
		return d.AsDuration().String()
	}
	if by, ok := m.Interface().(*calloutv1.UsableBy); ok { // a list that may have nothing in it
		all := []any{}
		for _, org := range by.GetOrgs() {
			all = append(all, org)
		}
		return all
	}
	return settingsOf(m)
}
