package compile_test

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/compile/compiletest"
	"github.com/issuant/issuant/rules/logic"
)

var patterns = []string{
	`^4[0-9]{5}$`, `^k1:.*[2-6da-f]$`, `a`, `^a`, `a$`, `^a$`, ``, `^`, `$`, `^$`, `$^`, `^^a`, `a$$`, `(?i)ab`, `(?i)^k`, `a|b`, `^(a|bc)+$`,
	`(^a|b)`, `(a|b$)`, `^a|^b`, `x*`, `^x*$`, `x+?y`, `.`, `^.$`, `(?s)^.$`, `a.b`, `[^a]`, `^[^a]*$`, `\ba\b`, `(?m)^a$`, `\x{fffd}`, `ü`, `^ü$`, `[ä-ü]`,
	`\pL`, `^\d{3}-\d{2}$`, `(a?){20}a{20}`, `a{300}`, `[01]*1[01]{5}$`, `[01]*1[01]{9}$`, `a\z`, `\Aa`, `a.*a.*a`, `()`, `(|a)b`, `[[:cntrl:]]`, `\n$`, `a\n?$`,
}

var patternTexts = []string{
	"", "a", "b", "ab", "aB", "AB", "ba", "aa", "aaa", "bc", "abc", "abca", "xay", "411111", "4111111", "x411111", "k1:0a", "k1:00", "k1:", "K", "\u212a", "x", "xx", "xy", "xxy",
	"a\nb", "\n", "a\n", "b\na", "ü", "aü", "üa", "üb", "\xff", "a\xff", "\xffa", "\ufffd", "123-45", "x123-45", "000100000", "1000000000", strings.Repeat("a", 20), strings.Repeat("a", 300), "a b", "\x00", "\x7f",
}

// sameAsRegexp compares the matcher of a pattern, and the operator that it may be read as,
// with package regexp.
func sameAsRegexp(t *testing.T, pattern, text string) {
	t.Helper()
	re, err := regexp.Compile(pattern)
	match, got := compile.Compiler{}.Regexp(pattern)
	if (err != nil || len(pattern) > compile.MaxRegexBytes) != (got != nil) {
		t.Fatalf("%q: %v, package regexp says %v", pattern, got, err)
	}
	if got != nil {
		return
	}
	if want := re.MatchString(text); match(text) != want {
		t.Errorf("%q matches %q is not %v", pattern, text, want)
	}
	if op, plain, ok := compile.Plain(pattern); ok {
		holds := map[logic.Op]bool{logic.Equal: text == plain, logic.Contains: strings.Contains(text, plain),
			logic.StartsWith: strings.HasPrefix(text, plain), logic.EndsWith: strings.HasSuffix(text, plain)}
		if is, known := holds[op]; !known || is != re.MatchString(text) {
			t.Errorf("%q on %q is read as operator %d of %q", pattern, text, op, plain)
		}
	}
}

func TestPatternsMatchAsPackageRegexpDoes(t *testing.T) {
	for _, p := range patterns {
		for _, s := range patternTexts {
			sameAsRegexp(t, p, s)
		}
	}
}

func FuzzRegexp(f *testing.F) {
	for i, p := range patterns {
		f.Add(p, patternTexts[i%len(patternTexts)])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		sameAsRegexp(t, pattern, text)
		sameAsRegexp(t, pattern, pattern)
	})
}

func TestPlainPatternsNeedNoRegexp(t *testing.T) {
	for pattern, want := range map[string]logic.Op{
		`^41`: logic.StartsWith, `41$`: logic.EndsWith, `41`: logic.Contains, `^41$`: logic.Equal, `^4\.1$`: logic.Equal, `\A41\z`: logic.Equal, `(?:41)`: logic.Contains,
		`^4[0-9]`: logic.Matches, `4|5`: logic.Matches, `(?i)ab`: logic.Matches, `(?i:a)b`: logic.Matches, `4.1`: logic.Matches, `(?m)^41`: logic.Matches, `(41)`: logic.Matches,
		`\x{fffd}`: logic.Matches, ``: logic.Matches, `^`: logic.Matches,
	} {
		p := mustCompile(t, pack(smallPack, ruleOf("card.bin matches `"+pattern+"`")))
		if got := p.Condition(0).(*rules.Lowered).Form().Root.Op; got != want {
			t.Errorf("%s: operator %d, want %d", pattern, got, want)
		}
		if _, err := rules.Load(p.Encode(), nil); errors.Is(err, rules.ErrNotLowered) != (want == logic.Matches) {
			t.Errorf("%s: loads without a compiler: %v", pattern, err)
		}
	}
}

