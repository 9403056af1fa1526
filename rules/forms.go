package rules

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/issuant/issuant/rules/logic"
)

// The binary form of a condition: see binary.go.
func (f *Form) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(f.Leaves)))
	dst = f.Root.Append(dst)
	numbers, n := map[*logic.Expr]uint64{}, uint64(0)
	f.Root.Walk(func(e *logic.Expr) bool {
		n++
		if _, shared := numbers[e]; !shared {
			numbers[e] = n
		}
		return true
	})
	for _, l := range f.Leaves {
		dst = binary.AppendUvarint(dst, uint64(len(l.Text)))
		dst = append(dst, l.Text...)
		dst = binary.AppendUvarint(dst, numbers[l.Expr])
		if numbers[l.Expr] == 0 {
			dst = l.Expr.Append(dst)
		}
	}
	return dst
}

// matchers are the matchers of a pack's patterns, by pattern.
type matchers map[string]func(text string) bool

// patterns makes each matcher once.
type patterns struct {
	re    Regexps // may be nil: then no pattern is looked at, and whoever asks must refuse
	match matchers
	bytes int
}

func newPatterns(re Regexps) *patterns { return &patterns{re: re, match: matchers{}} }

// known reports whether a pattern is one. All of a pack are also bounded together,
// as they are in its source.
func (p *patterns) known(pattern string) bool {
	if p.re == nil || p.match[pattern] != nil {
		return true
	}
	if p.bytes += len(pattern); p.bytes > MaxManifestBytes {
		return false
	}
	match, err := p.re.Regexp(pattern)
	if err != nil || match == nil {
		return false
	}
	p.match[pattern] = match
	return true
}

// examineForm checks the form that b begins with, and returns a condition that keeps
// it as part of whole, which is b as a string. n is how many bytes the form takes.
func examineForm(s *Schema, lists int, b []byte, whole string, p *patterns) (c *Lowered, n int, err error) {
	scope := logic.Scope{Fields: s.types, Lists: lists, Pattern: p.known}
	d := logic.NewDecoder(b, whole)
	leaves := d.Uvarint()
	c = &Lowered{schema: s}
	read := func(field int) {
		c.fields = append(c.fields, field)
		if s.fields[field].Label {
			err = fmt.Errorf("%w: it reads a label", ErrForm)
		}
	}
	tree := func() (sum logic.Summary) {
		sum, n, bad := logic.Examine(d.Left(), scope, read)
		if bad != nil && err == nil {
			err = fmt.Errorf("%w: %w", ErrForm, bad)
		}
		d.Skip(uint64(n))
		return sum
	}
	c.summary = tree()
	for range min(leaves, uint64(c.summary.Nodes)+1) {
		d.Text()
		if k := d.Uvarint(); k == 0 {
			own := tree()
			c.summary.Foreign = c.summary.Foreign || own.Foreign
			c.summary.Patterns = c.summary.Patterns || own.Patterns
		} else if k > uint64(c.summary.Nodes) {
			d.Bad = true
		}
	}
	switch {
	case err != nil:
		return nil, 0, err
	case leaves > uint64(c.summary.Nodes) || d.Bad:
		return nil, 0, fmt.Errorf("%w: its leaves are malformed", ErrForm)
	}
	slices.Sort(c.fields)
	c.fields = slices.Clip(slices.Compact(c.fields))
	if c.raw = whole[:d.At()]; c.summary.Patterns {
		c.match = p.match
	}
	return c, d.At(), nil
}

// decodeForms makes the conditions of all rules and sections. whole begins with b, as a
// string. re may be nil.
func decodeForms(m *Manifest, b []byte, whole string, re Regexps) ([]Condition, error) {
	conds := make([]Condition, 0, len(m.Rules)+len(m.Sections))
	foreign, p := false, newPatterns(re)
	for range cap(conds) {
		c, n, err := examineForm(m.Schema, len(m.Lists), b, whole[:len(b)], p)
		if err != nil {
			return nil, err
		}
		if c.Cost() > m.MaxCost {
			return nil, fmt.Errorf("%w: a condition costs more than max_cost", ErrForm)
		}
		foreign = foreign || c.summary.Foreign || c.summary.Patterns && re == nil
		conds = append(conds, c)
		b, whole = b[n:], whole[n:]
	}
	switch {
	case len(b) > 0:
		return nil, fmt.Errorf("%w: something follows the lowered conditions", ErrDamaged)
	case foreign:
		return nil, ErrNotLowered
	}
	return conds, nil
}

// decodeForm decodes what examineForm has passed.
func decodeForm(raw string) (f Form) {
	d := logic.NewDecoder([]byte(raw), raw)
	leaves := d.Uvarint()
	var nodes []*logic.Expr
	f.Root = d.Expr(&nodes)
	f.Leaves = make([]FormLeaf, leaves)
	for i := range f.Leaves {
		l := &f.Leaves[i]
		l.Text = d.Text()
		if n := d.Uvarint(); n == 0 {
			l.Expr = d.Expr(nil)
		} else {
			l.Expr = nodes[n-1]
		}
	}
	return f
}
