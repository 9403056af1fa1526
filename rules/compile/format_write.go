package compile

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/internal/canon"
)

// file writes the whole file.
func (f *formatter) file(root *yaml.Node, lay *layout) string {
	f.b.Reset()
	f.lines(f.head, 0, true)
	if len(f.head) > 0 {
		f.b.WriteByte('\n')
	}
	if f.root.between(lay) {
		f.b.WriteString(f.flow(f.root, 0, 0, lay) + "\n")
	} else {
		f.block(f.root, 0, lay, false)
	}
	return f.b.String()
}

// between tells whether a group stays between brackets.
func (g *group) between(lay *layout) bool {
	if len(g.units) == 0 {
		return len(g.foot) == 0
	}
	return g.flow && !(lay != nil && lay.block) && !g.commented()
}

func (g *group) commented() bool {
	if len(g.foot) > 0 {
		return true
	}
	return slices.ContainsFunc(g.units, func(u *unit) bool {
		return len(u.lead) > 0 || u.header != nil || u.line != nil || u.kids != nil && u.kids.commented()
	})
}

// ordered returns the units in the order of the layout.
func (g *group) ordered(lay *layout) []*unit {
	list := slices.Clone(g.units)
	if g.node.Kind == yaml.MappingNode {
		slices.SortStableFunc(list, func(a, b *unit) int { return lay.rank(a.key.Value) - lay.rank(b.key.Value) })
	}
	return list
}

func (l *layout) of(u *unit) *layout {
	if u.key == nil {
		return l.items()
	}
	return l.member(u.key.Value)
}

func pad(n int) string { return strings.Repeat(" ", n) }

// lines writes comments that have lines of their own; first tells that nothing stands
// above them in their group.
func (f *formatter) lines(list []*comment, indent int, first bool) {
	for i, c := range list {
		if c.blank && !(first && i == 0) {
			f.b.WriteByte('\n')
		}
		f.b.WriteString(pad(indent) + c.text + "\n")
	}
}

// block writes a group, a unit a line; inline tells that the first one stands behind
// a dash that is written already.
func (f *formatter) block(g *group, indent int, lay *layout, inline bool) {
	for i, u := range g.ordered(lay) {
		if i > 0 || !inline {
			f.above(u, indent, lay, i == 0)
		}
		f.unit(u, indent, lay.of(u))
	}
	f.lines(g.foot, indent, len(g.units) == 0)
}

// above writes what stands over a unit, and its indentation.
func (f *formatter) above(u *unit, indent int, lay *layout, first bool) {
	lead := append(slices.Clone(u.lead), u.raised(lay.of(u))...)
	spaced := lay != nil && lay.spaced && !first
	if spaced && !(len(lead) > 0 && lead[0].blank) && !(len(lead) == 0 && u.blank) {
		f.b.WriteByte('\n')
	}
	f.lines(lead, indent, first)
	if u.blank && !(first && len(lead) == 0) && len(u.lead) == len(lead) {
		f.b.WriteByte('\n')
	}
	f.b.WriteString(pad(indent))
}

// raised returns the comments of a unit that have no place of their own: they go
// above it. Those between the dash of an item and its first member are among them.
func (u *unit) raised(lay *layout) []*comment {
	switch {
	case u.kids == nil:
		if !isBlockScalar(u.val) {
			return some(u.header)
		}
		return nil
	case u.kids.between(lay):
		if u.line != nil {
			return some(u.header)
		}
		return nil
	case u.key != nil:
		if u.header != nil {
			return some(u.line)
		}
		return nil
	}
	list := some(u.header, u.line)
	if len(u.kids.units) == 0 {
		return list
	}
	first := u.kids.ordered(lay)[0]
	list = append(list, first.lead...)
	return append(list, first.raised(lay.of(first))...)
}

func some(list ...*comment) []*comment {
	return slices.DeleteFunc(list, func(c *comment) bool { return c == nil })
}

func isBlockScalar(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
}

// unit writes one unit up to the end of its last line.
func (f *formatter) unit(u *unit, indent int, lay *layout) {
	head := "-"
	if u.key != nil {
		head = f.inline(u.key) + ":"
	}
	f.b.WriteString(head)
	switch {
	case u.kids != nil && u.kids.between(lay):
		col := indent + utf8.RuneCountInString(head) + 1
		f.b.WriteString(" " + f.flow(u.kids, col, indent+4, lay))
	case u.kids != nil && u.key == nil:
		f.b.WriteByte(' ')
		f.block(u.kids, indent+2, lay, true)
		return
	case u.kids != nil:
		f.tail(u, lay)
		f.block(u.kids, indent+2, lay, false)
		return
	case isBlockScalar(u.val) && f.keepsBlock(u.val):
		f.blockText(u, indent+2)
		return
	default:
		if text := f.text(u.val, indent+2); text != "" {
			f.b.WriteString(" " + text)
		}
	}
	f.tail(u, lay)
}

// tail writes the comment that stands on the unit's own line, and ends the line.
func (f *formatter) tail(u *unit, lay *layout) {
	var own []*comment
	switch {
	case u.kids == nil && !isBlockScalar(u.val):
		own = some(u.line)
	case u.kids != nil && u.kids.between(lay):
		own = some(u.line, u.header)
	default:
		own = some(u.header, u.line)
	}
	if len(own) > 0 {
		f.b.WriteString("  " + own[0].text)
	}
	f.b.WriteByte('\n')
}