// TestOnlyLongPatternsAreLeftToPackageRegexp: what people write becomes a table.
func TestOnlyLongPatternsAreLeftToPackageRegexp(t *testing.T) {
	for pattern, want := range map[string]bool{
		`^4[0-9]{5}$`: true, `^k1:.*[2-6da-f]$`: true, `(?i)ab`: true, `^[^@]+@[a-z]+\.com$`: true, ``: true,
		`\ba`: false, `(?m)^a`: false, `a{300}`: false, `[01]*1[01]{9}$`: false,
	} {
		if got := compile.HasTable(pattern); got != want {
			t.Errorf("%s: %v", pattern, got)
		}
	}
}

// patterned is the binary form of a pack with a pattern, in a rule and in one of its leaves.
func patterned(tb testing.TB) []byte {
	tb.Helper()
	return mustCompile(tb, pack(smallPack, ruleOf("card.bin matches `^4[0-9]+$` and card.expired"))).Encode()
}

func TestLoadMakesPatternsWithoutCompilingConditions(t *testing.T) {
	b := patterned(t)
	if _, err := rules.Load(b, nil); !errors.Is(err, rules.ErrNotLowered) {
		t.Errorf("without a compiler: %v", err)
	}
	p, err := rules.Load(b, onlyPatterns{t})
	if err != nil {
		t.Fatal(err)
	}
	for bin, want := range map[string]rules.Truth{"411111": rules.True, "511111": rules.False, "4\u0661": rules.False, "": rules.False} {
		f := rules.NewFacts(p.Schema())
		if err := errors.Join(f.Set("card.bin", bin), f.Set("card.expired", true)); err != nil {
			t.Fatal(err)
		}
		env := p.Env(f, compiletest.Now)
		got, why := p.Condition(0).Judge(env)
		if leaf := p.Condition(0).Leaves(env)[0]; got != want || why != code.OK || leaf.Truth != want {
			t.Errorf("%q: %v (%v), the leaf %v, want %v", bin, got, why, leaf.Truth, want)
		}
	}
}

// onlyPatterns is a compiler that must not be asked for conditions.
type onlyPatterns struct{ t *testing.T }

func (onlyPatterns) Regexp(pattern string) (func(string) bool, error) {
	return compile.Compiler{}.Regexp(pattern)
}

func (c onlyPatterns) CompileManifest(*rules.Manifest) (conds, sections []rules.Condition, err error) {
	c.t.Error("conditions are compiled that stand in the pack")
	return nil, nil, rules.ErrNotLowered
}

func TestLoadRefusesForgedPatterns(t *testing.T) {
	good := patterned(t)
	for _, bad := range []string{"^4[0-9]+(", "^4[0-9(+$", "\xff[0-9]+$$"} {
		forged := resealed(bytes.ReplaceAll(good, []byte("\x09^4[0-9]+$"), []byte("\x09"+bad)))
		if bytes.Equal(forged, good) {
			t.Fatal("the pattern does not stand in the pack")
		}
		if _, err := compile.Load(forged); !errors.Is(err, rules.ErrForm) || !errors.Is(err, logic.ErrTree) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestConditionsNeedWhatTheirLeavesNeed: a leaf that is no part of the whole has a tree of its own.
func TestConditionsNeedWhatTheirLeavesNeed(t *testing.T) {
	s := rules.EventV1()
	bin, ok := s.Lookup("card.bin")
	if !ok {
		t.Fatal("no card.bin")
	}
	field := &logic.Expr{Op: logic.Field, Type: logic.String, Field: bin}
	of := func(pattern string) *logic.Expr {
		return &logic.Expr{Op: logic.Matches, Type: logic.Bool, Args: []*logic.Expr{field}, Text: pattern}
	}
	foreign := &logic.Expr{Op: logic.Foreign, Type: logic.Bool, Text: "x", Worst: 1}
	form := func(leaf *logic.Expr) rules.Form {
		return rules.Form{Root: logic.Truth(true), Leaves: []rules.FormLeaf{{Text: "x", Expr: leaf}}}
	}
	if _, err := rules.NewCondition(s, 0, form(of("a")), nil, nil); !errors.Is(err, rules.ErrNotLowered) {
		t.Errorf("a pattern without matchers: %v", err)
	}
	if _, err := rules.NewCondition(s, 0, form(foreign), compile.Compiler{}, nil); !errors.Is(err, rules.ErrNotLowered) {
		t.Errorf("a foreign leaf without a VM: %v", err)
	}
	if _, err := rules.NewCondition(s, 0, form(of("a")), compile.Compiler{}, nil); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"(", strings.Repeat("a", logic.MaxPattern+1)} {
		if _, err := rules.NewCondition(s, 0, form(of(bad)), compile.Compiler{}, nil); !errors.Is(err, rules.ErrForm) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	if logic.MaxPattern != compile.MaxRegexBytes {
		t.Error("the bounds of patterns differ")
	}
}
