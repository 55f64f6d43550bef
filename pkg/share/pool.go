package share

import "sync"

// leftOver is how many times what is left a party may hold.
const leftOver = 2

// Pool is divided among parties, which are told apart by a name. It never lets
// anybody wait. It is safe for concurrent use.
type Pool struct {
	size int64
	mu   sync.Mutex
	used int64
	by   map[string]int64

	undivided bool
}

// New makes a pool of which one party may have alone, 1 or more, while nobody
// else has any of it. Those of all parties come to at most half as much again.
func New(alone int64) *Pool {
	return &Pool{size: Size(alone), by: map[string]int64{}}
}

// Undivided makes a pool of which who comes first has all that one may have: to all
// parties it is as to one. It is for measuring what dividing it does.
func Undivided(alone int64) *Pool {
	p := New(alone)
	p.undivided = true
	return p
}

// whose is the party that something is counted for.
func (p *Pool) whose(party string) string {
	if p.undivided {
		return ""
	}
	return party
}

// Size is how much there is of a pool of which one party may have so much alone.
func Size(alone int64) int64 { return alone + (alone+1)/leftOver }

// Take takes n for a party, or nothing. It tells whether there was as much: Give
// must follow if so.
func (p *Pool) Take(party string, n int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	party = p.whose(party)
	has := p.by[party]
	if !May(p.size, p.used, has, n) {
		return false
	}
	p.used += n
	p.by[party] = has + n
	return true
}

// May tells whether a party that has so much of a size of which so much is used
// may have n more. It is the rule of a Pool, for who counts otherwise.
func May(size, used, has, n int64) bool {
	has += n
	left := size - used - n
	return left >= 0 && (has <= leftOver*left || has <= 1)
}

// Give gives back what was taken.
func (p *Pool) Give(party string, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used -= n
	party = p.whose(party)
	if p.by[party] -= n; p.by[party] == 0 {
		delete(p.by, party)
	}
}

// Held is how much a party has.
func (p *Pool) Held(party string) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.by[p.whose(party)]
}

// Used is how much all parties have.
func (p *Pool) Used() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used
}
