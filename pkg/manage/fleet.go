package manage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// Fleet is what the service tells of an installation as a whole. All methods may
// be called from any goroutine.
type Fleet interface {
	// Status tells how the installation stands. What cannot be told says why.
	Status(ctx context.Context) action.FleetStatus
	// Present lists the processes of a role, those that started first in front.
	Present(ctx context.Context, role action.Role) ([]action.Presence, error)
	// InstanceIDs lists the instances that exist, sorted.
	InstanceIDs() []string
}

// Bounds of a page of instances, each of which is asked for all of its lines.
const (
	maxInstances     = 100
	defaultInstances = 20
)

// shownProcesses is how many dispatchers and workers a status holds.
const shownProcesses = 100

// GetStatus tells how the installation stands.
func (s *Service) GetStatus(ctx context.Context, _ *connect.Request[calloutv1.GetStatusRequest]) (*connect.Response[calloutv1.GetStatusResponse], error) {
	found := s.fleet.Status(ctx)
	answer := &calloutv1.GetStatusResponse{
		Nats: natsMessage(found.NATS), Ready: found.NotReady == "", NotReady: text(found.NotReady),
		DispatcherCount: uint32(len(found.Dispatchers)), WorkerCount: uint32(len(found.Workers)), InstanceCount: uint32(len(s.fleet.InstanceIDs())),
		Dispatchers: processes(found.Dispatchers[:min(len(found.Dispatchers), shownProcesses)]),
		Workers:     processes(found.Workers[:min(len(found.Workers), shownProcesses)]),
	}
	for _, warning := range found.Warnings {
		answer.Warnings = append(answer.Warnings, text(warning))
	}
	return connect.NewResponse(answer), nil
}

func natsMessage(n action.NATSStatus) *calloutv1.Nats {
	return &calloutv1.Nats{Connected: n.Connected, Version: text(n.Version), Server: text(n.Server), Memory: n.Memory, Storage: n.Storage,
		MemoryLimit: n.MemoryLimit, StorageLimit: n.StorageLimit, Streams: uint32(n.Streams), Consumers: uint32(n.Consumers), Fault: text(n.Fault)}
}

// text is a text that may go over the wire.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func processes(all []action.Presence) []*calloutv1.Process {
	out := make([]*calloutv1.Process, 0, len(all))
	for _, p := range all {
		out = append(out, process(p))
	}
	return out
}

func process(p action.Presence) *calloutv1.Process {
	m := &calloutv1.Process{Id: p.ID, Role: string(p.Role), Version: p.Version, Host: p.Host, StartTime: moment(p.Started), LastSeen: moment(p.Seen),
		Calls: uint32(p.Calls), Deliveries: uint32(p.Deliveries)}
	for instance, at := range p.Led {
		m.Led = append(m.Led, &calloutv1.Led{Instance: instance, LastTime: moment(at)})
	}
	slices.SortFunc(m.GetLed(), func(a, b *calloutv1.Led) int {
		return cmp.Or(b.GetLastTime().AsTime().Compare(a.GetLastTime().AsTime()), cmp.Compare(a.GetInstance(), b.GetInstance()))
	})
	return m
}

// ListWorkers lists the workers of the fleet. A page goes on behind the worker
// that the one before ended with, whoever has come or gone meanwhile.
func (s *Service) ListWorkers(ctx context.Context, req *connect.Request[calloutv1.ListWorkersRequest]) (*connect.Response[calloutv1.ListWorkersResponse], error) {
	size, err := pageSize(req.Msg.GetPageSize())
	if err != nil {
		return nil, err
	}
	started, id, err := readWorkersToken(req.Msg.GetPageToken())
	if err != nil {
		return nil, err
	}
	all, err := s.fleet.Present(ctx, action.RoleWorker)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(p action.Presence) bool {
		return cmp.Or(p.Started.Compare(started), cmp.Compare(p.ID, id)) <= 0
	})
	answer := &calloutv1.ListWorkersResponse{Workers: processes(all[:min(len(all), size)])}
	if len(all) > size {
		answer.NextPageToken = fmt.Sprintf("%d-%s", all[size-1].Started.UnixNano(), all[size-1].ID)
	}
	return connect.NewResponse(answer), nil
}

func readWorkersToken(token string) (started time.Time, id string, err error) {
	if token == "" {
		return time.Time{}, "", nil
	}
	text, id, found := strings.Cut(token, "-")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || !found || id == "" {
		return time.Time{}, "", badToken()
	}
	return time.Unix(0, n).UTC(), id, nil
}

func badToken() error { return badField("page_token", "the page token is not one of an answer before") }

// ListInstances tells how the instances stand that who asks may see. The token of a page is the id that
// it ended with.
func (s *Service) ListInstances(ctx context.Context, req *connect.Request[calloutv1.ListInstancesRequest]) (*connect.Response[calloutv1.ListInstancesResponse], error) {
	if req.Msg.GetPageSize() > maxInstances {
		return nil, badField("page_size", fmt.Sprintf("a page of instances has at most %d entries", maxInstances))
	}
	if err := action.CheckID(req.Msg.GetPageToken()); err != nil {
		return nil, badToken()
	}
	p, err := access.From(ctx)
	if err != nil {
		return nil, err
	}
	size := int(cmp.Or(req.Msg.GetPageSize(), defaultInstances))
	all := slices.DeleteFunc(s.fleet.InstanceIDs(), func(id string) bool {
		return req.Msg.GetPageToken() != "" && id <= req.Msg.GetPageToken() || !p.Scope.Covers(access.Scope{Instance: id})
	})
	answer := &calloutv1.ListInstancesResponse{}
	dispatchers, _ := s.fleet.Present(ctx, action.RoleDispatcher) // without them nobody is named
	for _, id := range all[:min(len(all), size)] {
		if ctx.Err() != nil {
			return nil, action.NewError(action.CodeDeadline, action.StageStore, "the instances could not all be looked at in time: ask for fewer").WithCause(ctx.Err())
		}
		answer.Instances = append(answer.Instances, instanceMessage(s.engine(id).Summary(ctx), leader(dispatchers, id)))
	}
	if len(all) > size {
		answer.NextPageToken = all[size-1]
	}
	return connect.NewResponse(answer), nil
}

// leader is the dispatcher that led an instance last.
func leader(dispatchers []action.Presence, instance string) string {
	var id string
	var newest time.Time
	for _, d := range dispatchers {
		if at, ok := d.Led[instance]; ok && at.After(newest) {
			id, newest = d.ID, at
		}
	}
	return id
}

func instanceMessage(s action.InstanceSummary, leader string) *calloutv1.Instance {
	return &calloutv1.Instance{Instance: s.ID, Revision: s.Revision, Lines: uint32(s.Lines), Behind: uint32(s.Behind), Failing: uint32(s.Failing),
		Paused: uint32(s.Paused), Stopped: uint32(s.Stopped), Lost: uint32(s.Lost), Waiting: s.Waiting, InWork: s.InWork,
		DeadLetters: s.DeadLetters, Leader: leader, Fault: text(s.Fault)}
}
