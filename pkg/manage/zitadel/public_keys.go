package zitadel

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

type listPublicKeysRequest struct {
	keyOwner   `json:",inline"`
	Pagination pagination        `json:"pagination"`
	Sorting    publicKeyField    `json:"sortingColumn"`
	Filters    []publicKeyFilter `json:"filters"`
}

// publicKeyFilter is one of the three.
type publicKeyFilter struct {
	KeyIDs     *inIDsFilter `json:"keyIdsFilter"`
	Active     *bool        `json:"activeFilter"`
	Expiration *timeFilter  `json:"expirationDateFilter"`
}

type inIDsFilter struct {
	IDs []string `json:"ids"`
}

type timeFilter struct {
	Timestamp *stamp     `json:"timestamp"`
	Method    timeMethod `json:"method"`
}

type listPublicKeysResponse struct {
	Pagination paginationResponse `json:"pagination"`
	PublicKeys []shownKey         `json:"publicKeys,omitempty"`
}

// shownKey is a public key as it is shown.
type shownKey struct {
	KeyID          string `json:"keyId"`
	Active         bool   `json:"active,omitzero"`
	PublicKey      octets `json:"publicKey"`
	Fingerprint    string `json:"fingerprint"`
	ExpirationDate stamp  `json:"expirationDate,omitzero"`
	CreationDate   stamp  `json:"creationDate,omitzero"`
	ChangeDate     stamp  `json:"changeDate,omitzero"`
}

// listPublicKeys lists the public keys of a target that fit every filter. A target that is
// not there has none, as in ZITADEL.
func (f *face) listPublicKeys(ctx context.Context, c caller, q *listPublicKeysRequest) (*listPublicKeysResponse, uint64, error) {
	fits, err := q.read()
	if err != nil {
		return nil, 0, err
	}
	answer, err := f.service.ListPublicKeys(ctx, connect.NewRequest(&calloutv1.ListPublicKeysRequest{Instance: c.instance, Id: q.TargetID}))
	if err != nil && !f.is(err, action.CodeNotFound) {
		return nil, 0, f.ofPublicKey(err)
	}
	var found []*calloutv1.PublicKey
	if err == nil {
		found = slices.DeleteFunc(answer.Msg.GetPublicKeys(), func(k *calloutv1.PublicKey) bool { return !fits(k) })
	}
	page, part := pageOf(q.Pagination, found, publicKeyOrders[q.Sorting], (*calloutv1.PublicKey).GetId)
	out := &listPublicKeysResponse{Pagination: part}
	for _, k := range page {
		out.PublicKeys = append(out.PublicKeys, shownKey{KeyID: k.GetId(), Active: k.GetActive(), PublicKey: octets(k.GetPublicKey()), Fingerprint: k.GetFingerprint(),
			ExpirationDate: stamp{k.GetExpireTime()}, CreationDate: stamp{k.GetCreateTime()}, ChangeDate: stamp{k.GetUpdateTime()}})
	}
	return out, 0, nil
}

// read gives the test that all filters make together.
func (q *listPublicKeysRequest) read() (fits func(*calloutv1.PublicKey) bool, err error) {
	if err := cmp.Or(q.check().err(), q.Pagination.check(), checkFilters(q.Filters)); err != nil {
		return nil, err
	}
	var tests []func(*calloutv1.PublicKey) bool
	for i, filter := range q.Filters {
		test, err := filter.read(fmt.Sprintf("filters[%d]", i))
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	return func(k *calloutv1.PublicKey) bool {
		return !slices.ContainsFunc(tests, func(test func(*calloutv1.PublicKey) bool) bool { return !test(k) })
	}, nil
}

func (f publicKeyFilter) read(at string) (func(*calloutv1.PublicKey) bool, error) {
	if err := onlyOne(at, "keyIdsFilter, activeFilter and expirationDateFilter", f.KeyIDs != nil, f.Active != nil, f.Expiration != nil); err != nil {
		return nil, err
	}
	switch {
	case f.KeyIDs != nil:
		ids := f.KeyIDs.IDs
		if len(ids) == 0 || len(ids) > maxPage {
			return nil, badField(at+".keyIdsFilter.ids", fmt.Sprintf("1 to %d ids are needed", maxPage))
		}
		return func(k *calloutv1.PublicKey) bool { return slices.Contains(ids, k.GetId()) }, nil
	case f.Active != nil:
		return func(k *calloutv1.PublicKey) bool { return k.GetActive() == *f.Active }, nil
	case f.Expiration.Timestamp == nil:
		return nil, badField(at+".expirationDateFilter.timestamp", "a time is needed, such as 2030-01-31T12:00:00Z")
	}
	when, method := f.Expiration.Timestamp.AsTime(), f.Expiration.Method
	return func(k *calloutv1.PublicKey) bool { return method.fits(endOf(k).Compare(when)) }, nil
}

// fits tells whether a time that compares so with the one of a filter is let through.
func (e timeMethod) fits(order int) bool {
	switch timeMethods[e] {
	case "TIMESTAMP_FILTER_METHOD_AFTER":
		return order > 0
	case "TIMESTAMP_FILTER_METHOD_AFTER_OR_EQUALS":
		return order >= 0
	case "TIMESTAMP_FILTER_METHOD_BEFORE":
		return order < 0
	case "TIMESTAMP_FILTER_METHOD_BEFORE_OR_EQUALS":
		return order <= 0
	}
	return order == 0
}

// never is later than any time that a message can hold.
var never = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)

// endOf is when a key expires; one that does not is behind all others.
func endOf(k *calloutv1.PublicKey) time.Time {
	if k.GetExpireTime() == nil {
		return never
	}
	return k.GetExpireTime().AsTime()
}

// publicKeyOrders are the ways of sorting, each at the number of its field.
var publicKeyOrders = []func(a, b *calloutv1.PublicKey) int{
	byCreation[*calloutv1.PublicKey],
	byCreation[*calloutv1.PublicKey],
	byChange[*calloutv1.PublicKey],
	func(a, b *calloutv1.PublicKey) int { return endOf(a).Compare(endOf(b)) },
}
