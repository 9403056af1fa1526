package compile

import (
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// place is a character of a source file, both 1-based.
type place struct{ line, col int }

// scalarPlaces returns the place in the file of every character of the scalar's
// value, and of its end as one more. The raw text and the value are walked
// together: quotes, escapes, folded lines and indentation make them differ. Where
// they part company (they should not), the rest is mapped to the last place known.
func scalarPlaces(src *source, n *yaml.Node) []place {
	w := &placeWalker{src: src, value: []rune(n.Value), line: n.Line, col: n.Column}
	w.load()
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		w.block(n.Style&yaml.FoldedStyle != 0)
	case n.Style&yaml.DoubleQuotedStyle != 0:
		w.col++
		w.flow('"')
	case n.Style&yaml.SingleQuotedStyle != 0:
		w.col++
		w.flow('\'')
	default:
		w.flow(0)
	}
	end := place{w.line, w.col}
	for len(w.out) <= len(w.value) {
		w.out = append(w.out, end)
	}
	return w.out
}

type placeWalker struct {
	src       *source
	value     []rune
	out       []place
	line, col int
	raw       []rune // of the current line
}

func (w *placeWalker) load() { w.raw = []rune(w.src.line(w.line)) }

func (w *placeWalker) done() bool { return len(w.out) >= len(w.value) }

// next returns the character of the value that wants its place.
func (w *placeWalker) next() rune { return w.value[len(w.out)] }

func (w *placeWalker) put() { w.out = append(w.out, place{w.line, w.col}) }

// flow walks a plain (quote 0), single-quoted or double-quoted scalar.
func (w *placeWalker) flow(quote rune) {
	for !w.done() {
		rest := w.raw[min(w.col-1, len(w.raw)):]
		switch {
		case blank(rest):
			if !w.fold() {
				return
			}
		case len(rest) == 0:
			return
		case quote == '"' && rest[0] == '\\':
			if !w.escape(rest) {
				return
			}
		case quote == '\'' && len(rest) > 1 && rest[0] == '\'' && rest[1] == '\'':
			w.put()
			w.col += 2
		case rest[0] == w.next():
			w.put()
			w.col++
		default:
			return
		}
	}
}

// blank looks at no more of a line than it must: flow asks for every character.
func blank(line []rune) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' {
			return false
		}
	}
	return true
}

// fold walks a line break within a flow scalar: it is one blank of the value, or
// one line break less than the source has.
func (w *placeWalker) fold() bool {
	at, breaks := place{w.line, w.col}, 0
	for {
		w.line++
		breaks++
		if w.line > len(w.src.lines) {
			return false
		}
		w.load()
		if strings.TrimLeft(string(w.raw), " \t") != "" {
			break
		}
	}
	w.col = 1 + len(w.raw) - utf8.RuneCountInString(strings.TrimLeft(string(w.raw), " \t"))
	for n := max(1, breaks-1); n > 0 && !w.done(); n-- {
		if c := w.next(); c != ' ' && c != '\n' {
			return c == w.raw[w.col-1] || w.raw[w.col-1] == '\\' // an escaped line break adds nothing
		}
		w.out = append(w.out, at)
	}
	return true
}

var escapeDigits = map[rune]int{'x': 2, 'u': 4, 'U': 8}

// escape walks an escape of a double-quoted scalar.
func (w *placeWalker) escape(rest []rune) bool {
	if len(rest) < 2 || strings.TrimLeft(string(rest[1:]), " \t") == "" {
		w.col += len(rest) // an escaped line break: the next line's indentation goes too
		w.line++
		w.load()
		w.col = 1 + len(w.raw) - utf8.RuneCountInString(strings.TrimLeft(string(w.raw), " \t"))
		return w.line <= len(w.src.lines)
	}
	w.put()
	w.col += 2 + escapeDigits[rest[1]]
	return true
}

// block walks a literal or folded scalar: lines stand verbatim after their
// indentation.
func (w *placeWalker) block(folded bool) {
	w.line++
	w.load()
	indent := w.indentation()
	for !w.done() && w.line <= len(w.src.lines) {
		blank := strings.TrimLeft(string(w.raw), " ") == "" && len(w.raw) <= indent
		if !blank {
			w.col = indent + 1
			for w.col <= len(w.raw) && !w.done() {
				if w.raw[w.col-1] != w.next() {
					return
				}
				w.put()
				w.col++
			}
		} else {
			w.col = max(1, len(w.raw)+1)
		}
		w.lineEnd(folded, indent)
	}
}

// indentation returns that of the first line of a block scalar that is not blank.
// An explicit indentation indicator is not looked at: it is only needed where the
// first line starts with a blank, which no condition does.
func (w *placeWalker) indentation() int {
	for l := w.line; l <= len(w.src.lines); l++ {
		line := w.src.line(l)
		if t := strings.TrimLeft(line, " "); t != "" {
			return len(line) - len(t)
		}
	}
	return 0
}

// lineEnd walks from the end of a block scalar's line to the next line.
func (w *placeWalker) lineEnd(folded bool, indent int) {
	switch {
	case w.done():
		return
	case w.next() == '\n':
		w.put()
	case folded && w.next() == ' ':
		next := []rune(w.src.line(w.line + 1))
		if len(next) <= indent || next[indent] != ' ' {
			w.put()
		}
	}
	w.line++
	w.load()
	w.col = indent + 1
}
