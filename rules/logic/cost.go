package logic

// costText is the weight of operations that run over a text, which has up to 4096 bytes.
const costText = 16

// costPattern is the weight of matching a text with a regular expression.
const costPattern = 256

// MaxCost bounds costs: larger ones count as this one.
const MaxCost = 1 << 40

// MaxItems is how many items a list may have, and what a static cost assumes.
const MaxItems = 256

// Cost is the counted cost of judging a tree once: one for each operator and operand,
// more for what runs over a text, and Each for each item of a list fact that it runs
// over. It does not depend on how the tree is judged, so that every engine and every
// runtime counts the same.
type Cost struct {
	Fixed   int64
	PerItem []PerItem // by field
}

// PerItem is a cost for each item of a Strings fact.
type PerItem struct {
	Field int
	Each  int64
}

// Worst is the static worst case.
func (c Cost) Worst() int64 {
	sum := c.Fixed
	for _, it := range c.PerItem {
		sum = min(sum+min(it.Each, MaxCost/MaxItems)*MaxItems, MaxCost)
	}
	return sum
}

// Add adds the cost of d to c.
func (c *Cost) Add(d Cost) {
	c.Fixed = min(c.Fixed+d.Fixed, MaxCost)
	for _, it := range d.PerItem {
		c.each(it.Field, it.Each)
	}
}

func (c *Cost) each(field int, n int64) {
	at := 0
	for at < len(c.PerItem) && c.PerItem[at].Field < field {
		at++
	}
	if at == len(c.PerItem) || c.PerItem[at].Field != field {
		c.PerItem = append(c.PerItem, PerItem{})
		copy(c.PerItem[at+1:], c.PerItem[at:])
		c.PerItem[at] = PerItem{Field: field}
	}
	c.PerItem[at].Each = min(c.PerItem[at].Each+n, MaxCost)
}
