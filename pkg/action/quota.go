package action

import "fmt"

// Quota is how much an instance may have and do; 0 = as much as any may. The operator
// sets it.
type Quota struct {
	Targets    int `json:"targets,omitempty"`
	Executions int `json:"executions,omitempty"` // lists among them
	Lines      int `json:"lines,omitempty"`      // what the configuration needs; those that drain do not count
	Events     int `json:"events,omitempty"`     // a second, over HTTP, at all dispatchers together
	Calls      int `json:"calls,omitempty"`      // a second, at all workers together, and over HTTP at all dispatchers
	// Storage is how many bytes its streams may hold together: events, async deliveries,
	// dead letters and the log of attempts.
	Storage int64 `json:"storage,omitempty"`
	// Delivered is how many bytes of bodies each worker may send to its targets in a
	// second, for calls and deliveries together.
	Delivered int64 `json:"delivered_bytes,omitempty"`
	Format    int   `json:"format,omitempty"`
}

// MaxQuota bounds each number of a quota, and MaxQuotaBytes each number of bytes. A quota
// of storage is at least MinStorage: the configuration's markers need room as well.
const (
	MaxQuota            = 1_000_000_000
	MaxQuotaBytes int64 = 1 << 50
	MinStorage    int64 = 1 << 20
)

// Check is why a quota cannot be meant; nil = it can.
func (q Quota) Check() error {
	for name, n := range map[string]int{"targets": q.Targets, "executions": q.Executions, "lines": q.Lines, "events": q.Events, "calls": q.Calls} {
		if n < 0 || n > MaxQuota {
			return NewError(CodeBadField, StageDecode, fmt.Sprintf("a quota is 0, which is none, to %d", MaxQuota)).WithField(name)
		}
	}
	for name, n := range map[string]int64{"storage": q.Storage, "delivered_bytes": q.Delivered} {
		if n < 0 || n > MaxQuotaBytes {
			return NewError(CodeBadField, StageDecode, fmt.Sprintf("a quota is 0, which is none, to %d bytes", MaxQuotaBytes)).WithField(name)
		}
	}
	if q.Storage > 0 && q.Storage < MinStorage {
		return NewError(CodeBadField, StageDecode, fmt.Sprintf("a quota of storage is at least %d bytes", MinStorage)).WithField("storage")
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

// OverStorage is the error of an instance whose streams hold as much as they may.
func OverStorage(may int64) *Error {
	return NewError(CodeOverQuota, StageStore, fmt.Sprintf("the instance's streams may hold %d bytes together, and have no room for this: what waits is to be delivered or discarded, or the quota raised (callout set quota --storage)", may)).WithField("storage")
}
