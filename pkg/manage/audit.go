package manage

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/bus/audit"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// Audit is the log of who did what. All methods may be called from any goroutine;
// errors are *action.Error.
type Audit interface {
	Audit(ctx context.Context, r audit.Record) error
	// AuditLog reads records, see audit.Log.
	AuditLog(ctx context.Context, instance string, all bool, from uint64, since time.Time, most int) (records []audit.Record, next uint64, err error)
}

// Bounds of a page of the audit log.
const (
	maxAudit     = 1000
	defaultAudit = 100
	auditSince   = 24 * time.Hour
)

// ListAudit tells who did what. The token of a page is the place at which the next one
// begins.
func (s *Service) ListAudit(ctx context.Context, req *connect.Request[calloutv1.ListAuditRequest]) (*connect.Response[calloutv1.ListAuditResponse], error) {
	m := req.Msg
	if m.GetPageSize() > maxAudit {
		return nil, badField("page_size", "a page of the audit log has at most 1000 entries")
	}
	var from uint64
	if m.GetPageToken() != "" {
		var err error
		if from, err = strconv.ParseUint(m.GetPageToken(), 10, 64); err != nil || from == 0 {
			return nil, badToken()
		}
	}
	since := time.Now().Add(-auditSince)
	if m.GetSince() != nil {
		since = m.GetSince().AsTime()
	}
	size := int(cmp.Or(m.GetPageSize(), defaultAudit))
	records, next, err := s.audit.AuditLog(ctx, orDefault(m.GetInstance()), m.GetAll(), from, since, size)
	if err != nil {
		return nil, err
	}
	answer := &calloutv1.ListAuditResponse{NextPageToken: strconv.FormatUint(next, 10), More: len(records) == size}
	for _, r := range records {
		answer.Records = append(answer.Records, auditMessage(r))
	}
	return connect.NewResponse(answer), nil
}

func auditMessage(r audit.Record) *calloutv1.AuditRecord {
	m := &calloutv1.AuditRecord{Sequence: r.Sequence, Time: timestamppb.New(r.At), Who: text(r.Who), Name: text(r.Name), From: text(r.From),
		Operation: text(r.Operation), Instance: text(r.Instance), Org: text(r.Org), Object: text(r.Object), Code: text(string(r.Code)), Revision: r.Revision,
		ChangesLeftOut: uint32(r.More)}
	for _, c := range r.Changes {
		change := &calloutv1.AuditChange{Action: text(c.Action), Kind: text(c.Kind), Org: text(c.Org), Phase: text(c.Phase), Name: text(c.Name)}
		for _, f := range c.Fields {
			change.Differences = append(change.Differences, &calloutv1.Difference{Field: text(f.Name), Before: text(f.Before), After: text(f.After)})
		}
		m.Changes = append(m.Changes, change)
	}
	return m
}
