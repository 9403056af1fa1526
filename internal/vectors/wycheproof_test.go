package vectors

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/issuant/issuant/internal/code"
)

// wycheproofFile is what we read of a file; the groups differ from type to type.
type wycheproofFile struct {
	NumberOfTests int               `json:"numberOfTests"`
	TestGroups    []json.RawMessage `json:"testGroups"`
}

// testCase is the union of the members of the cases that we run.
type testCase struct {
	ID      int      `json:"tcId"`
	Comment string   `json:"comment"`
	Flags   []string `json:"flags"`
	Result  string   `json:"result"`

	JWS token  `json:"jws"`
	JWE token  `json:"jwe"`
	PT  string `json:"pt"`
	Enc string `json:"enc"`

	Msg hexBytes `json:"msg"`
	Sig hexBytes `json:"sig"`
	Key hexBytes `json:"key"`
	Tag hexBytes `json:"tag"`
	IV  hexBytes `json:"iv"`
	AAD hexBytes `json:"aad"`
	CT  hexBytes `json:"ct"`

	Public  json.RawMessage `json:"public"`
	Private json.RawMessage `json:"private"`
	Shared  hexBytes        `json:"shared"`
	Label   hexBytes        `json:"label"`
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// token is compact text, or a JSON object, which is kept as its text.
type token string

func (s *token) UnmarshalJSON(data []byte) error {
	if data[0] != '"' {
		*s = token(data)
		return nil
	}
	return json.Unmarshal(data, (*string)(s))
}

// runner returns what our entry point makes of a case: nil when it accepts it. A
// group that is nothing to us (another hash, say) is skipped by a nil runner.
type runner func(t *testing.T, c *testCase) error

// suite turns the groups of a file into runners.
type suite struct {
	file  string
	group func(t *testing.T, raw json.RawMessage) runner
}

// difference is one entry of testdata/differences.json.
type difference struct {
	File  string   `json:"file"`
	Cases [][2]int `json:"cases"` // from tcId to tcId, inclusive
	We    string   `json:"we"`    // accept or refuse
	Why   string   `json:"why"`
}

func loadDifferences(t *testing.T) map[string]map[int]*difference {
	t.Helper()
	data, err := os.ReadFile("testdata/differences.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []*difference
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		t.Fatal(err)
	}
	byFile := map[string]map[int]*difference{}
	for _, d := range list {
		if len(d.Why) < 20 || d.We != "accept" && d.We != "refuse" || len(d.Cases) == 0 {
			t.Fatalf("differences.json: an entry for %s is not complete", d.File)
		}
		if byFile[d.File] == nil {
			byFile[d.File] = map[int]*difference{}
		}
		for _, r := range d.Cases {
			for id := r[0]; id <= r[1]; id++ {
				if byFile[d.File][id] != nil {
					t.Fatalf("differences.json: %s %d stands twice", d.File, id)
				}
				byFile[d.File][id] = d
			}
		}
	}
	return byFile
}

// tally is a line of the summary.
type tally struct {
	file                                                  string
	valid, invalid, acceptedOptional, refusedOptional     int
	deliberatelyRefused, deliberatelyAccepted, notOurs, n int
}

// TestWycheproof runs every case of every file that bears on us. "acceptable" cases
// may go either way.
func TestWycheproof(t *testing.T) {
	differences := loadDifferences(t)
	files := map[string]bool{}
	var table []tally
	for _, s := range suites {
		files[s.file] = true
		t.Run(s.file, func(t *testing.T) {
			table = append(table, s.run(t, differences[s.file]))
		})
	}
	for file := range differences {
		if !files[file] {
			t.Errorf("differences.json names %s, which is not run", file)
		}
	}
	t.Log("\n" + summary(table))
}

func (s suite) run(t *testing.T, differences map[int]*difference) tally {
	var f wycheproofFile
	file, err := wycheproof.TestVectors.Open(s.file + ".json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := json.NewDecoder(file).Decode(&f); err != nil {
		t.Fatal(err)
	}
	row := tally{file: s.file}
	for _, raw := range f.TestGroups {
		var cases struct {
			Tests []*testCase `json:"tests"`
		}
		if err := json.Unmarshal(raw, &cases); err != nil {
			t.Fatal(err)
		}
		run := s.group(t, raw)
		for _, c := range cases.Tests {
			row.n++
			if run == nil {
				row.notOurs++
				if differences[c.ID] != nil {
					t.Errorf("tcId %d is not run, and yet listed", c.ID)
				}
				continue
			}
			row.add(t, c, run(t, c), differences[c.ID])
		}
	}
	if row.n == 0 || row.n != f.NumberOfTests || row.notOurs == row.n {
		t.Errorf("%d cases of %d were seen, %d of them not ours", row.n, f.NumberOfTests, row.notOurs)
	}
	return row
}

func (row *tally) add(t *testing.T, c *testCase, err error, d *difference) {
	if err != nil && code.Of(err) == code.Internal {
		t.Errorf("tcId %d: an error without a code: %v", c.ID, err)
	}
	accepted := err == nil
	differs := c.Result == "valid" && !accepted || c.Result == "invalid" && accepted
	switch {
	case differs && d == nil:
		t.Errorf("tcId %d (%s, %v) is %s; we say %v", c.ID, c.Comment, c.Flags, c.Result, err)
	case !differs && d != nil:
		t.Errorf("tcId %d is listed as a difference, and is none", c.ID)
	case differs && (d.We == "accept") != accepted:
		t.Errorf("tcId %d is listed as %s; we say %v", c.ID, d.We, err)
	case differs && accepted:
		row.deliberatelyAccepted++
	case differs:
		row.deliberatelyRefused++
	case c.Result == "valid":
		row.valid++
	case c.Result == "invalid":
		row.invalid++
	case accepted:
		row.acceptedOptional++
	default:
		row.refusedOptional++
	}
}

func summary(table []tally) string {
	slices.SortStableFunc(table, func(a, b tally) int { return strings.Compare(a.file, b.file) })
	var b strings.Builder
	const head, line = "%-42s %6s %9s %9s %12s %12s %12s %8s\n", "%-42s %6d %9d %9d %5d /%5d %12d %12d %8d\n"
	fmt.Fprintf(&b, head, "Wycheproof", "cases", "accepted", "refused", "acceptable:", "refused", "accepted", "not")
	fmt.Fprintf(&b, head, "", "", "(valid)", "(invalid)", "yes / no", "on purpose", "on purpose", "ours")
	var sum tally
	for _, r := range table {
		fmt.Fprintf(&b, line, r.file, r.n, r.valid, r.invalid, r.acceptedOptional, r.refusedOptional, r.deliberatelyRefused, r.deliberatelyAccepted, r.notOurs)
		sum.n, sum.valid, sum.invalid = sum.n+r.n, sum.valid+r.valid, sum.invalid+r.invalid
		sum.acceptedOptional, sum.refusedOptional = sum.acceptedOptional+r.acceptedOptional, sum.refusedOptional+r.refusedOptional
		sum.deliberatelyRefused, sum.deliberatelyAccepted = sum.deliberatelyRefused+r.deliberatelyRefused, sum.deliberatelyAccepted+r.deliberatelyAccepted
		sum.notOurs += r.notOurs
	}
	fmt.Fprintf(&b, line, "all", sum.n, sum.valid, sum.invalid, sum.acceptedOptional, sum.refusedOptional, sum.deliberatelyRefused, sum.deliberatelyAccepted, sum.notOurs)
	return b.String()
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func base64Bytes(s string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(s) }
