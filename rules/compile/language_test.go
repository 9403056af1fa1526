package compile_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/issuant/issuant/engine/packtest"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

// block is a fenced block of LANGUAGE.md.
type block struct {
	kind, name, text string
	line             int
}

func language(t *testing.T) (page string, blocks []block) {
	t.Helper()
	page = string(testutil.Read(t, testutil.Root(t)+"/rules/LANGUAGE.md"))
	var open *block
	for i, line := range strings.Split(page, "\n") {
		switch {
		case open != nil && line == "```":
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		case strings.HasPrefix(line, "```"):
			kind, name, _ := strings.Cut(strings.TrimPrefix(line, "```"), " ")
			open = &block{kind: kind, name: name, line: i + 1}
		}
	}
	if len(blocks) < 10 {
		t.Fatalf("LANGUAGE.md has only %d blocks", len(blocks))
	}
	return page, blocks
}

// pagePack is the pack that the page builds: its blocks that are named by a path.
func pagePack(t *testing.T, blocks []block, prefix string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for _, b := range blocks {
		name, ours := strings.CutPrefix(b.name, prefix)
		if ours && (strings.Contains(name, "/") || name == "pack.yaml") && !strings.Contains(name, " ") {
			files[name] = &fstest.MapFile{Data: []byte(b.text)}
		}
	}
	return files
}

func TestLanguagePacksCompileWithoutFindings(t *testing.T) {
	_, blocks := language(t)
	for _, prefix := range []string{"", "own "} {
		files := pagePack(t, blocks, prefix)
		p, found, _ := compile.Check(files, compile.Options{})
		for _, d := range found {
			t.Error(d)
		}
		if p == nil {
			t.Fatalf("the pack %q does not compile", prefix)
		}
		tests, err := compile.Tests(files, p)
		if err != nil {
			t.Error(err)
		}
		if prefix == "" && len(tests) != 2 {
			t.Errorf("%d test files", len(tests))
		}
	}
	for _, b := range blocks {
		if b.name == "sections" {
			if _, err := compile.FS(pack(smallPack+b.text, "- {id: R, effect: red, why: w, when: 'true'}\n"), compile.Options{}); err != nil {
				t.Error(err)
			}
		}
	}
}

