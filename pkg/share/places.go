package share

import "sync"

// Places are a number of something that groups have their shares of, and in each
// group its members: those of an instance, and of its targets. They never let
// anybody wait. They are safe for concurrent use. M tells a member from those of
// every other group too.
type Places[M comparable] struct {
	size, sizeOfGroup int64 // of all, and of what is divided among a group's members

	mu       sync.Mutex
	used     int64
	byGroup  map[string]int64
	byMember map[M]int64
}

// NewPlaces makes those of which a member may have so many alone, 1 or more. A group
// may have as many alone as all its members together: what one or two of them hold is
// never all that their group may have.
func NewPlaces[M comparable](alone int64) *Places[M] {
	ofGroup := Size(alone)
	return &Places[M]{size: Size(ofGroup), sizeOfGroup: ofGroup, byGroup: map[string]int64{}, byMember: map[M]int64{}}
}

// Take takes n for a member of a group, or nothing. It tells whether there was as
// much: Give must follow if so.
func (p *Places[M]) Take(group string, member M, n int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.may(group, member, n) {
		return false
	}
	p.add(group, member, n)
	return true
}

// Add takes n for a member of a group that has them already, whatever is left: a Take
// is refused the sooner. Give must follow.
func (p *Places[M]) Add(group string, member M, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(group, member, n)
}

// Give gives back what was taken.
func (p *Places[M]) Give(group string, member M, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(group, member, -n)
}

// Room is how many a member of a group may take at this moment, up to most.
func (p *Places[M]) Room(group string, member M, most int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	none, more := int64(0), most+1 // none may be taken, more may not
	for more-none > 1 {
		if n := none + (more-none)/2; p.may(group, member, n) {
			none = n
		} else {
			more = n
		}
	}
	return none
}

func (p *Places[M]) may(group string, member M, n int64) bool {
	ofGroup, ofMember := p.byGroup[group], p.byMember[member]
	return May(p.size, p.used, ofGroup, n) && May(p.sizeOfGroup, ofGroup, ofMember, n)
}

func (p *Places[M]) add(group string, member M, n int64) {
	p.used += n
	if p.byGroup[group] += n; p.byGroup[group] == 0 {
		delete(p.byGroup, group)
	}
	if p.byMember[member] += n; p.byMember[member] == 0 {
		delete(p.byMember, member)
	}
}
