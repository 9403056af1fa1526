package rules

import (
	"fmt"
	"sync"
	"sync/atomic"

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
	scope  *formScope
	raw    string // the binary form: see Form.append
	fields []int
	cost   logic.Cost
	// See logic.Summary.
	fallible, foreign, patterns bool

	made atomic.Pointer[lowering]
}

// lowering is what is made of a condition when it is first needed. It stands apart, since
// most conditions of a loaded pack never need it.
type lowering struct {
	vm VM

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

// lowering returns what is made when it is needed.
func (c *Lowered) lowering() *lowering {
	if l := c.made.Load(); l != nil {
		return l
	}
	c.made.CompareAndSwap(nil, new(lowering))
	return c.made.Load()
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
	raw := string(f.append(nil))
	c := new(Lowered)
	n, err := newFormReader(s, lists, re).form(raw, c)
	switch {
	case err != nil:
		return nil, err
	case n != len(raw):
		return nil, fmt.Errorf("%w: it has no end", ErrForm)
	case c.foreign && vm == nil, c.patterns && re == nil:
		return nil, ErrNotLowered
	}
	c.made.Store(&lowering{form: f, vm: vm})
	return c, nil
}

// judge is Judge on facts of the condition's own schema.
func (c *Lowered) judge(env *Env) (Truth, code.Code) {
	l := c.lowering()
	l.judging.Do(func() { l.judge = c.judgeOf(l) })
	return l.judge(env, "")
}

func (c *Lowered) judgeOf(l *lowering) truthOf {
	if l.vm != nil {
		return func(env *Env, _ string) (Truth, code.Code) { return l.vm.Judge(env) }
	}
	return c.builder().truth(c.Form().Root)
}

func (c *Lowered) builder() builder { return builder{c.scope.schema, c.scope.match} }

// explained is lowering with what explanations need.
func (c *Lowered) explained() *lowering {
	l := c.lowering()
	l.explaining.Do(func() {
		for i, leaf := range c.Form().Leaves {
			l.clauses = append(l.clauses, gather(leaf.Expr))
			if leaf.Expr.Foreign() != nil {
				l.leaves = append(l.leaves, func(env *Env, _ string) (Truth, code.Code) { return l.vm.Leaf(i, env) })
			} else {
				l.leaves = append(l.leaves, c.builder().truth(leaf.Expr))
			}
		}
	})
	return l
}

// Judge returns the verdict on the facts of env; the code is OK unless the verdict
// is Error. Facts of another schema are an Error of code internal.
func (c *Lowered) Judge(env *Env) (Truth, code.Code) {
	if !env.Facts.schema.Equal(c.scope.schema) {
		return Error, code.Internal
	}
	return c.judge(env)
}

// Cost is the static worst case of the counted cost of one Judge.
func (c *Lowered) Cost() int64 { return c.cost.Worst() }

// Counted is the cost of judging the facts, at most Cost.
func (c *Lowered) Counted(f *Facts) int64 { return counted(c.cost, f) }

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
	l := c.lowering()
	l.decoding.Do(func() {
		if l.form.Root == nil {
			l.form = decodeForm(c.raw)
		}
	})
	return l.form
}

// Normal returns the normal form, which must not be changed.
func (c *Lowered) Normal() logic.Normal {
	l := c.lowering()
	l.normalizing.Do(func() {
		l.normal = logic.Normalize(c.Form().Root, func(field int) Type { return c.scope.schema.slots[field].typ })
	})
	return l.normal
}
