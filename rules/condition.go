package rules

import (
	"fmt"
	"sync"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules/logic"
)

// Condition is a compiled condition. Implementations are immutable, safe for
// concurrent use, pure, and never panic. Those that compilers make are *Lowered;
// a pack cannot index others, and judges them on every event.
type Condition interface {
	// Judge returns the verdict; the code is OK unless the verdict is Error.
	Judge(env *Env) (Truth, code.Code)
	// Cost is the static worst case of the counted cost of one Judge.
	Cost() int64
	// Fields returns the indices of the fields that the condition reads, sorted.
	Fields() []int
	// Leaves judges each leaf comparison on its own, in the order of the text.
	Leaves(env *Env) []Leaf
}

// Lowered is a Condition that is judged by a typed tree, without expr. The tree, its
// closures and its normal form are each made when they are first needed: a loaded pack
// of many rules judges few of them, and explains fewer.
type Lowered struct {
	schema  *Schema
	raw     string // the binary form: see Form.append
	summary logic.Summary
	vm      VM
	match   matchers
	fields  []int

	decoding    sync.Once
	form        Form
	judging     sync.Once
	judge       truthOf
	explaining  sync.Once
	leaves      []truthOf
	clauses     []clause // by leaf
	normalizing sync.Once
	normal      logic.Normal
}

// Form is the lowered form of a condition: its tree, and its leaves in the order of
// the text.
type Form struct {
	Root   *logic.Expr
	Leaves []FormLeaf
}

// FormLeaf is a clause that and, or and not do not divide further.
type FormLeaf struct {
	Text string // as it stands in the source
	Expr *logic.Expr
}

// VM judges the conditions that cannot be lowered as a whole; package compile has one.
// It must be as immutable and pure as a Condition.
type VM interface {
	Judge(env *Env) (Truth, code.Code)
	Leaf(i int, env *Env) (Truth, code.Code) // leaf i of the form
}

// ErrForm is wrapped by the errors of NewCondition.
var ErrForm = code.New(code.PackFile, "rules: a lowered condition is malformed")

// Regexps makes matchers of RE2 patterns for conditions that hold logic.Matches;
// package compile has one. It stands outside this package so that programs without
// such conditions do not link regular expressions.
type Regexps interface {
	// Regexp returns a function that tells whether a text matches the pattern; it must
	// be pure and safe for concurrent use. The pattern may be anyone's, and has at most
	// logic.MaxPattern bytes.
	Regexp(pattern string) (match func(text string) bool, err error)
}

// NewCondition makes a condition for facts of schema s in a pack with that many
// lists. The form is checked and then shared; it must not be changed. re is needed, and
// used, only where the form has patterns, and vm where it holds something that cannot be
// lowered; without them NewCondition returns ErrNotLowered there.
func NewCondition(s *Schema, lists int, f Form, re Regexps, vm VM) (*Lowered, error) {
	raw := f.append(nil)
	c, n, err := examineForm(s, lists, raw, string(raw), newPatterns(re))
	switch {
	case err != nil:
		return nil, err
	case n != len(raw):
		return nil, fmt.Errorf("%w: it has no end", ErrForm)
	case c.summary.Foreign && vm == nil, c.summary.Patterns && re == nil:
		return nil, ErrNotLowered
	}
	c.form, c.vm = f, vm
	return c, nil
}

// ready makes what judging needs.
func (c *Lowered) ready() *Lowered {
	c.judging.Do(c.prepare)
	return c
}

func (c *Lowered) prepare() {
	if c.vm != nil {
		c.judge = func(env *Env, _ string) (Truth, code.Code) { return c.vm.Judge(env) }
	} else {
		c.judge = builder{c.schema, c.match}.truth(c.Form().Root)
	}
}

// prepareLeaves makes what explanations need.
func (c *Lowered) prepareLeaves() {
	for i, l := range c.Form().Leaves {
		c.clauses = append(c.clauses, gather(l.Expr))
		if l.Expr.Foreign() != nil {
			c.leaves = append(c.leaves, func(env *Env, _ string) (Truth, code.Code) { return c.vm.Leaf(i, env) })
		} else {
			c.leaves = append(c.leaves, builder{c.schema, c.match}.truth(l.Expr))
		}
	}
}

// Judge returns the verdict on the facts of env; the code is OK unless the verdict
// is Error. Facts of another schema are an Error of code internal.
func (c *Lowered) Judge(env *Env) (Truth, code.Code) {
	if !env.Facts.schema.Equal(c.schema) {
		return Error, code.Internal
	}
	return c.ready().judge(env, "")
}

// Cost is the static worst case of the counted cost of one Judge.
func (c *Lowered) Cost() int64 { return c.summary.Cost.Worst() }

// Counted is the cost of judging the facts, at most Cost.
func (c *Lowered) Counted(f *Facts) int64 { return counted(c.summary.Cost, f) }

func counted(c logic.Cost, f *Facts) int64 {
	sum := c.Fixed
	for _, it := range c.PerItem {
		if list, ok := f.StringsAt(it.Field); ok {
			sum = min(sum+it.Each*int64(len(list)), logic.MaxCost)
		}
	}
	return sum
}

// Fields returns the indices of the fields that the condition reads, sorted; the
// slice must not be changed.
func (c *Lowered) Fields() []int { return c.fields }

// Form returns the lowered form, which must not be changed.
func (c *Lowered) Form() Form {
	c.decoding.Do(func() {
		if c.form.Root == nil {
			c.form = decodeForm(c.raw)
		}
	})
	return c.form
}

// Normal returns the normal form, which must not be changed.
func (c *Lowered) Normal() logic.Normal {
	c.normalizing.Do(func() {
		c.normal = logic.Normalize(c.Form().Root, func(field int) Type { return c.schema.slots[field].typ })
	})
	return c.normal
}
