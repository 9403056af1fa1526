// Package term prints for a person at a terminal: text of known display width,
// colours that can be switched off, and tables that fit the window.
package term

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// RuneWidth returns the number of terminal cells that r takes: 0 for combining
// and formatting characters, 2 for East Asian wide ones and emoji, else 1.
func RuneWidth(r rune) int {
	switch {
	case r < 0x20 || r >= 0x7f && r < 0xa0:
		return 0
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Width returns the number of cells that s takes, colour sequences not counted.
func Width(s string) int {
	n := 0
	for i := 0; i < len(s); {
		if seq := escape(s[i:]); seq > 0 {
			i += seq
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		n += RuneWidth(r)
		i += size
	}
	return n
}

// escape returns the length of the colour sequence at the start of s, or 0.
func escape(s string) int {
	if !strings.HasPrefix(s, "\x1b[") {
		return 0
	}
	if end := strings.IndexByte(s, 'm'); end > 0 {
		return end + 1
	}
	return 0
}

// Safe returns s with control characters made visible, so that text which came
// from outside cannot move the cursor or colour the screen.
func Safe(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || unicode.Is(unicode.Bidi_Control, r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// Clip shortens s, which has no colour sequences, to at most n cells; what was
// cut is shown by an ellipsis.
func Clip(s string, n int) string {
	if Width(s) <= n {
		return s
	}
	if n < 1 {
		return ""
	}
	used, i := 0, 0
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		if used+RuneWidth(r) > n-1 {
			break
		}
		used += RuneWidth(r)
		i += size
	}
	return strings.TrimRight(s[:i], " ") + "…"
}

// Wrap breaks s, which has no colour sequences, into lines of at most n cells: at
// blanks where it can, within a word where it must. It returns at least one line.
func Wrap(s string, n int) []string {
	n = max(n, 2)
	var lines []string
	line, used := "", 0
	flush := func() { lines, line, used = append(lines, line), "", 0 }
	for _, word := range strings.Fields(s) {
		if w := Width(word); used > 0 && used+1+w > n {
			flush()
		} else if used > 0 {
			line, used = line+" ", used+1
		}
		for Width(word) > n-used {
			head, rest := cut(word, n-used)
			line += head
			flush()
			word = rest
		}
		line, used = line+word, used+Width(word)
	}
	if line != "" || len(lines) == 0 {
		flush()
	}
	return lines
}

// cut splits a word before the cell n; it prefers to split after _ . / - or :
// in the second half, where identifiers and paths have their seams.
func cut(word string, n int) (head, rest string) {
	used, at, seam := 0, len(word), 0
	for i, r := range word {
		if used+RuneWidth(r) > n {
			at = i
			break
		}
		used += RuneWidth(r)
		if strings.ContainsRune("_./-:,", r) && used*2 > n {
			seam = i + utf8.RuneLen(r)
		}
	}
	if seam > 0 {
		at = seam
	}
	if at == 0 { // a wide character in a single cell
		_, at = utf8.DecodeRuneInString(word)
	}
	return word[:at], word[at:]
}

// Pad returns s filled with blanks to n cells.
func Pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-Width(s))) }

// Style paints text. The zero Style paints nothing.
type Style struct{ On bool }

// Colours and weights of Paint.
const (
	Bold   = "1"
	Dim    = "2"
	Red    = "31"
	Green  = "32"
	Yellow = "33"
	Cyan   = "36"
	Orange = "38;5;208"
)

// Paint returns s in the given colours, or s itself when colours are off.
func (st Style) Paint(s string, codes ...string) string {
	if !st.On || s == "" || len(codes) == 0 {
		return s
	}
	return "\x1b[" + strings.Join(codes, ";") + "m" + s + "\x1b[0m"
}

// Outcome returns the colours of the name of an outcome.
func Outcome(name string) []string {
	switch name {
	case "green":
		return []string{Bold, Green}
	case "yellow":
		return []string{Bold, Yellow}
	case "orange":
		return []string{Bold, Orange}
	case "red":
		return []string{Bold, Red}
	}
	return []string{Dim}
}
