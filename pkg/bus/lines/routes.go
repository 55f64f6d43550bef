package lines

import "strings"

// routes finds the packed lines that take an event by its subject: a tree of the
// tokens of their filters. One look goes down the few ways that fit, however many
// lines there are. It is not for several goroutines at once.
type routes struct {
	next  map[string]*routes // by literal token
	any   *routes            // "*"
	ends  []*member          // whose filter ends here
	below []*member          // whose filter goes on with ">"
}

func (r *routes) add(filter string, m *member) {
	all := r.of(filter)
	*all = append(*all, m)
}

func (r *routes) remove(filter string, m *member) {
	all := r.of(filter)
	*all = without(*all, m)
}

// of gives the lines of a filter.
func (r *routes) of(filter string) *[]*member {
	at := r
	for token := range strings.SplitSeq(filter, ".") {
		if token == ">" {
			return &at.below
		}
		at = at.step(token)
	}
	return &at.ends
}

func (r *routes) step(token string) *routes {
	if token == "*" {
		if r.any == nil {
			r.any = &routes{}
		}
		return r.any
	}
	if r.next == nil {
		r.next = map[string]*routes{}
	}
	if r.next[token] == nil {
		r.next[token] = &routes{}
	}
	return r.next[token]
}

func without(all []*member, m *member) []*member {
	for n, one := range all {
		if one == m {
			return append(all[:n:n], all[n+1:]...)
		}
	}
	return all
}

// match calls do for each line that takes an event of a subject.
func (r *routes) match(subject string, do func(*member)) {
	token, rest, more := strings.Cut(subject, ".")
	for _, m := range r.below {
		do(m)
	}
	for _, at := range [2]*routes{r.next[token], r.any} {
		switch {
		case at == nil:
		case more:
			at.match(rest, do)
		default:
			for _, m := range at.ends {
				do(m)
			}
		}
	}
}