// raw returns the characters of a scalar as they were written, line by line.
func (f *formatter) raw(n *yaml.Node) []string {
	var lines []string
	end := f.ends[n]
	for l := n.Line; l <= end.line; l++ {
		text := []rune(f.src.line(l))
		from, to := 0, len(text)
		if l == n.Line {
			from = min(n.Column-1, len(text))
		}
		if l == end.line {
			to = min(end.col-1, len(text))
		}
		lines = append(lines, strings.Trim(string(text[from:max(from, to)]), " \t"))
	}
	return lines
}

// text is a scalar that is no block, its further lines indented anew.
func (f *formatter) text(n *yaml.Node, indent int) string {
	if n.ShortTag() == "!!null" && n.Value == "" {
		return ""
	}
	if isBlockScalar(n) {
		return quoted(n.Value)
	}
	lines := f.raw(n)
	for i := 1; i < len(lines); i++ {
		if lines[i] != "" {
			lines[i] = pad(indent) + lines[i]
		}
	}
	return strings.Join(lines, "\n")
}

// inline is a scalar on one line, as it must be between brackets.
func (f *formatter) inline(n *yaml.Node) string {
	if n.ShortTag() == "!!null" && n.Value == "" {
		return "null"
	}
	lines := f.raw(n)
	if len(lines) == 1 {
		return lines[0]
	}
	escapes := n.Style&yaml.DoubleQuotedStyle != 0 && slices.ContainsFunc(lines, func(l string) bool { return strings.HasSuffix(l, `\`) })
	if escapes || slices.Contains(lines, "") || strings.Contains(n.Value, "\n") {
		return quoted(n.Value)
	}
	return strings.Join(lines, " ")
}

// quoted is a text between double quotation marks; JSON's escapes are YAML's too.
func quoted(s string) string { return string(canon.AppendString(nil, s)) }

// keepsBlock tells whether a block scalar can be written as one again without an
// indentation indicator.
func (f *formatter) keepsBlock(n *yaml.Node) bool {
	first, _, _ := strings.Cut(n.Value, "\n")
	return strings.TrimSpace(n.Value) != "" && first != "" && first == strings.TrimLeft(first, " \t") &&
		!strings.ContainsAny(f.headerOf(n), "123456789")
}

// blockText writes a block scalar. A literal one is its value; of a folded one the
// author's lines are kept, since its value does not tell where they broke.
func (f *formatter) blockText(u *unit, indent int) {
	n := u.val
	header := f.headerOf(n)
	f.b.WriteString(" " + header)
	f.tail(u, nil)
	body := strings.TrimRight(n.Value, "\n")
	if n.Style&yaml.FoldedStyle != 0 {
		body = f.foldedLines(n)
	}
	for _, line := range strings.Split(body, "\n") {
		if line != "" {
			line = pad(indent) + line
		}
		f.b.WriteString(line + "\n")
	}
	if strings.Contains(header, "+") {
		f.b.WriteString(strings.Repeat("\n", max(0, len(n.Value)-len(strings.TrimRight(n.Value, "\n"))-1)))
	}
}

func (f *formatter) foldedLines(n *yaml.Node) string {
	var lines []string
	indent := -1
	for l := n.Line + 1; l <= f.ends[n].line; l++ {
		text := f.src.line(l)
		if rest := strings.TrimLeft(text, " "); indent < 0 && rest != "" {
			indent = len(text) - len(rest)
		}
		lines = append(lines, text[min(max(indent, 0), len(text)):])
	}
	return strings.Join(lines, "\n")
}

// flow writes a group between brackets: on one line where it fits behind column col,
// else broken after commas, the further lines indented.
func (f *formatter) flow(g *group, col, indent int, lay *layout) string {
	one := strings.Join(f.pieces(g, lay, 1<<30), " ")
	if col+utf8.RuneCountInString(one) <= FormatWidth {
		return one
	}
	var b strings.Builder
	for i, piece := range f.pieces(g, lay, FormatWidth-indent) {
		n := utf8.RuneCountInString(piece)
		switch {
		case i == 0:
		case col+1+n > FormatWidth:
			b.WriteString("\n" + pad(indent))
			col = indent
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(piece)
		col += n
	}
	return b.String()
}

// pieces cuts a group between brackets where a line may be broken; a group within it
// is cut when it is wider than width.
func (f *formatter) pieces(g *group, lay *layout, width int) []string {
	left, right := "{", "}"
	if g.node.Kind == yaml.SequenceNode {
		left, right = "[", "]"
	}
	units := g.ordered(lay)
	if len(units) == 0 {
		return []string{left + right}
	}
	var list []string
	for i, u := range units {
		var own []string
		if u.kids != nil {
			own = f.pieces(u.kids, lay.of(u), width)
			if whole := strings.Join(own, " "); utf8.RuneCountInString(whole) <= width {
				own = []string{whole}
			}
		} else {
			own = []string{f.inline(u.val)}
		}
		if u.key != nil {
			own[0] = f.inline(u.key) + ": " + own[0]
		}
		if i == 0 {
			own[0] = left + own[0]
		}
		mark := ","
		if i == len(units)-1 {
			mark = right
		}
		own[len(own)-1] += mark
		list = append(list, own...)
	}
	return list
}
