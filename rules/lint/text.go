package lint

import (
	"strings"
	"unicode/utf8"

	"github.com/issuant/issuant/rules"
)

// Text looks for card numbers in a file of the pack, comments and all. The findings
// quote none.
func Text(file, text string) (found []Finding) {
	for n, line := range strings.Split(text, "\n") {
		if len(found) >= MaxFindings {
			return found
		}
		from, to, ok := panIn(line)
		if !ok {
			continue
		}
		column := utf8.RuneCountInString(line[:from]) + 1
		found = append(found, Finding{Code: "L0301", Level: levelOf("L0301"), File: file, Line: n + 1, Column: column,
			End: column + to - from, Message: "this looks like a card number",
			Hint: "use a keyed reference, or a BIN and the last four digits"})
	}
	return found
}

// panIn returns the first run of characters of a line that looks like a card number.
func panIn(line string) (from, to int, ok bool) {
	if !rules.HoldsPAN(line) {
		return 0, 0, false
	}
	for _, within := range []string{"0123456789", "0123456789-", "0123456789- "} {
		for i := 0; i < len(line); {
			if strings.IndexByte(within, line[i]) < 0 {
				i++
				continue
			}
			end := i
			for end < len(line) && strings.IndexByte(within, line[end]) >= 0 {
				end++
			}
			if rules.LooksLikePAN(line[i:end]) {
				run := strings.Trim(line[i:end], "- ")
				from = i + strings.Index(line[i:end], run)
				return from, from + len(run), true
			}
			i = end
		}
	}
	return 0, 0, false
}
