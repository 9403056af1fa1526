package rules

import (
	"encoding/binary"
	"fmt"

	"github.com/issuant/issuant/rules/logic"
)

// appendForms appends the lowered forms of all conditions; ok is false when some
// condition has none.
func (p *Pack) appendForms(dst []byte) (out []byte, ok bool) {
	for _, conds := range [...][]Condition{p.rules, p.sections} {
		for _, c := range conds {
			l, ok := c.(*Lowered)
			if !ok {
				return nil, false
			}
			dst = l.form.append(dst)
		}
	}
	return dst, true
}

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

// decodeForms makes the conditions of all rules and sections.
func decodeForms(m *Manifest, b []byte) ([]Condition, error) {
	d := logic.NewDecoder(b)
	conds := make([]Condition, 0, len(m.Rules)+len(m.Sections))
	var nodes []*logic.Expr
	for range cap(conds) {
		f := decodeForm(d, &nodes)
		if d.Bad {
			break
		}
		c, err := NewCondition(m.Schema, len(m.Lists), f, nil)
		if err != nil {
			return nil, err
		}
		if c.Cost() > m.MaxCost {
			return nil, fmt.Errorf("%w: a condition costs more than max_cost", ErrForm)
		}
		conds = append(conds, c)
	}
	if d.Bad || d.Rest() > 0 {
		return nil, fmt.Errorf("%w: the lowered conditions are malformed", ErrDamaged)
	}
	return conds, nil
}

func decodeForm(d *logic.Decoder, nodes *[]*logic.Expr) (f Form) {
	leaves := d.Uvarint()
	*nodes = (*nodes)[:0]
	f.Root = d.Expr(nodes)
	if leaves > uint64(len(*nodes)) {
		d.Bad = true
	}
	if d.Bad {
		return f
	}
	f.Leaves = make([]FormLeaf, leaves)
	for i := range f.Leaves {
		l := &f.Leaves[i]
		l.Text = d.Text()
		switch n := d.Uvarint(); {
		case n == 0:
			l.Expr = d.Expr(nil)
		case n <= uint64(len(*nodes)):
			l.Expr = (*nodes)[n-1]
		default:
			d.Bad = true
		}
	}
	return f
}
