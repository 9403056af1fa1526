package compile

import (
	"cmp"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// comment is one comment of a file.
type comment struct {
	place
	text  string // from # on, without blanks at its end
	own   bool   // nothing but blanks stands before it on its line
	blank bool   // the line before is blank
}

// unit is a member of a mapping or an item of a sequence.
type unit struct {
	key    *yaml.Node // nil: an item
	val    *yaml.Node
	at     place // of the key, or of the dash
	end    place // after the last character of the value
	kids   *group
	blank  bool       // the line before is blank
	lead   []*comment // lines above
	header *comment   // after "key:", or after the | of a block
	line   *comment   // after the value
}

// group is a mapping or sequence.
type group struct {
	node  *yaml.Node
	flow  bool // between brackets
	units []*unit
	end   place
	foot  []*comment // lines below the last unit
}

func (p place) before(q place) bool {
	return cmp.Or(cmp.Compare(p.line, q.line), cmp.Compare(p.col, q.col)) < 0
}

// formatter holds a file as a tree of units, to which the comments are tied: the YAML
// library's own comments get lost in brackets and beside blocks.
type formatter struct {
	src      *source
	ends     map[*yaml.Node]place // of scalars
	opaque   map[int][]place      // by line: columns from (line) up to (col) of scalars
	hidden   map[int]bool         // lines within block scalars
	root     *group
	head     []*comment // above the first unit, with a blank line between
	comments []*comment
	b        strings.Builder
}

func newFormatter(src *source, root *yaml.Node) *formatter {
	f := &formatter{src: src, ends: map[*yaml.Node]place{}, opaque: map[int][]place{}, hidden: map[int]bool{}}
	src.line(1)
	f.root = f.group(root, 0)
	f.scan()
	for _, c := range f.comments {
		f.tie(c)
	}
	f.splitHead()
	f.root.first()
	return f
}

// first forgets the blank lines over the first unit of each group: it may not be the
// first in the canonical order, and nothing stands above it that it is set apart from.
func (g *group) first() {
	for i, u := range g.units {
		if i == 0 && len(u.lead) > 0 {
			u.lead[0].blank = false
		} else if i == 0 {
			u.blank = false
		}
		if u.kids != nil {
			u.kids.first()
		}
	}
}

// group builds the tree; outer is the column of the unit whose value it is.
func (f *formatter) group(n *yaml.Node, outer int) *group {
	g := &group{node: n, flow: n.Style&yaml.FlowStyle != 0 || len(n.Content) == 0, end: place{n.Line, n.Column + 1}}
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	for i := 0; i+step-1 < len(n.Content); i += step {
		u := &unit{val: n.Content[i+step-1], at: place{n.Content[i].Line, n.Content[i].Column}}
		if step == 2 {
			u.key = n.Content[i]
			f.scalar(u.key, u.at.col)
			u.end = f.ends[u.key]
			u.end.col++ // the colon
		} else if !g.flow {
			u.at = f.dash(n, u.at, g.end)
			u.end = place{u.at.line, u.at.col + 1}
		} else {
			u.end = u.at
		}
		f.value(u)
		u.blank = f.blankAbove(u.at.line)
		g.units = append(g.units, u)
		g.end = u.end
	}
	if g.flow {
		g.end = f.closing(g.end)
	}
	return g
}

// dash finds the dash of an item, which may stand above it.
func (f *formatter) dash(seq *yaml.Node, item, after place) place {
	for line := item.line; line >= after.line && line > 0; line-- {
		text := []rune(f.src.line(line))
		if seq.Column <= len(text) && text[seq.Column-1] == '-' {
			return place{line, seq.Column}
		}
	}
	return place{item.line, seq.Column}
}

func (f *formatter) value(u *unit) {
	switch u.val.Kind {
	case yaml.ScalarNode:
		if u.val.ShortTag() == "!!null" && u.val.Value == "" {
			return
		}
		f.scalar(u.val, u.at.col)
		u.end = f.ends[u.val]
	default:
		u.kids = f.group(u.val, u.at.col)
		u.end = u.kids.end
	}
}

// scalar notes where a scalar ends and which characters it takes.
func (f *formatter) scalar(n *yaml.Node, outer int) {
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		f.blockScalar(n, outer)
		return
	}
	places := scalarPlaces(f.src, n)
	end := places[len(places)-1]
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		end.col++
	}
	f.ends[n] = end
	for line := n.Line; line <= end.line; line++ {
		from, to := 1, 1<<30
		if line == n.Line {
			from = n.Column
		}
		if line == end.line {
			to = end.col
		}
		f.opaque[line] = append(f.opaque[line], place{from, to})
	}
}

func (f *formatter) blockScalar(n *yaml.Node, outer int) {
	header := f.headerOf(n)
	f.opaque[n.Line] = append(f.opaque[n.Line], place{n.Column, n.Column + len(header)})
	end, indent := n.Line, -1
	for l := n.Line + 1; l <= len(f.src.lines); l++ {
		text := f.src.line(l)
		rest := strings.TrimLeft(text, " ")
		if strings.TrimSpace(rest) == "" {
			continue
		}
		if indent < 0 {
			if indent = len(text) - len(rest); indent < outer {
				break
			}
		}
		if len(text)-len(rest) < indent && !strings.ContainsAny(header, "123456789") || len(text)-len(rest) < outer {
			break
		}
		end = l
	}
	for l := n.Line + 1; l <= end; l++ {
		f.hidden[l] = true
	}
	f.ends[n] = place{end, 1 << 30}
}

