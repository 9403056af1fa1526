package compile

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/issuant/issuant/rules/logic"
)

// Regexp returns a matcher of an RE2 pattern of at most MaxRegexBytes. It implements
// rules.Regexps.
func (Compiler) Regexp(pattern string) (match func(text string) bool, err error) {
	if len(pattern) > MaxRegexBytes {
		return nil, fmt.Errorf("compile: max_regex_bytes: the pattern has more than %d bytes", MaxRegexBytes)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("compile: the pattern is not a regular expression: %s", printable(err.Error()))
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	table := automatonOf(parsed)
	if table == nil {
		return re.MatchString, nil
	}
	return func(text string) bool {
		if matched, ok := table.match(text); ok {
			return matched
		}
		return re.MatchString(text)
	}, nil
}

// plain finds the operator that says the same as a pattern of literal characters, with or
// without ^ before and $ behind them.
func plain(pattern string) (op logic.Op, text string, ok bool) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, "", false
	}
	parts := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		parts = re.Sub
	}
	op = logic.Contains
	if len(parts) > 0 && parts[0].Op == syntax.OpBeginText {
		op, parts = logic.StartsWith, parts[1:]
	}
	if n := len(parts) - 1; n >= 0 && parts[n].Op == syntax.OpEndText {
		parts = parts[:n]
		if op == logic.Contains {
			op = logic.EndsWith
		} else {
			op = logic.Equal
		}
	}
	if len(parts) != 1 || parts[0].Op != syntax.OpLiteral || parts[0].Flags&syntax.FoldCase != 0 {
		return 0, "", false
	}
	text = string(parts[0].Rune)
	// An ill-formed text reads as this character for a regular expression alone.
	return op, text, !strings.ContainsRune(text, utf8.RuneError)
}
