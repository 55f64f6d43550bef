package zitadel

import (
	"cmp"
	"fmt"
	"slices"
)

const (
	defaultLimit = 100  // of a list that asks for no number
	maxLimit     = 1000 // of any list
	maxFilters   = 100  // of one list
)

// pagination is what a list is asked for beside its filters.
type pagination struct {
	Offset number `json:"offset"`
	Limit  number `json:"limit"`
	Asc    bool   `json:"asc"`
}

// paginationResponse tells of what the list is a part.
type paginationResponse struct {
	TotalResult  number `json:"totalResult,omitzero"`
	AppliedLimit number `json:"appliedLimit,omitzero"`
}

func (p pagination) check() error {
	if p.Limit > maxLimit {
		return badField("pagination.limit", fmt.Sprintf("the limit is at most %d", maxLimit))
	}
	return nil
}

func checkFilters[F any](filters []F) error {
	if len(filters) > maxFilters {
		return badField("filters", fmt.Sprintf("%d filters are too many, at most %d can be given", len(filters), maxFilters))
	}
	return nil
}

// pageOf sorts a list and cuts a page out of it. What by finds equal is sorted
// by key. Without asc it is the other way round, key and all.
func pageOf[T any](p pagination, all []T, by func(a, b T) int, key func(T) string) ([]T, paginationResponse) {
	slices.SortFunc(all, func(a, b T) int {
		order := cmp.Or(by(a, b), cmp.Compare(key(a), key(b)))
		if !p.Asc {
			order = -order
		}
		return order
	})
	limit := cmp.Or(p.Limit, defaultLimit)
	total := number(len(all))
	from := min(p.Offset, total)
	to := min(from+limit, total)
	return all[from:to], paginationResponse{TotalResult: total, AppliedLimit: limit}
}
