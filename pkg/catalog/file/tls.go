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
		text, ok := r.text(x)
		switch {
		case !ok:
		case text == "":
			r.errorf(x.value.at, x.path, catalog.ProblemMissing, "%s has no value", catalog.Quote(x.key))
		case x.key == "ca":
			t.TLS.CA = r.authorities(x, text)
		case x.key == "server_name":
			t.TLS.ServerName = text
		case text != action.TLS12: // the default
			t.TLS.MinVersion = text
		}
	}
}

// authorities gives the certificates of a text alone, without what stands between them.
func (r *reader) authorities(f field, text string) string {
	all, err := action.ReadAuthorities(text)
	if err != nil {
		r.errorf(f.value.at, f.path, catalog.ProblemBadValue, "ca cannot be used: %s", err)
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
	if t.CA != "" {
		w.line(level+1, "ca", "|")
		for line := range strings.Lines(t.CA) {
			w.indent(level + 2)
			w.out.WriteString(line)
		}
	}
	w.text(level+1, "server_name", t.ServerName)
	if t.MinVersion != "" {
		w.line(level+1, "min_version", `"`+t.MinVersion+`"`)
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
