package patch

import (
	"strconv"
	"strings"

	"github.com/callout-hq/callout/pkg/wire"
)

// sameValue compares two well-formed texts by what they say, as the test of a
// JSON Patch does (RFC 6902, 4.6): members in any order, numbers by their value,
// texts by their characters.
func sameValue(a, b []byte) bool {
	if equal(a, b) {
		return true
	}
	switch {
	case wire.IsObject(a) && wire.IsObject(b):
		had, _ := wire.Split(a, nil)
		has, _ := wire.Split(b, nil)
		known := newIndex(has)
		for _, m := range had {
			at := known.find(m.Name)
			if at < 0 || !sameValue(a[m.ValStart:m.ValEnd], b[has[at].ValStart:has[at].ValEnd]) {
				return false
			}
		}
		return len(had) == len(has)
	case isArray(a) && isArray(b):
		had, _ := wire.SplitList(a, nil)
		has, _ := wire.SplitList(b, nil)
		if len(had) != len(has) {
			return false
		}
		for i := range had {
			if !sameValue(a[had[i].ValStart:had[i].ValEnd], b[has[i].ValStart:has[i].ValEnd]) {
				return false
			}
		}
		return true
	}
	if text, err := wire.Text(a); err == nil {
		other, err := wire.Text(b)
		return err == nil && text == other
	}
	return sameNumber(strings.TrimSpace(string(a)), strings.TrimSpace(string(b)))
}

// sameNumber compares decimals of any length without ever writing them out.
func sameNumber(a, b string) bool {
	x, ok := readDecimal(a)
	y, fine := readDecimal(b)
	return ok && fine && x == y
}

// decimal is 0.digits × 10^exponent; digits have no zero at either end.
type decimal struct {
	negative bool
	digits   string
	exponent int64
}

func readDecimal(text string) (d decimal, ok bool) {
	if text == "" || text[0] != '-' && (text[0] < '0' || text[0] > '9') {
		return d, false
	}
	text, d.negative = strings.CutPrefix(text, "-")
	if e := strings.IndexAny(text, "eE"); e >= 0 {
		exponent, err := strconv.ParseInt(strings.TrimPrefix(text[e+1:], "+"), 10, 48)
		if err != nil {
			return d, false
		}
		text, d.exponent = text[:e], exponent
	}
	whole, fraction, _ := strings.Cut(text, ".")
	all := whole + fraction
	d.digits = strings.TrimLeft(all, "0")
	d.exponent += int64(len(whole) - (len(all) - len(d.digits)))
	if d.digits = strings.TrimRight(d.digits, "0"); d.digits == "" {
		return decimal{}, true // -0 is 0
	}
	return d, true
}
