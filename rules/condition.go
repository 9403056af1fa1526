package rules

import (
	"fmt"
	"slices"

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

// Lowered is a Condition that is judged by a typed tree, without expr.
type Lowered struct {
	schema *Schema
	form   Form
	judge  truthOf
	leaves []truthOf
	cost   logic.Cost
	fields []int
	normal logic.Normal
	strict bool // it may fail
	vm     VM
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

// NewCondition makes a condition for facts of schema s in a pack with that many
// lists. The form is checked and then shared; it must not be changed. vm is needed,
// and used, only where the form holds something that cannot be lowered; without it
// NewCondition returns ErrNotLowered there.
func NewCondition(s *Schema, lists int, f Form, vm VM) (*Lowered, error) {
	scope := logic.Scope{Fields: s.types(), Lists: lists}
	if err := logic.Check(f.Root, scope); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	foreign := f.Root.Foreign() != nil
	if foreign && vm == nil {
		return nil, ErrNotLowered
	}
	c := &Lowered{schema: s, form: f, cost: logic.CostOf(f.Root), strict: f.Root.Fallible()}
	if foreign {
		c.vm, c.judge = vm, func(env *Env, _ string) (Truth, code.Code) { return vm.Judge(env) }
	} else {
		c.judge = builder{s}.truth(f.Root)
	}
	for i := range f.Leaves {
		if err := c.leaf(i, scope); err != nil {
			return nil, err
		}
	}
	f.Root.Fields(func(field int) { c.fields = append(c.fields, field) })
	slices.Sort(c.fields)
	c.fields = slices.Compact(c.fields)
	for _, i := range c.fields {
		if s.fields[i].Label {
			return nil, fmt.Errorf("%w: it reads a label", ErrForm)
		}
	}
	c.normal = logic.Normalize(f.Root, func(field int) Type { return s.slots[field].typ })
	return c, nil
}

func (c *Lowered) leaf(i int, scope logic.Scope) error {
	e := c.form.Leaves[i].Expr
	if err := logic.Check(e, scope); err != nil {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	if e.Foreign() != nil {
		c.leaves = append(c.leaves, func(env *Env, _ string) (Truth, code.Code) { return c.vm.Leaf(i, env) })
	} else {
		c.leaves = append(c.leaves, builder{c.schema}.truth(e))
	}
	return nil
}

// Judge returns the verdict on the facts of env; the code is OK unless the verdict
// is Error. Facts of another schema are an Error of code internal.
func (c *Lowered) Judge(env *Env) (Truth, code.Code) {
	if !env.Facts.schema.Equal(c.schema) {
		return Error, code.Internal
	}
	return c.judge(env, "")
}

// Cost is the static worst case of the counted cost of one Judge.
func (c *Lowered) Cost() int64 { return c.cost.Worst() }

// Counted is the cost of judging the facts, at most Cost.
func (c *Lowered) Counted(f *Facts) int64 { return counted(c.cost, f) }

func counted(c logic.Cost, f *Facts) int64 {
	sum := c.Fixed
	for field, n := range c.PerItem {
		list, _ := f.StringsAt(field)
		sum = min(sum+n*int64(len(list)), logic.MaxCost)
	}
	return sum
}

// Fields returns the indices of the fields that the condition reads, sorted; the
// slice must not be changed.
func (c *Lowered) Fields() []int { return c.fields }

// Form returns the lowered form, which must not be changed.
func (c *Lowered) Form() Form { return c.form }

// Normal returns the normal form, which must not be changed.
func (c *Lowered) Normal() logic.Normal { return c.normal }
