package report

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"strings"
	"testing"
)

var findings = []Finding{
	{Code: "R0201", File: "rules/a b,c.yaml", Line: 3, Column: 9, EndColumn: 14, Message: "unknown field `amont`", Hint: "did you mean `amount`?"},
	{Code: "R0301", Warning: true, File: "pack.yaml", Message: "100% sure\nof <this>"},
}

func ExampleGitHub() {
	GitHub(os.Stdout, findings)
	// Output:
	// ::error file=rules/a b%2Cc.yaml,line=3,endLine=3,col=9,endColumn=14,title=R0201::unknown field `amont`; did you mean `amount`?
	// ::warning file=pack.yaml,title=R0301::100%25 sure%0Aof <this>
}

func TestSARIFNamesPlaceAndRule(t *testing.T) {
	var b strings.Builder
	if err := SARIF(&b, "v1", findings, map[string]string{"R0201": "An unknown field."}); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Level     string
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           *struct{ StartLine, StartColumn, EndColumn int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(b.String()), &doc); err != nil {
		t.Fatal(err)
	}
	run := doc.Runs[0]
	if doc.Version != "2.1.0" || len(run.Results) != 2 || len(run.Tool.Driver.Rules) != 2 {
		t.Fatal(b.String())
	}
	first, second := run.Results[0], run.Results[1]
	if p := first.Locations[0].PhysicalLocation; p.ArtifactLocation.URI != "rules/a%20b,c.yaml" || p.Region.StartColumn != 9 || p.Region.EndColumn != 14 {
		t.Errorf("%+v", p)
	}
	if second.Level != "warning" || second.RuleIndex != 1 || second.Locations[0].PhysicalLocation.Region != nil {
		t.Errorf("%+v", second)
	}
}

func TestSARIFWithoutFindingsHasEmptyLists(t *testing.T) {
	var b strings.Builder
	if err := SARIF(&b, "v1", nil, nil); err != nil || !strings.Contains(b.String(), `"results": []`) {
		t.Error(err, b.String())
	}
}

func TestJUnitCountsAndEscapes(t *testing.T) {
	var b strings.Builder
	err := JUnit(&b, []Case{
		{Suite: "a", Name: "one"},
		{Suite: "a", Name: "two <&>", Failure: "want green\ngot \x00red"},
		{Suite: "b", Name: "three", Failure: "x", Todo: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Suites   []struct {
			Cases []struct {
				Name    string `xml:"name,attr"`
				Failure string `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(b.String()), &doc); err != nil {
		t.Fatal(err, b.String())
	}
	if doc.Tests != 3 || doc.Failures != 1 || doc.Skipped != 1 || len(doc.Suites) != 2 {
		t.Errorf("%+v", doc)
	}
	if c := doc.Suites[0].Cases[1]; c.Name != "two <&>" || !strings.Contains(c.Failure, "want green\ngot") {
		t.Errorf("%+v", c)
	}
}

func TestCasesOfNoFindingsIsOneThatPassed(t *testing.T) {
	if c := Cases("check", nil); len(c) != 1 || c[0].Failure != "" {
		t.Errorf("%+v", c)
	}
	if f := Failures(Cases("check", findings)); len(f) != 1 || f[0].Line != 3 {
		t.Errorf("%+v", f)
	}
}
