package term

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func ExampleTable() {
	t := Table{Columns: []Column{{Title: "STORY"}, {Title: "WHY", Min: 10, Grow: 1}, {Title: "US", Right: true}}}
	t.Fit(40, []int{9, 0, 4})
	t.Head(os.Stdout)
	t.Row(os.Stdout, Cell{Text: "日本 card"}, Cell{Text: "the card was typed by hand"}, Cell{Text: "85"})
	// Output:
	// STORY      WHY                        US
	// ────────────────────────────────────────
	// 日本 card  the card was typed by      85
	//            hand
}

func TestWidthCountsCells(t *testing.T) {
	for s, want := range map[string]int{
		"":                   0,
		"abc":                3,
		"日本":                 4,
		"e\u0301":            1, // combining acute
		"🙂":                  2,
		"\x1b[31mred":        3,
		"ａ":                  2, // full width
		"a\u200bb":           2, // zero width space
		"…":                  1,
		"\x1b[1;32mx\x1b[0m": 1,
	} {
		if got := Width(s); got != want {
			t.Errorf("Width(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestWrapFits(t *testing.T) {
	for _, s := range []string{"", "one two three", "R12_many_cards_on_device, Y05_manual_entry", "日本語日本語日本語", strings.Repeat("x", 50), "  a  b  "} {
		for n := 2; n < 30; n++ {
			lines := Wrap(s, n)
			if len(lines) == 0 {
				t.Fatalf("Wrap(%q, %d) is empty", s, n)
			}
			for _, line := range lines {
				if Width(line) > n {
					t.Errorf("Wrap(%q, %d): line %q is too wide", s, n, line)
				}
			}
			strip := func(s string) string { return strings.ReplaceAll(s, " ", "") }
			if strip(strings.Join(lines, "")) != strip(s) {
				t.Errorf("Wrap(%q, %d) loses text: %q", s, n, lines)
			}
		}
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{{"abcdef", 6, "abcdef"}, {"abcdef", 4, "abc…"}, {"日本語", 4, "日…"}, {"abc", 0, ""}} {
		if got := Clip(c.in, c.n); got != c.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func TestSafeShowsControlCharacters(t *testing.T) {
	if got := Safe("a\x1b[31mb\u202ec\n"); got != "a\uFFFD[31mb\uFFFDc\uFFFD" {
		t.Errorf("%q", got)
	}
}

func TestTableFitsTheWindow(t *testing.T) {
	for window := 40; window < 200; window += 7 {
		tab := Table{Columns: []Column{{Title: "A", Min: 8, Max: 20}, {Title: "B", Min: 8, Grow: 2}, {Title: "C", Min: 8, Grow: 1}, {Title: "D", Right: true}}}
		tab.Fit(window, []int{30, 90, 60, 5})
		var b strings.Builder
		tab.Head(&b)
		tab.Row(&b, Cell{Text: strings.Repeat("a ", 30)}, Cell{Text: strings.Repeat("日本 ", 30)}, Cell{Text: strings.Repeat("ccc_ccc ", 9)}, Cell{Text: "12345"})
		for _, line := range strings.Split(b.String(), "\n") {
			if Width(line) > window {
				t.Errorf("window %d: line of %d cells: %q", window, Width(line), line)
			}
		}
	}
}

func TestPaintOffLeavesTextAlone(t *testing.T) {
	if got := (Style{}).Paint("x", Red); got != "x" {
		t.Errorf("%q", got)
	}
	if got := (Style{On: true}).Paint("x", Bold, Red); got != "\x1b[1;31mx\x1b[0m" {
		t.Errorf("%q", got)
	}
	if got := fmt.Sprint(Outcome("red"), Outcome("none")); got != "[[1 31] [2]]"[1:len("[[1 31] [2]]")-1] {
		t.Error(got)
	}
}
