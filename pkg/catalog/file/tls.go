package file

import (
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// tls reads how the server of a target proves who it is. What stands there is never
// repeated in a message: it may be a key that was put there by mistake.
func (r *reader) tls(t *action.Target, f field) {
	for _, x := range r.fields(f.value, f.path, keysOf(TargetKeys, "tls")) {
		if r.tlsSource(t, x) {
			continue
		}
		text, ok := r.text(x)
		switch {
		case !ok:
		case text == "":
			r.errorf(x.value.at, x.path, catalog.ProblemMissing, "%s has no value", catalog.Quote(x.key))
		case x.key == "ca":
			t.TLS.CA = r.authorities(x, text)
		case x.key == "certificate":
			t.TLS.Certificate = r.authorities(x, text)
		case x.key == "server_name":
			t.TLS.ServerName = text
		case text != action.TLS12: // the default
			t.TLS.MinVersion = text
		}
	}
}

// tlsSource reads a part that comes from elsewhere; is tells that this is one.
func (r *reader) tlsSource(t *action.Target, f field) (is bool) {
	of := map[string]*action.SecretSource{"ca": &t.TLS.CAFrom, "certificate": &t.TLS.CertificateFrom, "key": &t.TLS.Key}[f.key]
	switch {
	case of == nil:
		return false
	case f.value.shape == mapping:
		if f.key == "key" {
			*of = r.source(f, clientKeyKeys)
		} else {
			*of = r.source(f, pemKeys)
		}
		return true
	case f.key != "key":
		return false
	case f.value.shape == null:
		r.wrongShape(f, "")
	default: // it may be the key itself
		r.errorf(f.value.at, f.path, catalog.ProblemWrongType, "a private key never stands in a file: key is one of {env: NAME}, {file: PATH} and {secret: NAME}")
	}
	return true
}

// authorities gives the certificates of a text alone, without what stands between them.
func (r *reader) authorities(f field, text string) string {
	all, err := action.ReadAuthorities(text)
	if err != nil {
		r.errorf(f.value.at, f.path, catalog.ProblemBadValue, "%s cannot be used: %s", f.key, err)
		return ""
	}
	return action.PEM(all)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func (w *exporter) tls(level int, t action.TLS) {
	if t == (action.TLS{}) {
		return
	}
	w.open(level, "tls")
	w.certificates(level+1, "ca", t.CA, t.CAFrom)
	w.text(level+1, "server_name", t.ServerName)
	if t.MinVersion != "" {
		w.line(level+1, "min_version", `"`+t.MinVersion+`"`)
	}
	w.certificates(level+1, "certificate", t.Certificate, t.CertificateFrom)
	if t.Key != (action.SecretSource{}) {
		w.line(level+1, "key", sourceText(t.Key))
	}
}

// certificates writes those that stand here, or where they come from.
func (w *exporter) certificates(level int, key, text string, from action.SecretSource) {
	switch {
	case text != "":
		w.line(level, key, "|")
		for line := range strings.Lines(text) {
			w.indent(level + 1)
			w.out.WriteString(line)
		}
	case from != (action.SecretSource{}):
		w.line(level, key, sourceText(from))
	}
}

// idleTime reads how long a connection is kept; that it is kept for no time at all has a
// key of its own.
func (r *reader) idleTime(t *action.Target, f field) {
	switch d := r.duration(f); {
	case d == 0 && !r.isBroken(f.path):
		r.errorf(f.value.at, f.path, catalog.ProblemOutOfRange, "idle_time is more than 0; keep_alive: false keeps no connection at all")
	case d != action.DefaultIdleTime:
		t.IdleTime = d
	}
}
