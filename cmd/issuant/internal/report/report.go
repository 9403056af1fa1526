// Package report writes findings and test results in the formats that build
// servers read: GitHub workflow commands, SARIF 2.1.0 and JUnit XML.
//
// Sources: docs.github.com, "Workflow commands for GitHub Actions" (annotations);
// OASIS, "Static Analysis Results Interchange Format 2.1.0"; JUnit XML has no standard: the
// members written here are those that the Ant, Maven and GitLab readers share.
package report

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
)

// Finding is one diagnostic. Columns are 1-based and count characters; a zero
// Line or Column means that the place is not known.
type Finding struct {
	Code      string
	Warning   bool // neither Warning nor Note: an error
	Note      bool
	File      string
	Line      int
	Column    int
	EndColumn int // exclusive; 0 = not known
	Message   string
	Hint      string
}

// level is SARIF's word.
func (f Finding) level() string {
	switch {
	case f.Warning:
		return "warning"
	case f.Note:
		return "note"
	}
	return "error"
}

// command is GitHub's word.
func (f Finding) command() string {
	if f.Note {
		return "notice"
	}
	return f.level()
}

func (f Finding) text() string {
	if f.Hint == "" {
		return f.Message
	}
	return f.Message + "; " + f.Hint
}

// Case is the result of one test case.
type Case struct {
	Suite   string // the file that holds it, as its tests call it
	Name    string
	File    string
	Line    int
	Failure string // what was expected and what came instead, over several lines; "" when it passed
	Todo    bool   // not counted: known to fail
}

// GitHub writes one workflow command a finding.
func GitHub(w io.Writer, findings []Finding) error {
	for _, f := range findings {
		var p []string
		add := func(name, value string) { p = append(p, name+"="+property(value)) }
		add("file", filepath.ToSlash(f.File))
		if f.Line > 0 {
			add("line", fmt.Sprint(f.Line))
			add("endLine", fmt.Sprint(f.Line))
		}
		if f.Column > 0 {
			add("col", fmt.Sprint(f.Column))
		}
		if f.EndColumn > f.Column {
			add("endColumn", fmt.Sprint(f.EndColumn))
		}
		add("title", f.Code)
		if _, err := fmt.Fprintf(w, "::%s %s::%s\n", f.command(), strings.Join(p, ","), data(f.text())); err != nil {
			return err
		}
	}
	return nil
}

func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}

// Failures turns failed cases into findings.
func Failures(cases []Case) []Finding {
	var list []Finding
	for _, c := range cases {
		if c.Failure != "" && !c.Todo {
			list = append(list, Finding{Code: "test", File: c.File, Line: c.Line, Message: c.Name + ": " + c.Failure})
		}
	}
	return list
}

// SARIF writes one run of the tool of that version. about holds, by code, the
// sentence that explains it.
func SARIF(w io.Writer, version string, findings []Finding, about map[string]string) error {
	type text struct {
		Text string `json:"text"`
	}
	type rule struct {
		ID    string `json:"id"`
		Short text   `json:"shortDescription"`
	}
	index := map[string]int{}
	rules := []rule{}
	results := []map[string]any{}
	for _, f := range findings {
		if _, ok := index[f.Code]; !ok {
			sentence := about[f.Code]
			if sentence == "" {
				sentence = f.Code
			}
			index[f.Code] = len(rules)
			rules = append(rules, rule{f.Code, text{sentence}})
		}
		results = append(results, map[string]any{
			"ruleId": f.Code, "ruleIndex": index[f.Code], "level": f.level(),
			"message": text{f.text()}, "locations": locations(f),
		})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(map[string]any{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs": []any{map[string]any{
			"columnKind": "unicodeCodePoints",
			"tool": map[string]any{"driver": map[string]any{
				"name": "issuant", "version": version,
				"informationUri": "https://github.com/issuant/issuant", "rules": rules,
			}},
			"results": results,
		}},
	})
}

func locations(f Finding) []any {
	uri := (&url.URL{Path: filepath.ToSlash(f.File)}).String()
	place := map[string]any{"artifactLocation": map[string]any{"uri": uri}}
	if f.Line > 0 {
		region := map[string]any{"startLine": f.Line}
		if f.Column > 0 {
			region["startColumn"] = f.Column
		}
		if f.EndColumn > f.Column {
			region["endColumn"] = f.EndColumn
		}
		place["region"] = region
	}
	return []any{map[string]any{"physicalLocation": place}}
}

// Cases turns findings into test cases, one each, so that a reader of JUnit XML
// shows them; without any there is one case that passed.
func Cases(suite string, findings []Finding) []Case {
	cases := []Case{}
	for _, f := range findings {
		c := Case{Suite: suite, Name: fmt.Sprintf("%s %s:%d:%d", f.Code, f.File, f.Line, f.Column), File: f.File, Line: f.Line}
		if !f.Warning && !f.Note {
			c.Failure = f.text()
		}
		cases = append(cases, c)
	}
	if len(cases) == 0 {
		cases = append(cases, Case{Suite: suite, Name: "the pack compiles"})
	}
	return cases
}

type xmlMessage struct {
	Message string `xml:"message,attr,omitempty"`
	Text    string `xml:",chardata"`
}

type xmlCase struct {
	Class   string      `xml:"classname,attr"`
	Name    string      `xml:"name,attr"`
	File    string      `xml:"file,attr,omitempty"`
	Line    int         `xml:"line,attr,omitempty"`
	Failure *xmlMessage `xml:"failure"`
	Skipped *xmlMessage `xml:"skipped"`
}

type xmlSuite struct {
	Name     string    `xml:"name,attr"`
	Tests    int       `xml:"tests,attr"`
	Failures int       `xml:"failures,attr"`
	Skipped  int       `xml:"skipped,attr"`
	Cases    []xmlCase `xml:"testcase"`
}

// JUnit writes the cases, a suite for each run of equal Suite.
func JUnit(w io.Writer, cases []Case) error {
	type root struct {
		XMLName  xml.Name   `xml:"testsuites"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Skipped  int        `xml:"skipped,attr"`
		Suites   []xmlSuite `xml:"testsuite"`
	}
	var doc root
	for _, c := range cases {
		if n := len(doc.Suites); n == 0 || doc.Suites[n-1].Name != c.Suite {
			doc.Suites = append(doc.Suites, xmlSuite{Name: c.Suite})
		}
		s := &doc.Suites[len(doc.Suites)-1]
		x := xmlCase{Class: c.Suite, Name: c.Name, File: filepath.ToSlash(c.File), Line: c.Line}
		s.Tests++
		doc.Tests++
		switch {
		case c.Todo:
			s.Skipped++
			doc.Skipped++
			x.Skipped = &xmlMessage{Message: "todo"}
		case c.Failure != "":
			s.Failures++
			doc.Failures++
			first, _, _ := strings.Cut(c.Failure, "\n")
			x.Failure = &xmlMessage{first, c.Failure}
		}
		s.Cases = append(s.Cases, x)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
