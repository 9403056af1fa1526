package rules

import (
	"encoding/binary"
	"fmt"
	"math/bits"

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
	if p.match == nil {
		p.match = matchers{}
	}
	p.match[pattern] = match
	return true
}

// formReader examines conditions, one after another.
type formReader struct {
	*logic.Examiner
	patterns patterns
	scope    *formScope
	fields   []int // memory for the fields of conditions to come
}

// formScope is what conditions of one pack share.
type formScope struct {
	schema *Schema
	match  matchers
}

func newFormReader(s *Schema, lists int, re Regexps) *formReader {
	r := &formReader{patterns: patterns{re: re}, scope: &formScope{schema: s}}
	r.Examiner = logic.NewExaminer(logic.Scope{Fields: s.types, Lists: lists, Pattern: r.patterns.known})
	return r
}

// form checks the form that text begins with, and makes c the condition, which keeps it
// as part of text. n is how many bytes the form takes.
func (r *formReader) form(text string, c *Lowered) (n int, err error) {
	clear(r.Reads)
	leaves, at := logic.Uvarint(text, 0)
	if at == 0 {
		return 0, errLeaves
	}
	sum, n, err := r.Examine(text[at:])
	if at += n; err != nil {
		return 0, fmt.Errorf("%w: %w", ErrForm, err)
	}
	*c = Lowered{scope: r.scope, cost: sum.Cost, fallible: sum.Fallible, foreign: sum.Foreign, patterns: sum.Patterns}
	nodes := uint64(sum.Nodes)
	for range min(leaves, nodes+1) {
		size, from := logic.Uvarint(text, at)
		if from == 0 || size > uint64(len(text)-from) {
			return 0, errLeaves
		}
		var node uint64
		if node, at = logic.Uvarint(text, from+int(size)); at == 0 || node > nodes {
			return 0, errLeaves
		}
		if node > 0 {
			if r.Truths[node>>6]>>(node&63)&1 == 0 { // it cannot be judged on its own
				return 0, errLeaves
			}
			continue
		}
		truths := r.Truths
		r.Truths = nil
		own, n, err := r.Examine(text[at:])
		if at += n; err != nil {
			return 0, fmt.Errorf("%w: %w", ErrForm, err)
		}
		c.foreign, c.patterns, r.Truths = c.foreign || own.Foreign, c.patterns || own.Patterns, truths
	}
	if leaves > nodes {
		return 0, errLeaves
	}
	if c.raw = text[:at]; c.patterns {
		r.scope.match = r.patterns.match
	}
	return at, r.read(c)
}

var errLeaves = fmt.Errorf("%w: its leaves are malformed", ErrForm)

// read keeps the fields that a condition reads.
func (r *formReader) read(c *Lowered) error {
	n := 0
	for w, reads := range r.Reads {
		if reads&r.scope.schema.labels[w] != 0 {
			return fmt.Errorf("%w: it reads a label", ErrForm)
		}
		n += bits.OnesCount64(reads)
	}
	if cap(r.fields)-len(r.fields) < n {
		r.fields = make([]int, 0, max(n, min(2*cap(r.fields), 4096)))
	}
	at := len(r.fields)
	for w, reads := range r.Reads {
		for ; reads != 0; reads &= reads - 1 {
			r.fields = append(r.fields, w<<6+bits.TrailingZeros64(reads))
		}
	}
	c.fields = r.fields[at:len(r.fields):len(r.fields)]
	return nil
}

// decodeForms makes the conditions of all rules and sections from a text that holds their
// forms. re may be nil.
func decodeForms(m *Manifest, text string, re Regexps) ([]Condition, error) {
	lowered := make([]Lowered, len(m.Rules)+len(m.Sections))
	conds := make([]Condition, len(lowered))
	foreign, r := false, newFormReader(m.Schema, len(m.Lists), re)
	for i := range lowered {
		c := &lowered[i]
		n, err := r.form(text, c)
		if err != nil {
			return nil, err
		}
		if c.Cost() > m.MaxCost {
			return nil, fmt.Errorf("%w: a condition costs more than max_cost", ErrForm)
		}
		foreign = foreign || c.foreign || c.patterns && re == nil
		conds[i], text = c, text[n:]
	}
	switch {
	case len(text) > 0:
		return nil, fmt.Errorf("%w: something follows the lowered conditions", ErrDamaged)
	case foreign:
		return nil, ErrNotLowered
	}
	return conds, nil
}

// decodeForm decodes what formReader.form has passed.
func decodeForm(raw string) (f Form) {
	d := logic.NewDecoder(raw)
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