// headerOf returns the header of a block scalar: | or > with its indicators.
func (f *formatter) headerOf(n *yaml.Node) string {
	text := []rune(f.src.line(n.Line))
	to := n.Column - 1
	for to < len(text) && strings.ContainsRune("|>+-0123456789", text[to]) {
		to++
	}
	return string(text[min(n.Column-1, len(text)):to])
}

// closing finds the bracket that closes a flow collection whose last unit ends at p.
func (f *formatter) closing(p place) place {
	for line := p.line; line <= len(f.src.lines); line++ {
		text := []rune(f.src.line(line))
		col := 1
		if line == p.line {
			col = p.col
		}
		for ; col <= len(text); col++ {
			switch text[col-1] {
			case ']', '}':
				return place{line, col + 1}
			case '#':
				col = len(text)
			}
		}
	}
	return p
}

func (f *formatter) blankAbove(line int) bool {
	return line > 1 && strings.TrimSpace(f.src.line(line-1)) == "" && !f.hidden[line-1]
}

// scan finds the comments: # at the start of a line or after a blank, outside scalars.
func (f *formatter) scan() {
	for l := 1; l <= len(f.src.lines); l++ {
		if f.hidden[l] {
			continue
		}
		text := []rune(f.src.line(l))
		for i, r := range text {
			if r != '#' || i > 0 && text[i-1] != ' ' && text[i-1] != '\t' || f.within(l, i+1) {
				continue
			}
			f.comments = append(f.comments, &comment{place: place{l, i + 1}, text: strings.TrimRight(string(text[i:]), " \t"),
				own: strings.TrimSpace(string(text[:i])) == "", blank: f.blankAbove(l)})
			break
		}
	}
}

func (f *formatter) within(line, col int) bool {
	for _, r := range f.opaque[line] {
		if col >= r.line && col < r.col {
			return true
		}
	}
	return false
}

// tie gives a comment to the unit that it speaks of.
func (f *formatter) tie(c *comment) {
	switch {
	case c.own:
		f.root.above(c, true)
	case !f.root.beside(c):
		f.root.above(c, true)
	}
}

// last returns the last unit that starts before p, and the one after it.
func (g *group) last(p place) (u, next *unit) {
	i := sort.Search(len(g.units), func(i int) bool { return !g.units[i].at.before(p) })
	if i < len(g.units) {
		next = g.units[i]
	}
	if i > 0 {
		u = g.units[i-1]
	}
	return u, next
}

// beside ties a comment that stands after something on its line.
func (g *group) beside(c *comment) bool {
	u, _ := g.last(c.place)
	switch {
	case u == nil:
		return false
	case !c.place.before(u.end):
		u.take(&u.line, c)
	case u.kids == nil || !u.kids.beside(c):
		u.take(&u.header, c)
	}
	return true
}

func (u *unit) take(slot **comment, c *comment) {
	if *slot == nil {
		*slot = c
		return
	}
	u.lead = append(u.lead, c)
}

// above ties a comment that has a line of its own: to the unit below it or, where it
// is indented deeper than that, to the end of what stands above it.
func (g *group) above(c *comment, root bool) {
	u, next := g.last(c.place)
	switch {
	case u != nil && c.place.before(u.end):
		if u.kids == nil {
			u.lead = append(u.lead, c)
			return
		}
		u.kids.above(c, false)
	case next == nil:
		g.spine(c.col, 0).foot = append(g.spine(c.col, 0).foot, c)
	case !g.flow && u != nil && c.col > next.at.col && u.kids != nil && u.kids.spine(c.col, next.at.col) != nil:
		s := u.kids.spine(c.col, next.at.col)
		s.foot = append(s.foot, c)
	default:
		next.lead = append(next.lead, c)
	}
}

// spine returns the deepest block group along the last units whose column is greater
// than outer and at most col; g itself when there is none and outer is 0.
func (g *group) spine(col, outer int) *group {
	var found *group
	if outer == 0 {
		found = g
	}
	for at := g; at != nil && !at.flow && len(at.units) > 0; {
		if c := at.units[0].at.col; c > col {
			break
		} else if c > outer {
			found = at
		}
		at = at.units[len(at.units)-1].kids
	}
	return found
}

// splitHead sets apart what stands above the first unit with a blank line between: it
// speaks of the file and stays at its top.
func (f *formatter) splitHead() {
	if len(f.root.units) == 0 {
		return
	}
	u := f.root.units[0]
	for i := len(u.lead); i > 0; i-- {
		if i == len(u.lead) && u.blank || i < len(u.lead) && u.lead[i].blank {
			f.head, u.lead = u.lead[:i], u.lead[i:]
			return
		}
	}
}
