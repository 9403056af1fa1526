package logic

// Weights of operations that run over a text, which has up to 4096 bytes.
const costText = 16

// MaxCost bounds costs: larger ones count as this one.
const MaxCost = 1 << 40

// MaxItems is how many items a list may have, and what a static cost assumes.
const MaxItems = 256

// Cost is the counted cost of judging a tree once: Fixed, and PerItem for each item
// of the list facts that it runs over. It does not depend on how the tree is
// judged, so that every engine and every runtime counts the same.
type Cost struct {
	Fixed   int64
	PerItem map[int]int64 // by index of the field; nil when there is none
}

// Worst is the static worst case.
func (c Cost) Worst() int64 {
	sum := c.Fixed
	for _, n := range c.PerItem {
		sum = min(sum+min(n, MaxCost/MaxItems)*MaxItems, MaxCost)
	}
	return sum
}

// Add adds the cost of d to c.
func (c *Cost) Add(d Cost) {
	c.Fixed = min(c.Fixed+d.Fixed, MaxCost)
	for field, n := range d.PerItem {
		c.each(field, n)
	}
}

func (c *Cost) each(field int, n int64) {
	if c.PerItem == nil {
		c.PerItem = map[int]int64{}
	}
	c.PerItem[field] = min(c.PerItem[field]+n, MaxCost)
}

// CostOf returns the cost of a tree: one for each operator and operand, more for
// what runs over a text, and the condition of a loop as often as its list has items.
func CostOf(e *Expr) Cost {
	var c Cost
	c.node(e)
	return c
}

func (c *Cost) node(e *Expr) {
	own := int64(1)
	switch e.Op {
	case Foreign:
		c.Fixed = min(c.Fixed+e.Worst, MaxCost)
		return
	case Contains, StartsWith, EndsWith, Concat, Lower, Upper, Trim, Len:
		own = costText
	case InSet, InRange, InList:
		own = 2
	case InField:
		c.loop(e.Args[1], 1)
	case Any, All, None, Count:
		c.loop(e.Args[0], 1+CostOf(e.Args[1]).Worst())
		c.Fixed = min(c.Fixed+own, MaxCost)
		c.node(e.Args[0])
		return
	}
	c.Fixed = min(c.Fixed+own, MaxCost)
	for _, a := range e.Args {
		c.node(a)
	}
}

// loop counts n for each item of a list; a list that is not one fact counts as full.
func (c *Cost) loop(list *Expr, n int64) {
	if list.Op == Field {
		c.each(list.Field, n)
		return
	}
	c.Fixed = min(c.Fixed+min(n, MaxCost/MaxItems)*MaxItems, MaxCost)
}
