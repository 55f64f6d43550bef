package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// Severity says whether a problem keeps a catalog from being used.
type Severity string

// The severities. A catalog with a problem of severity Error is refused.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// MaxProblems is how many problems one run reports. One more of each severity,
// with the code too_many_problems, says that there were others.
const MaxProblems = 10000

// The codes of problems. They are stable: they change only with a line in the
// changelog.
const (
	ProblemSyntax             = "syntax"              // not YAML, or YAML we do not read
	ProblemTooLarge           = "too_large"           // the file is over file.MaxFile
	ProblemTooDeep            = "too_deep"            // nested deeper than file.MaxNesting
	ProblemTooMany            = "too_many"            // over a bound on a number of things
	ProblemUnknownKey         = "unknown_key"         // a key that means nothing here
	ProblemDuplicateKey       = "duplicate_key"       // a key that stands twice in one place
	ProblemDuplicateCondition = "duplicate_condition" // two executions of a scope with one condition
	ProblemWrongType          = "wrong_type"          // a list where a text belongs, and so on
	ProblemMissing            = "missing"             // a key or a value that must be there
	ProblemMisplaced          = "misplaced"           // a key that does not belong with the others
	ProblemBadValue           = "bad_value"           // outside its grammar
	ProblemOutOfRange         = "out_of_range"        // over or under a bound
	ProblemBadName            = "bad_name"            // not a name or an id
	ProblemBadCondition       = "bad_condition"       // not a condition of its section
	ProblemBadURL             = "bad_url"             // not a URL that can be called
	ProblemBadHeader          = "bad_header"          // a header that may not be set
	ProblemUnknownTarget      = "unknown_target"      // no such target
	ProblemUnknownInclude     = "unknown_include"     // no such entry in the section
	ProblemNotATarget         = "not_a_target"        // target: names an entry of the section
	ProblemNotUsable          = "not_usable"          // a target of the instance that the organization may not name
	ProblemNotAnInclude       = "not_an_include"      // include: names a target
	ProblemCycle              = "cycle"               // entries that include each other in a ring
	ProblemCallInEvent        = "call_in_event"       // an event execution reaches a call target
	ProblemNotYet             = "not_yet"             // a feature that is not available yet
	ProblemTooManyProblems    = "too_many_problems"   // more than MaxProblems
	ProblemUnknownCondition   = "unknown_condition"   // no core has declared it; a warning where that is allowed
	ProblemOtherInstance      = "other_instance"      // the file is for another instance than it names
	ProblemNoObjects          = "no_objects"          // a configuration without any object
	ProblemEmptied            = "emptied"             // a followed file without any object, which had some

	ProblemOver = "over" // a certificate that is over, or has not begun
	ProblemEnds = "ends" // warning: a certificate that ends soon

	ProblemTwice        = "twice"         // warning: one target twice in an event execution
	ProblemUnusedList   = "unused_list"   // warning: a list that nothing includes
	ProblemUnusedTarget = "unused_target" // warning: a target that nothing uses
	ProblemNoEffect     = "no_effect"     // warning: a setting that changes nothing
	ProblemEmpty        = "empty"         // warning: an execution that reaches no target
)

// Problem is one mistake or doubt in a catalog. Line and Col count from 1, Col
// in characters; both are 0 when the catalog did not come from a file.
type Problem struct {
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"`
	Col      int      `json:"col,omitempty"`
	Path     string   `json:"path"` // such as requests.add_user.targets[1].include
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Message  string   `json:"message"`

	// Also is the path of a second place. Who knows where it stands adds that to
	// the message.
	Also string `json:"-"`
}

// String is the problem on one line, FILE:LINE:COL: SEVERITY: MESSAGE [CODE].
// Without a file the path stands in front.
func (p Problem) String() string {
	where := p.Path
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
	}
	if where != "" {
		where += ": "
	}
	return fmt.Sprintf("%s%s: %s [%s]", where, p.Severity, p.Message, p.Code)
}

// HasErrors tells whether any of the problems is of severity Error.
func HasErrors(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}

// SortProblems orders by position, then by path and code, so that the same
// input always gives the same output.
func SortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
			strings.Compare(a.Path, b.Path), strings.Compare(a.Code, b.Code),
			strings.Compare(a.Message, b.Message))
	})
}

// Report collects problems up to MaxProblems; the first error and the first
// warning beyond are replaced by one that says so. The zero value is empty. It
// is for one goroutine.
type Report struct {
	problems []Problem
	full     map[Severity]bool
}

// Problems are those collected, in the order in which they came. The slice is the
// report's own.
func (r *Report) Problems() []Problem { return r.problems }

// Add takes a problem in.
func (r *Report) Add(p Problem) {
	if len(r.problems) < MaxProblems {
		r.problems = append(r.problems, p)
		return
	}
	if r.full[p.Severity] {
		return
	}
	if r.full == nil {
		r.full = map[Severity]bool{}
	}
	r.full[p.Severity] = true
	r.problems = append(r.problems, Problem{Severity: p.Severity, Code: ProblemTooManyProblems,
		Message: fmt.Sprintf("there are more than %d problems; the other %ss are not shown", MaxProblems, p.Severity)})
}

func (r *Report) errorf(path, code, format string, args ...any) {
	r.Add(Problem{Path: path, Severity: Error, Code: code, Message: fmt.Sprintf(format, args...)})
}

func (r *Report) warnf(path, code, format string, args ...any) {
	r.Add(Problem{Path: path, Severity: Warning, Code: code, Message: fmt.Sprintf(format, args...)})
}

// refuse turns problems of severity Error into one error, nil when there are
// none.
func refuse(problems []Problem) error {
	var lines []string
	for _, p := range problems {
		if p.Severity == Error {
			lines = append(lines, p.String())
		}
	}
	if lines == nil {
		return nil
	}
	return action.NewError(action.CodeBadCatalog, action.StageCatalog,
		"the configuration has errors: "+strings.Join(lines, "; "))
}

// Quote shows a text of the configuration in a message: on one line, shortened
// when it is long.
func Quote(s string) string {
	runes := []rune(s)
	if len(runes) > action.MaxEventType {
		s = string(runes[:action.MaxEventType]) + "…"
	}
	return strconv.Quote(s)
}