// pageEvent is the event of the page's examples.
func pageEvent(t *testing.T) *rules.Facts {
	t.Helper()
	f := rules.NewFacts(rules.EventV1())
	for name, v := range map[string]any{
		"id": "e1", "at": time.Date(2026, 11, 23, 10, 1, 30, 0, time.UTC), "token.source": "manual",
		"card.codes": []string{"FRB", "BNB"}, "card.age_days": 3, "wallet.device_score": 4,
	} {
		if err := f.Set(name, v); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// withCondition is the page's pack with one rule of that condition.
func withCondition(t *testing.T, blocks []block, when string) fstest.MapFS {
	files := pagePack(t, blocks, "")
	for name := range files {
		if strings.HasPrefix(name, "rules/") || strings.HasPrefix(name, "tests/") {
			delete(files, name)
		}
	}
	files["rules/r.yaml"] = &fstest.MapFile{Data: fmt.Appendf(nil, "- {id: R, effect: red, why: w, when: %s}\n", strconv.Quote(when))}
	return files
}

func judge(t *testing.T, files fstest.MapFS, f *rules.Facts) string {
	t.Helper()
	p, err := compile.FS(files, compile.Options{})
	if err != nil {
		return err.Error()
	}
	return p.Verdicts(f, time.Unix(0, 0))[0].Truth.String()
}

func TestLanguageExamplesAreTrueToTheirWord(t *testing.T) {
	_, blocks := language(t)
	examples := 0
	for _, b := range blocks {
		if b.kind != "expr" {
			continue
		}
		for _, line := range strings.Split(strings.TrimSpace(b.text), "\n") {
			when, want, ok := strings.Cut(line, "//=")
			if !ok {
				t.Errorf("no verdict in %q", line)
			}
			got := judge(t, withCondition(t, blocks, strings.TrimSpace(when)), pageEvent(t))
			if got != strings.TrimSpace(want) {
				t.Errorf("%s is %s, the page says %s", when, got, want)
			}
			examples++
		}
	}
	if examples < 40 {
		t.Errorf("only %d examples", examples)
	}
}

func TestLanguageMistakesHaveTheirCodes(t *testing.T) {
	_, blocks := language(t)
	for _, b := range blocks {
		if b.kind != "expr-bad" {
			continue
		}
		for _, line := range strings.Split(strings.TrimSpace(b.text), "\n") {
			when, want, _ := strings.Cut(line, "//")
			_, found, _ := compile.Check(withCondition(t, blocks, strings.TrimSpace(when)), compile.Options{})
			if len(found) == 0 || found[0].Code != strings.TrimSpace(want) {
				t.Errorf("%s gives %v, the page says %s", when, found, want)
			}
		}
	}
}

func TestLanguageShowsRealDiagnostics(t *testing.T) {
	_, blocks := language(t)
	for i, b := range blocks {
		if b.name != "mistake" {
			continue
		}
		_, err := compile.FS(pack(smallPack, b.text), compile.Options{})
		if err == nil || err.Error()+"\n" != blocks[i+1].text {
			t.Errorf("the mistake gives:\n%v\nthe page says:\n%s", err, blocks[i+1].text)
		}
		return
	}
	t.Error("the page shows no mistake")
}

var cell = regexp.MustCompile(`(?m)^\| \*\*(\w+)\*\* \|(.*)\|$`)

// TestLanguageTruthTables judges every cell of the page's tables.
func TestLanguageTruthTables(t *testing.T) {
	page, blocks := language(t)
	form := map[string]string{"true": "true", "false": "false", "unknown": "card.expired", "error": "1 / 0 == 1"}
	columns := []string{"true", "false", "unknown", "error"}
	for _, op := range []string{"and", "or", "not"} {
		_, table, ok := strings.Cut(page, "| "+op+" |")
		if !ok {
			t.Fatalf("no table of %s", op)
		}
		table, _, _ = strings.Cut(table, "\n\n")
		rows := cell.FindAllStringSubmatch(table, -1)
		if len(rows) != 4 {
			t.Fatalf("the table of %s has %d rows", op, len(rows))
		}
		for _, row := range rows {
			for i, want := range strings.Split(row[2], "|") {
				when := "not (" + form[row[1]] + ")"
				if op != "not" {
					when = fmt.Sprintf("(%s) %s (%s)", form[row[1]], op, form[columns[i]])
				}
				if got := judge(t, withCondition(t, blocks, when), pageEvent(t)); got != strings.TrimSpace(want) {
					t.Errorf("%s is %s, the page says %s", when, got, want)
				}
			}
		}
	}
}

func TestLanguageListsEveryCodeLimitAndField(t *testing.T) {
	page, _ := language(t)
	for _, want := range []string{codeTable(), limitTable(), fieldTable()} {
		if !strings.Contains(page, want) {
			t.Errorf("LANGUAGE.md lacks this table:\n%s", want)
		}
	}
}

func codeTable() string {
	s := "| code | |\n|---|---|\n"
	for _, c := range compile.Codes() {
		warn := ""
		if c.Severity == compile.SeverityWarning {
			warn = "Warning: "
		}
		s += "| " + c.Code + " | " + warn + c.Text + " |\n"
	}
	return s
}

func limitTable() string {
	s := "| limit | | |\n|---|---|---|\n"
	for _, l := range []struct {
		name string
		n    int64
		what string
	}{
		{"max_rules", compile.MaxRules, "rules of a pack"},
		{"max_condition_bytes", compile.MaxConditionBytes, "bytes of one condition"},
		{"max_condition_nodes", compile.MaxConditionNodes, "operators, operands and list items of one condition"},
		{"max_condition_depth", compile.MaxConditionDepth, "brackets, signs and choices within each other"},
		{"max_regex_bytes", compile.MaxRegexBytes, "bytes of a pattern"},
		{"max_cost", rules.DefaultMaxCost, "cost of one condition, and of all; `limits` may say otherwise, up to 100000000"},
		{"max_text_bytes", compile.MaxTextBytes, "bytes of `why`, `say`, `doc` and the like"},
		{"max_sections", compile.MaxSections, "sections"},
		{"max_params", compile.MaxParams, "parameters"},
		{"max_lists", compile.MaxLists, "lists"},
		{"max_list_entries", compile.MaxListEntries, "entries of a list"},
		{"max_list_bytes", compile.MaxListBytes, "bytes of a list file"},
		{"max_files", compile.MaxFiles, "files in `rules/`, and in `tests/`"},
		{"max_file_bytes", compile.MaxFileBytes, "bytes of a YAML file"},
		{"max_pack_bytes", compile.MaxPackBytes, "bytes of all files"},
		{"max_test_cases", compile.MaxTestCases, "test cases"},
	} {
		s += fmt.Sprintf("| `%s` | %d | %s |\n", l.name, l.n, l.what)
	}
	return s
}

func fieldTable() string {
	s := "| field | type | known values, meaning |\n|---|---|---|\n"
	schema := rules.EventV1()
	for i := range schema.Len() {
		f := schema.Field(i)
		text := strings.Join(f.Enum, ", ")
		if f.Doc != "" {
			if text != "" {
				text += "; "
			}
			text += f.Doc
		}
		if f.Label {
			text = "label, not for rules. " + text
		}
		s += fmt.Sprintf("| `%s` | %s | %s |\n", f.Name, f.Type, text)
	}
	return s
}

// TestLanguageShowsTheLayout: the page's untidy example becomes its tidy one.
func TestLanguageShowsTheLayout(t *testing.T) {
	_, blocks := language(t)
	text := map[string]string{}
	for _, b := range blocks {
		text[b.name] = b.text
	}
	got, err := compile.Format("rules/r.yaml", []byte(text["untidy rules/r.yaml"]))
	if err != nil || len(got) == 0 || string(got) != text["tidy rules/r.yaml"] {
		t.Errorf("fmt makes of it:\n%s\n%v", got, err)
	}
}

func TestLanguageTestsPass(t *testing.T) {
	_, blocks := language(t)
	files := pagePack(t, blocks, "")
	p := mustCompile(t, files)
	tests, err := compile.Tests(files, p)
	if err != nil {
		t.Fatal(err)
	}
	report, err := packtest.Run(p, tests, packtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		if r.Status != packtest.Passed {
			t.Errorf("%s: %s", r.Name, strings.Join(r.Diff, "; "))
		}
	}
	if report.Passed != 4 {
		t.Errorf("%d cases passed", report.Passed)
	}
}
