package action

import "fmt"

// Quota is how much an instance may have and do; 0 = as much as any may. The operator
// sets it.
type Quota struct {
	Targets    int `json:"targets,omitempty"`
	Executions int `json:"executions,omitempty"` // lists among them
	Lines      int `json:"lines,omitempty"`      // what the configuration needs; those that drain do not count
	Events     int `json:"events,omitempty"`     // a second, over HTTP, at each dispatcher
	Calls      int `json:"calls,omitempty"`      // a second, at each worker, and over HTTP at each dispatcher
	Format     int `json:"format,omitempty"`
}

// MaxQuota bounds each number of a quota.
const MaxQuota = 1_000_000_000

// Check is why a quota cannot be meant; nil = it can.
func (q Quota) Check() error {
	for name, n := range map[string]int{"targets": q.Targets, "executions": q.Executions, "lines": q.Lines, "events": q.Events, "calls": q.Calls} {
		if n < 0 || n > MaxQuota {
			return NewError(CodeBadField, StageDecode, fmt.Sprintf("a quota is 0, which is none, to %d", MaxQuota)).WithField(name)
		}
	}
	return CheckFormat(q.Format)
}

// TooFast is the error of an instance that has done as much in this second as it may.
func TooFast(what string) *Error {
	return NewError(CodeTooManyRequests, StageAccess, "the instance has had as many "+what+" in this second as its quota allows")
}

// OverQuota is the error of an instance that would have more of something than it may.
func OverQuota(what string, have, may int) *Error {
	return NewError(CodeOverQuota, StageCatalog, fmt.Sprintf("the instance may have %d %s, and would have %d", may, what, have)).WithField(what)
}
