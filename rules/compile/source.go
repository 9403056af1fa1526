package compile

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"github.com/issuant/issuant/rules"
)

// source is one text file of a pack.
type source struct {
	name  string
	text  string
	lines []string // without line ends; made on demand
}

func newSource(name, text string) *source { return &source{name: name, text: text} }

// line returns the text of line n, 1-based, without its end; "" beyond the last.
func (s *source) line(n int) string {
	if s.lines == nil {
		s.lines = splitLines(s.text)
	}
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}

// splitLines cuts at LF, CR LF and CR, as YAML does.
func splitLines(text string) []string {
	if strings.Contains(text, "\r") {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	}
	return strings.Split(text, "\n")
}

// snippetRunes bounds the characters of a source line that a snippet shows.
const snippetRunes = 160

// snippet draws the line of at and carets under its columns.
func (s *source) snippet(at span) string {
	runes := []rune(printable(maskPANs(s.line(at.Line))))
	from, to := at.From-1, at.To-1
	from = min(max(from, 0), len(runes))
	to = min(max(to, from+1), max(len(runes), from+1))
	head := ""
	if len(runes) > snippetRunes {
		start := max(0, min(from-snippetRunes/2, len(runes)-snippetRunes))
		end := min(len(runes), start+snippetRunes)
		runes, from, to = runes[start:end], from-start, min(to, end)-start
		if start > 0 {
			head = "..."
		}
	}
	gutter := strconv.Itoa(at.Line)
	pad := strings.Repeat(" ", len(gutter))
	var b strings.Builder
	b.WriteString("  " + gutter + " | " + head + string(runes) + "\n")
	b.WriteString("  " + pad + " | " + strings.Repeat(" ", len(head)) + blankOut(runes[:from]))
	b.WriteString(strings.Repeat("^", max(1, columns(runes[from:min(to, len(runes))]))) + "\n")
	return b.String()
}

// blankOut returns blanks of the display width of runes; tabs stay tabs, so that
// what follows stands in the same column whatever the terminal's tab stops are.
func blankOut(runes []rune) string {
	var b strings.Builder
	last := 0
	for i, r := range runes {
		if r == '\t' {
			b.WriteString(strings.Repeat(" ", columns(runes[last:i])) + "\t")
			last = i + 1
		}
	}
	return b.String() + strings.Repeat(" ", columns(runes[last:]))
}

// columns returns the display width of text: 2 for wide and full-width characters
// and emoji, 0 for combining ones, and an emoji sequence counts as one emoji.
func columns(runes []rune) int {
	total, prev := 0, 0
	joined := false
	for _, r := range runes {
		w := runeColumns(r)
		switch {
		case r == '\u200d':
			joined = true
			continue
		case joined, r >= 0x1f3fb && r <= 0x1f3ff && prev == 2:
			w = 0
		case r == '\ufe0f' && prev == 1:
			total, prev = total+1, 2
		}
		joined = false
		if w > 0 {
			prev = w
		}
		total += w
	}
	return total
}

func runeColumns(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// printable replaces what could move a terminal's cursor or turn the direction of
// its text, character by character.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return r
		case r < 0x20, r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029, r == 0xfeff,
			r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f:
			return '\ufffd'
		}
		return r
	}, s)
}

// quote returns s between backquotes, fit for a message: printable and at most 80
// characters.
func quote(s string) string {
	runes := []rune(printable(s))
	if len(runes) > 80 {
		runes = append(runes[:77], '.', '.', '.')
	}
	return "`" + string(runes) + "`"
}

// maskPANs replaces the digits of everything that looks like a card number, so
// that no diagnostic repeats one.
func maskPANs(s string) string {
	for i := 0; i < len(s); i++ {
		if end := panAt(s, i); end > 0 {
			masked := strings.Map(func(r rune) rune {
				if r >= '0' && r <= '9' {
					return '*'
				}
				return r
			}, s[i:end])
			s = s[:i] + masked + s[end:]
			i = end - 1
		}
	}
	return s
}

// panAt returns where the longest card number that starts at s[i] ends, or 0.
func panAt(s string, i int) int {
	if s[i] < '0' || s[i] > '9' {
		return 0
	}
	end, digits := 0, 0
	for j := i; j < len(s) && digits < 19; j++ {
		switch c := s[j]; {
		case c >= '0' && c <= '9':
			if digits++; digits >= 13 && rules.LooksLikePAN(s[i:j+1]) {
				end = j + 1
			}
		case c != ' ' && c != '-':
			return end
		}
	}
	return end
}
