package demo

import (
	"strings"
	"unicode/utf8"
)

// columnsView draws the sequence as it happens: a column for every party, and two
// or three rows for every step.
type columnsView struct {
	words
	grid
}

func (v *columnsView) begin(in intro) {
	v.words.begin(in)
	write(v.out, v.heads()+v.newRow().print(v.ink))
}

func (v *columnsView) proven(proofs []proof) {
	write(v.out, v.heads())
	v.words.proven(proofs)
}

func (v *columnsView) stay(suggestions []suggestion) {
	v.words.stay(suggestions)
	write(v.out, v.heads()+v.newRow().print(v.ink))
}

// heads are the parties' names, which stand above and below their columns.
func (v *columnsView) heads() string {
	names := make([][]string, len(Parties))
	height := 0
	for i, l := range Parties {
		names[i] = split(string(l), v.gap-1)
		height = max(height, len(names[i]))
	}
	var b strings.Builder
	for y := range height {
		r := v.blank()
		if y == height-1 {
			r.put(clockWidth-2, "ms", dim)
		}
		for i, l := range Parties {
			if at := y - (height - len(names[i])); at >= 0 {
				part := names[i][at]
				r.put(v.at(l)-len(part)/2, part, partyStyle[l])
			}
		}
		b.WriteString(r.print(v.ink))
	}
	return b.String()
}

func (v *columnsView) step(s Step) {
	rows := v.arrow(s)
	if s.From == s.To {
		rows = v.loop(s)
	}
	clock := fit(millis(s.At), clockWidth)
	rows[0].put(clockWidth-utf8.RuneCountInString(clock), clock, dim)
	var b strings.Builder
	for _, r := range rows {
		b.WriteString(r.print(v.ink))
	}
	write(v.out, b.String()+v.newRow().print(v.ink))
}

// colour is the look of a step: that of who speaks, or red for a failure.
func colour(s Step) style {
	if s.Failed {
		return red
	}
	return partyStyle[s.From]
}

// arrow draws a message from one column to another, with its text above it.
func (v *columnsView) arrow(s Step) []row {
	from, to := v.at(s.From), v.at(s.To)
	left, right := min(from, to), max(from, to)
	rows := v.caption(s, left+2)
	shaft := v.newRow()
	line := '─'
	if s.Answer || s.Failed {
		line = '╌'
	}
	for x := left + 1; x < right; x++ {
		shaft[x] = cell{line, colour(s)}
	}
	tail, head, at := '├', '▶', right-1
	if from > to {
		tail, head, at = '┤', '◀', left+1
	}
	if s.Failed {
		head = '✗'
	}
	shaft[from] = cell{tail, colour(s)}
	shaft[at] = cell{head, colour(s)}
	return append(rows, shaft)
}

// caption is one row with label and detail, or two when one does not hold them.
func (v *columnsView) caption(s Step, at int) []row {
	text, detail := label(s), s.Detail
	textLen, detailLen := utf8.RuneCountInString(text), utf8.RuneCountInString(detail)
	first := v.newRow()
	if detail == "" || at+textLen+2+detailLen <= v.width {
		at = min(at, max(clockWidth+1, v.width-textLen-2-detailLen))
		v.say(first, at, text, bold, s)
		v.say(first, at+textLen+2, detail, dim, s)
		return []row{first}
	}
	second := v.newRow()
	v.say(first, v.start(at, textLen), text, bold, s)
	v.say(second, v.start(at, detailLen), detail, dim, s)
	return []row{first, second}
}

// start moves text to the left as far as it must to end within the width.
func (v *columnsView) start(at, length int) int {
	return min(at, max(clockWidth+1, v.width-length))
}

// say writes text with a free column on both sides, so that columns do not touch
// it.
func (v *columnsView) say(r row, at int, text string, look style, s Step) {
	if text == "" {
		return
	}
	if s.Failed {
		look = red
	}
	text = fit(text, v.width-at)
	r.put(at-1, " "+text+" ", look)
}

// loop draws what a party does by itself. It goes to the left where there is
// no room for its text on the right.
func (v *columnsView) loop(s Step) []row {
	x, look := v.at(s.From), colour(s)
	rows := []row{v.newRow(), v.newRow()}
	texts := []string{label(s), s.Detail}
	looks := []style{bold, dim}
	longest := max(utf8.RuneCountInString(texts[0]), utf8.RuneCountInString(texts[1]))
	if x+5+longest > v.width && x-5-longest > clockWidth {
		rows[0].put(x-3, "╭──┤", look)
		rows[1].put(x-3, "╰─▶", look)
		for i, text := range texts {
			v.say(rows[i], x-5-utf8.RuneCountInString(text), text, looks[i], s)
		}
		return rows
	}
	rows[0].put(x, "├──╮", look)
	rows[1].put(x+1, "◀─╯", look)
	for i, text := range texts {
		v.say(rows[i], x+5, text, looks[i], s)
	}
	return rows
}
