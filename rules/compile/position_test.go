package compile

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// spellings write the words of a condition as the value of when, in every style
// that YAML has. Between words stands one blank, or a line break that is folded.
var spellings = map[string]func(r *rand.Rand, words []string) string{
	"plain": func(r *rand.Rand, w []string) string { return folded(r, w, "    ") },
	"single quote": func(r *rand.Rand, w []string) string {
		return "'" + strings.ReplaceAll(folded(r, w, "    "), "'", "''") + "'"
	},
	"double quote": func(r *rand.Rand, w []string) string { return `"` + folded(r, escaped(r, w), "    ") + `"` },
	"literal": func(r *rand.Rand, w []string) string {
		return pickOne(r, "|", "|-", "|+", "| # why") + "\n      " + folded(r, w, "      ")
	},
	"folded": func(r *rand.Rand, w []string) string {
		return pickOne(r, ">", ">-", ">+") + "\n    " + folded(r, w, "    ")
	},
	"more indented": func(r *rand.Rand, w []string) string {
		return pickOne(r, ">", "|") + "\n    " + strings.Join(w[:1], "") + "\n      " + folded(r, w[1:], "      ") + "\n    " + w[0]
	},
}

func pickOne(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

// folded joins words by blanks, line breaks, and now and then an empty line.
func folded(r *rand.Rand, words []string, indent string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteString(pickOne(r, " ", " ", " ", "\n"+indent, "\n\n"+indent, "\n"+"\n\n"+indent))
		}
		b.WriteString(w)
	}
	return b.String()
}

// escaped spells some characters as YAML escapes.
func escaped(r *rand.Rand, words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		var b strings.Builder
		for _, c := range w {
			switch {
			case c == '"' || c == '\\':
				b.WriteString(`\` + string(c))
			case r.IntN(8) == 0 && c < 0x100:
				fmt.Fprintf(&b, `\x%02x`, c)
			case r.IntN(8) == 0 && c < 0x10000:
				fmt.Fprintf(&b, `\u%04X`, c)
			case r.IntN(8) == 0:
				fmt.Fprintf(&b, `\U%08x`, c)
			default:
				b.WriteRune(c)
			}
		}
		out[i] = b.String()
	}
	return out
}

// TestScalarPlacesFindEveryCharacter sees that each character of a value is found
// where it stands in the file.
func TestScalarPlacesFindEveryCharacter(t *testing.T) {
	vocabulary := []string{"card.status", "==", `"lost"`, "'x'", "and", "(a", "b)", "日本語", "e\u0301", "😀", `\d`, "a\tb", "#", "in", "[1,2]", "ü"}
	for name, spell := range spellings {
		for seed := range uint64(400) {
			r := rand.New(rand.NewPCG(seed, 1))
			words := []string{"x"}
			for range 1 + r.IntN(8) {
				w := vocabulary[r.IntN(len(vocabulary))]
				if w == "#" && name == "plain" {
					continue
				}
				words = append(words, w)
			}
			file := "# a comment\n- id: R\n  when: " + spell(r, words) + "\n  why: w\n"
			if seed%3 == 0 {
				file = strings.ReplaceAll(file, "\n", "\r\n")
			}
			checkPlaces(t, name, file)
		}
	}
}

func checkPlaces(t *testing.T, name, file string) {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(file), &doc); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, file)
	}
	n := doc.Content[0].Content[0].Content[3]
	src := newSource("r.yaml", file)
	places := scalarPlaces(src, n)
	value := []rune(n.Value)
	if len(places) != len(value)+1 {
		t.Fatalf("%s: %d places of %d characters", name, len(places), len(value))
	}
	for i, c := range value {
		if c == ' ' || c == '\n' {
			continue
		}
		p := places[i]
		line := []rune(src.line(p.line))
		if p.col < 1 || p.col > len(line) || line[p.col-1] != c && (line[p.col-1] != '\\' || n.Style&yaml.DoubleQuotedStyle == 0) {
			t.Fatalf("%s: character %d, %q, is said to stand at %d:%d\n%s\nvalue %q", name, i, c, p.line, p.col, file, n.Value)
		}
		if i > 0 && (p.line < places[i-1].line || p.line == places[i-1].line && p.col <= places[i-1].col) {
			t.Fatalf("%s: places go back at %d\n%s", name, i, file)
		}
	}
}

func TestColumnsOfWideAndCombiningText(t *testing.T) {
	for s, want := range map[string]int{
		"abc": 3, "日本": 4, "ｆ": 2, "e\u0301": 1, "😀": 2, "👍🏽": 2, "👩\u200d👩\u200d👧": 2, "❤\ufe0f": 2, "ü": 1, "": 0, "ｱ": 1, "\u200b": 0, "한글": 4, "🇧🇷": 2,
	} {
		if got := columns([]rune(s)); got != want {
			t.Errorf("%q takes %d columns, want %d", s, got, want)
		}
	}
}

func TestSnippetPutsTheCaretUnderTheText(t *testing.T) {
	src := newSource("f", "日\tx = 1\n"+strings.Repeat("a", 500)+"B"+strings.Repeat("c", 500)+"\nesc\x1b[31m \u202e4111111111111111\n")
	for _, tc := range []struct {
		at   span
		want string
	}{
		{span{1, 3, 4}, "  1 | 日\tx = 1\n    |   \t^\n"},
		{span{1, 8, 9}, "  1 | 日\tx = 1\n    |   \tx = 1"[:len("  1 | 日\tx = 1\n    |   \t")] + "     ^\n"},
		{span{3, 1, 4}, "  3 | esc\ufffd[31m \ufffd****************\n    | ^^^\n"},
	} {
		if got := src.snippet(tc.at); got != tc.want {
			t.Errorf("%v:\n%q, want\n%q", tc.at, got, tc.want)
		}
	}
	long := strings.Split(src.snippet(span{2, 501, 502}), "\n")
	if at := strings.Index(long[1], "^"); at < 0 || long[0][at] != 'B' {
		t.Errorf("the caret misses in a long line:\n%s", strings.Join(long, "\n"))
	}
}

func TestMaskPANs(t *testing.T) {
	for s, want := range map[string]string{
		"a 4111111111111111 b": "a **************** b", "4111 1111 1111 1111": "**** **** **** ****", "x4111-1111-1111-1111": "x****-****-****-****",
		"411111": "411111", "k1:9f86d081": "k1:9f86d081", "2026-11-23T10:00:00Z": "2026-11-23T10:00:00Z", "": "",
	} {
		if got := maskPANs(s); got != want {
			t.Errorf("%q becomes %q, want %q", s, got, want)
		}
	}
}
