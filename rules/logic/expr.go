package logic

// Op is what a node of a tree does. The numbers stand in pack files: they are
// never changed and never used again.
type Op uint8

const (
	Const   Op = 1 // Val, a string, int64, float64, bool or time.Time
	Field   Op = 2 // the fact of index Field
	Item    Op = 3 // #, the text within Any, All, None and Count
	Foreign Op = 4 // Bool; cannot be lowered: only expr's VM can tell. Text says why

	Not      Op = 10 // of a Bool
	And      Op = 11 // of two Bools, as Or
	Or       Op = 12
	Coalesce Op = 13 // the first, or the second where the first is absent
	Choose   Op = 14 // of a Bool and two of one type

	Equal          Op = 20 // of two of one type, or two numbers, as the five that follow; no Strings
	NotEqual       Op = 21
	Less           Op = 22 // no Bools, as the three that follow
	LessOrEqual    Op = 23
	Greater        Op = 24
	GreaterOrEqual Op = 25
	InSet          Op = 26 // whether the operand equals one of Items
	InRange        Op = 27 // whether the Int is within Items[0] to Items[1], inclusive
	InList         Op = 28 // whether the String is a member of the list of index List
	InField        Op = 29 // whether the String is one of the Strings
	Has            Op = 30 // whether the fact of index Field is present
	Contains       Op = 31 // of two Strings texts, as the two that follow
	StartsWith     Op = 32
	EndsWith       Op = 33
	Matches        Op = 34 // whether the String matches the RE2 pattern Text

	Add      Op = 40 // of two Ints or two Floats, as the two that follow
	Subtract Op = 41
	Multiply Op = 42
	Divide   Op = 43 // of two Floats
	Modulo   Op = 44 // of two Ints
	Negate   Op = 45 // of a number
	Concat   Op = 46 // of two Strings texts
	Seconds  Op = 47 // of two Times: their difference in whole seconds, towards zero

	Len     Op = 50 // characters of a text, items of a list
	Lower   Op = 51
	Upper   Op = 52
	Trim    Op = 53
	Abs     Op = 54 // of a number
	Min     Op = 55 // of two numbers of one type, as Max
	Max     Op = 56
	ToInt   Op = 57 // of a number
	ToFloat Op = 58 // of a number
	ToText  Op = 59 // of an Int or Bool
	Hour    Op = 60 // of a Time
	Weekday Op = 61 // of a Time

	Any   Op = 70 // of Strings and a Bool that may read Item, as the three that follow
	All   Op = 71
	None  Op = 72
	Count Op = 73
)

// Expr is a node of a tree. It must not be changed once it is in use; trees may
// share nodes.
type Expr struct {
	Op    Op
	Type  Type // of its value
	Args  []*Expr
	Field int    // of Field and Has: index into the schema
	List  int    // of InList: index into the pack's lists
	Val   any    // of Const
	Items []any  // of InSet: string, int64, float64 or bool; of InRange: two int64
	Text  string // of Matches: the pattern; of Foreign: why it cannot be lowered
	Worst int64  // of Foreign: its static cost
}

// Lit returns a constant; v is a string, int64, float64, bool or time.Time.
func Lit(t Type, v any) *Expr { return &Expr{Op: Const, Type: t, Val: v} }

// Truth returns a constant of type Bool.
func Truth(b bool) *Expr { return Lit(Bool, b) }

// Of returns a node with arguments.
func Of(op Op, t Type, args ...*Expr) *Expr { return &Expr{Op: op, Type: t, Args: args} }

// Walk calls f for e and everything below it, a node before its arguments, until f
// returns false; it reports whether f never did.
func (e *Expr) Walk(f func(*Expr) bool) bool {
	if !f(e) {
		return false
	}
	for _, a := range e.Args {
		if !a.Walk(f) {
			return false
		}
	}
	return true
}

// Foreign returns the first node that cannot be lowered, or nil.
func (e *Expr) Foreign() (found *Expr) {
	e.Walk(func(n *Expr) bool {
		if n.Op == Foreign {
			found = n
		}
		return found == nil
	})
	return found
}

// Fields calls f with the index of every field that the tree reads, repeatedly for
// those that stand in it more than once.
func (e *Expr) Fields(f func(field int)) {
	e.Walk(func(n *Expr) bool {
		if n.Op == Field || n.Op == Has {
			f(n.Field)
		}
		return true
	})
}
