package lint_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/lint"
)

// forms are the rows of the page's table, in its order: at least one for each operator
// and function of the language.
var forms = []string{
	`card.expired`, `not card.expired`,
	`card.status == "lost"`, `card.status != "lost"`, `card.age_days == 3`, `card.expired == false`,
	`card.age_days < 3`, `1 < card.age_days <= 4`, `vel.decline_rate_bin_10m >= 0.5`, `at > time("2026-11-23T10:00:00Z")`, `card.bin < "5"`,
	`card.age_days < param("five")`,
	`card.status in ["lost", "damaged"]`, `card.status not in ["lost", "damaged"]`, `card.age_days in 1..5`,
	`card.ref in list("deny")`, `card.ref not in list("deny")`,
	`card.bin startsWith "4111"`, `card.bin matches "^4111"`,
	`has(card.bin)`, `(card.age_days ?? 0) < 3`, `(card.status ?? "lost") in ["lost"]`,
	`"FRB" in card.codes`, `any(card.codes, # in ["FRB", "XYZ"])`, `none(card.codes, # startsWith "X")`, `all(card.codes, # != "FRB")`,
	`count(card.codes, # == "FRB") > 0`, `any(card.codes, # == "A" or # startsWith "B")`,
	`len(card.codes) > 2`, `len(card.bin) == 6`,
	`lower(device.country) == "de"`, `upper(device.country) in ["DE"]`, `trim(device.os) == "x"`,
	`hour(at) < 6`, `weekday(at) in [6, 7]`,
	`any([1, 3], # == card.age_days)`,
	`card.status == "lost" and card.age_days < 3`, `card.status == "lost" or card.age_days < 3`, `not (card.status == "lost" or card.expired)`,

	`device.country == holder.home_country`, `card.age_days < device.first_seen_days`,
	`card.bin contains "9"`, `card.bin endsWith "9"`,
	`card.age_days + 1 > 3`, `card.age_days - 1 > 3`, `card.age_days * 2 > 3`, `card.age_days / 2 > 1.5`, `card.age_days % 2 == 1`, `-card.age_days < -3`,
	`at - card.issued_at < 3600`, `device.country + holder.home_country == "DEDE"`,
	`abs(card.age_days) > 3`, `min(card.age_days, 5) == 5`, `max(card.age_days, 5) == 5`, `int(vel.decline_rate_bin_10m) == 0`,
	`float(card.age_days) > 0.5`, `string(card.age_days) == "3"`,
	`(card.age_days > 3 ? card.expired : false)`, `(card.age_days ?? device.first_seen_days) < 3`,
	`card.ref in card.codes`, `any(card.codes, len(#) == 3)`, `any(card.codes, # in list("deny"))`, `count(card.codes, # == "FRB") > 2`,
	`(device.country ?? "x") in list("deny")`,
	`card.bin matches "^4[0-9]{5}$"`,
	`count([1, 3], # == card.age_days) == 1`,
}

// row writes one row of the table from what the compiler makes of the form.
func row(t *testing.T, form string) string {
	t.Helper()
	p := packOf(t, head, "red "+form)
	c := p.Condition(0).(*rules.Lowered)
	ok, _, _, _ := lint.Indexed(c)
	index := "yes"
	if !ok {
		index = "no"
	}
	if c.Form().Root.Foreign() != nil {
		index += ", VM"
	}
	return fmt.Sprintf("| `%s` | %s | %s |", strings.ReplaceAll(form, "|", `\|`), index, cost(t, p, c))
}

// cost is what an event without items is counted, and what each item adds.
func cost(t *testing.T, p *rules.Pack, c *rules.Lowered) string {
	t.Helper()
	none, one := rules.NewFacts(p.Schema()), rules.NewFacts(p.Schema())
	for _, name := range []string{"card.codes"} {
		if err := one.Set(name, []string{"x"}); err != nil {
			t.Fatal(err)
		}
	}
	fixed, item := c.Counted(none), c.Counted(one)-c.Counted(none)
	if worst := fixed + rules.MaxListFact*item; worst != c.Cost() {
		t.Errorf("%d and %d an item are not the worst case %d", fixed, item, c.Cost())
	}
	if item == 0 {
		return fmt.Sprint(fixed)
	}
	return fmt.Sprintf("%d, %d an item", fixed, item)
}

func TestLanguageSaysWhatIsIndexedAndWhatItCosts(t *testing.T) {
	page := string(testutil.Read(t, testutil.Root(t)+"/rules/LANGUAGE.md"))
	want := "| form | index | cost |\n|---|---|---|\n"
	for _, f := range forms {
		want += row(t, f) + "\n"
	}
	if !strings.Contains(page, "\n"+want+"\n") {
		t.Errorf("LANGUAGE.md lacks this table:\n%s", want)
	}
	all := strings.Join(forms, " ")
	operators, _, _ := strings.Cut(sectionOf(page, "## 4."), "### What is indexed")
	// Every operator and function that the page lists has a row.
	for _, m := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(operators, -1) {
		for _, q := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(m[1], -1) {
			word, _, _ := strings.Cut(q[1], "(")
			word = strings.TrimSpace(strings.NewReplacer("x", "", "a ", "", " b", "", "c ? a : b", "?").Replace(word))
			if slices.Contains([]string{"string", "int", "float", "bool", "strings"}, word) || strings.ContainsAny(word, "\\|&!") || strings.Contains(q[1], "max") {
				continue
			}
			if !strings.Contains(all, word) {
				t.Errorf("no row shows %q", word)
			}
		}
	}
}

func sectionOf(page, title string) string {
	_, rest, _ := strings.Cut(page, "\n"+title)
	body, _, _ := strings.Cut(rest, "\n## ")
	return body
}

// TestLanguageListsTheCodesOfLint: the page's table is the code's.
func TestLanguageListsTheCodesOfLint(t *testing.T) {
	want := "| code | level | |\n|---|---|---|\n"
	for _, c := range lint.Codes() {
		want += fmt.Sprintf("| %s | %s | %s |\n", c.Code, c.Level, c.Text)
	}
	if page := string(testutil.Read(t, testutil.Root(t)+"/rules/LANGUAGE.md")); !strings.Contains(page, want) {
		t.Errorf("LANGUAGE.md lacks this table:\n%s", want)
	}
}

// TestLanguageShowsWhatLintFinds: the page's findings are those of its pack.
func TestLanguageShowsWhatLintFinds(t *testing.T) {
	page := string(testutil.Read(t, testutil.Root(t)+"/rules/LANGUAGE.md"))
	block := func(name string) string {
		_, rest, _ := strings.Cut(page, "```"+name+"\n")
		text, _, _ := strings.Cut(rest, "```")
		return text
	}
	files := fstest.MapFS{"pack.yaml": {Data: []byte(strings.Replace(head, "green", "yellow", 1))}, "rules/r.yaml": {Data: []byte(block("yaml lint rules/r.yaml"))}}
	p, err := compile.FS(files, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found, _ := lint.Pack(p, lint.Options{Now: now})
	var marks []compile.Mark
	for _, f := range found {
		marks = append(marks, compile.Mark{Code: f.Code, Severity: compile.Severity(f.Level), Rule: f.Rule, Clause: f.Clause, Message: f.Message, Hint: f.Hint})
	}
	text := ""
	for _, d := range compile.Locate(files, marks) {
		text += d.String()
	}
	if want := block("text lint findings"); text != want || text == "" {
		t.Errorf("lint finds:\n%s\nthe page says:\n%s", text, want)
	}
}
