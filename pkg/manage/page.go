package manage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// Sizes of a page.
const (
	maxPage     = 1000
	defaultPage = 100
)

// key says where an object stands in a list, and which it is.
type key struct {
	Org   string `json:"o,omitempty"`
	Phase int    `json:"p,omitempty"` // its place in action.Phases
	Time  int64  `json:"t,omitempty"` // of what the list is sorted by, in nanoseconds; 0 when it is not a time
	Text  string `json:"n,omitempty"` // likewise
	Place int    `json:"i,omitempty"` // of an execution in its section
}

// listing is the way through a list: what it asks for, and from where on.
type listing struct {
	order      string // the field
	descending bool
	size       int
	token      pageToken // of the page before
}

// pageToken is where a page ended, of which revision, and in which list.
type pageToken struct {
	Revision uint64 `json:"r"`
	After    key    `json:"k"`
	List     string `json:"l"` // a hash of filter and order
}

// paged is what the requests of all lists say.
type paged interface {
	GetOrderBy() string
	GetPageSize() uint32
	GetPageToken() string
}

func newListing(req paged, filter proto.Message, orders ...string) (*listing, error) {
	l := &listing{}
	var err error
	if l.size, err = pageSize(req.GetPageSize()); err != nil {
		return nil, err
	}
	field, way, more := strings.Cut(req.GetOrderBy(), " ")
	if l.order, l.descending = field, more; field != "" && !slices.Contains(orders, field) || more && way != "desc" {
		return nil, badField("order_by", fmt.Sprintf("a list is ordered by %s, with desc behind it for the other way round", strings.Join(orders, ", ")))
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(filter)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(fmt.Appendf(raw, "\x00%s\x00%s", req.GetOrderBy(), filter.ProtoReflect().Descriptor().FullName()))
	l.token.List = hex.EncodeToString(sum[:8])
	if req.GetPageToken() != "" {
		err = l.read(req.GetPageToken())
	}
	return l, err
}

func pageSize(asked uint32) (int, error) {
	if asked > maxPage {
		return 0, badField("page_size", fmt.Sprintf("a page has at most %d entries", maxPage))
	}
	return int(cmp.Or(asked, defaultPage)), nil
}

func (l *listing) read(text string) error {
	var t pageToken
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = wire.Unmarshal(raw, &t)
	}
	switch {
	case err != nil || t.Revision == 0:
		return badField("page_token", "the page token is not one of an answer before")
	case t.List != l.token.List:
		return badField("page_token", "the page token is of a list with another filter or order")
	}
	l.token = t
	return nil
}

// next is the token of the page behind a key.
func (l *listing) next(revision uint64, after key) (string, error) {
	raw, err := json.Marshal(pageToken{Revision: revision, After: after, List: l.token.List})
	return base64.RawURLEncoding.EncodeToString(raw), err
}

// compare orders two objects: organizations and phases come first, whichever
// way round.
func (l *listing) compare(a, b key) int {
	if scope := cmp.Or(cmp.Compare(a.Org, b.Org), cmp.Compare(a.Phase, b.Phase)); scope != 0 {
		return scope
	}
	way := cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Place, b.Place))
	if l.descending {
		return -way
	}
	return way
}

// page picks the keys of the page, without keeping more than two pages at once,
// and counts all.
func (l *listing) page(all iter.Seq[key]) (page []key, total int, more bool) {
	keep := l.size + 1
	page = make([]key, 0, 2*keep)
	sorted := func() {
		slices.SortFunc(page, l.compare)
		page = page[:min(len(page), keep)]
	}
	full := false // what is behind the last one is not of the page
	for k := range all {
		total++
		if l.token.Revision != 0 && l.compare(k, l.token.After) <= 0 || full && l.compare(k, page[keep-1]) > 0 {
			continue
		}
		if page = append(page, k); len(page) == cap(page) {
			sorted()
			full = true
		}
	}
	sorted()
	if len(page) > l.size {
		return page[:l.size], total, true
	}
	return page, total, false
}

// catalog gives the catalog that the list is of: that of the page before, or
// the one in force.
func (l *listing) catalog(ctx context.Context, s *Service, instance string, atLeast uint64) (*catalog.Snapshot, error) {
	if l.token.Revision == 0 {
		m, err := s.catalog(ctx, instance, atLeast)
		if err != nil {
			return nil, err
		}
		return m.Snapshot(), nil
	}
	c, err := s.past.get(orDefault(instance), l.token.Revision, func() (*catalog.Snapshot, error) {
		return s.catalogAt(ctx, instance, l.token.Revision)
	})
	if action.CodeOf(err) == action.CodeNotFound {
		return nil, badField("page_token", fmt.Sprintf("revision %d, which the list is of, is not kept any more: begin again", l.token.Revision))
	}
	return c, err
}

// maxPast is how many earlier catalogs are kept for those who go through lists.
const maxPast = 4

// past keeps the catalogs that pages were read from last.
type past struct {
	mu   sync.Mutex
	kept []*catalog.Snapshot // the one used last is the last
}

func (p *past) get(instance string, revision uint64, load func() (*catalog.Snapshot, error)) (*catalog.Snapshot, error) {
	if c := p.use(instance, revision); c != nil {
		return c, nil
	}
	c, err := load()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept = append(p.kept, c)
	p.kept = p.kept[max(0, len(p.kept)-maxPast):]
	return c, nil
}

func (p *past) use(instance string, revision uint64) *catalog.Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.kept, func(c *catalog.Snapshot) bool { return c.Instance == instance && c.Revision == revision })
	if i < 0 {
		return nil
	}
	c := p.kept[i]
	p.kept = append(slices.Delete(p.kept, i, i+1), c)
	return c
}
