package term

import (
	"io"
	"strings"
)

// Column is one column of a Table.
type Column struct {
	Title string
	Min   int  // least width in cells when the window is narrow
	Max   int  // greatest width; 0 = no bound
	Grow  int  // share of the space that is left over; 0 = only what the cells need
	Right bool // numbers stand at the right
}

// Cell is one cell: text without colour sequences, its colours, and notes that
// stand dimmed below it, each on lines of its own.
type Cell struct {
	Text  string
	Codes []string
	Notes []string
}

// painted returns the lines of the cell, each with its width; n is that of the column.
func (c Cell) painted(st Style, n int) []string {
	var lines []string
	for _, l := range Wrap(Safe(c.Text), n) {
		lines = append(lines, st.Paint(l, c.Codes...))
	}
	for _, note := range c.Notes {
		for _, l := range Wrap(Safe(note), n) {
			lines = append(lines, st.Paint(l, Dim))
		}
	}
	return lines
}

// Table prints rows as they come, in columns whose widths are fixed beforehand,
// so that a row can be shown as soon as it is known. Cells that do not fit are wrapped.
type Table struct {
	Columns []Column
	Style   Style
	widths  []int
}

const gap = 2 // cells between columns

// Fit fixes the widths for a window of the given cells; need gives, by column,
// the width that its cells are expected to want (0 = that of the title).
func (t *Table) Fit(window int, need []int) {
	t.widths = make([]int, len(t.Columns))
	left := window - gap*(len(t.Columns)-1)
	grow := 0
	for i, c := range t.Columns {
		want := Width(c.Title)
		if i < len(need) {
			want = max(want, need[i])
		}
		if c.Max > 0 {
			want = min(want, c.Max)
		}
		if c.Grow > 0 {
			want = min(want, max(c.Min, Width(c.Title)))
		}
		t.widths[i] = want
		left -= want
		grow += c.Grow
	}
	t.share(left, grow, need)
	t.shrink(window)
}

// Cells returns the width of column i after Fit.
func (t *Table) Cells(i int) int { return t.widths[i] }

// share gives what is left to the columns that grow, never more than they need.
func (t *Table) share(left, grow int, need []int) {
	for left > 0 && grow > 0 {
		before := left
		for i, c := range t.Columns {
			wants := i >= len(need) || need[i] == 0 || t.widths[i] < need[i]
			if c.Grow == 0 || !wants || c.Max > 0 && t.widths[i] >= c.Max {
				continue
			}
			more := min(left, c.Grow)
			t.widths[i] += more
			left -= more
		}
		if left == before {
			return
		}
	}
}

// shrink takes cells from the widest columns until the table fits, not below their Min.
func (t *Table) shrink(window int) {
	for t.total() > window {
		widest := -1
		for i, c := range t.Columns {
			if t.widths[i] > max(c.Min, 1) && (widest < 0 || t.widths[i] > t.widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		t.widths[widest]--
	}
}

func (t *Table) total() int {
	n := gap * (len(t.widths) - 1)
	for _, w := range t.widths {
		n += w
	}
	return n
}

// Head prints the titles and a line under them.
func (t *Table) Head(w io.Writer) error {
	cells := make([]Cell, len(t.Columns))
	for i, c := range t.Columns {
		cells[i] = Cell{Text: c.Title, Codes: []string{Dim}}
	}
	if err := t.Row(w, cells...); err != nil {
		return err
	}
	_, err := io.WriteString(w, t.Style.Paint(strings.Repeat("─", t.total()), Dim)+"\n")
	return err
}

// Row prints one row, over as many lines as its fullest cell needs.
func (t *Table) Row(w io.Writer, cells ...Cell) error {
	lines := make([][]string, len(cells))
	height := 1
	for i, c := range cells {
		lines[i] = c.painted(t.Style, t.widths[i])
		height = max(height, len(lines[i]))
	}
	var b strings.Builder
	for y := range height {
		var row strings.Builder
		for i := range cells {
			text := ""
			if y < len(lines[i]) {
				text = lines[i][y]
			}
			blanks := strings.Repeat(" ", max(0, t.widths[i]-Width(text)))
			if t.Columns[i].Right {
				text = blanks + text
			} else {
				text += blanks
			}
			row.WriteString(text + strings.Repeat(" ", gap))
		}
		b.WriteString(strings.TrimRight(row.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
