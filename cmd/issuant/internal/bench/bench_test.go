package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/pprof/profile"
	"golang.org/x/perf/benchfmt"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules/compile"
)

var at = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// measured runs a small pack on four events.
func measured(t *testing.T, opt Options) *Result {
	t.Helper()
	pack, err := compile.FS(fstest.MapFS{
		"pack.yaml": {Data: []byte("name: my pack/a-b\nversion: '1'\ndefault: green\nlists: {deny: {}}\nparams: {five: {value: 5}}\n")},
		"rules/r.yaml": {Data: []byte(`
- {id: R1, effect: red, when: 'card.status == "lost" or verify.cvv == "fail"', why: w}
- {id: Y1, effect: yellow, when: vel.cards_device_24h > param("five") and card.ref in list("deny"), why: w}
- {id: Y2, effect: yellow, when: 'card.bin matches "^4[0-9]"', why: w, on_missing: hit, shadow: true}
`)}}, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var events []Event
	for _, text := range []string{
		`{"id": "1", "card": {"status": "lost", "bin": "411111"}}`, `{"id": "2", "card": {"status": "lost", "bin": "511111"}}`,
		`{"id": "3", "card": {"status": "normal"}}`, `{"id": "4"}`} {
		ev, err := engine.ParseEvent(pack.Schema(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, Event{ev, at})
	}
	opt.Duration = 5 * time.Millisecond
	r, err := Measure(t.Context(), pack, events, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMeasureCountsWhatHits(t *testing.T) {
	r := measured(t, Options{Runs: 2, Clauses: true})
	if len(r.Runs) != 2 || r.Runs[0].N < 4 || r.Runs[0].NsPerOp() <= 0 || len(r.Latency) != samples {
		t.Errorf("runs %+v, %d latencies", r.Runs, len(r.Latency))
	}
	share := 0.0
	for i, want := range []struct{ hits, clauses int }{{2, 2}, {0, 2}, {3, 1}} {
		rule := &r.Rules[i]
		if rule.Hits != want.hits || len(rule.Clauses) != want.clauses || rule.N == 0 || rule.Ns <= 0 {
			t.Errorf("%s: %+v, want %+v", rule.ID, rule, want)
		}
		share += rule.Share
	}
	if math.Abs(share-1) > 1e-9 {
		t.Errorf("the shares sum to %v", share)
	}
	if r.Rules[2].Indexed || r.Rules[2].Why == "" || !r.Rules[0].Indexed {
		t.Errorf("index: %+v", r.Rules)
	}
	if r.Outcomes[0] != 2 || r.Quantile(0) > r.Quantile(1) {
		t.Errorf("outcomes %v", r.Outcomes)
	}
}

func TestMeasureRefusesNoEvents(t *testing.T) {
	r := measured(t, Options{})
	if _, err := Measure(t.Context(), r.Pack, nil, Options{}); err == nil {
		t.Error("measured nothing")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Measure(ctx, r.Pack, []Event{{engine.NewEvent(r.Pack.Schema()), at}}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted run gives %v", err)
	}
}

// TestLinesAreWhatBenchstatReads parses them with benchstat's own reader.
func TestLinesAreWhatBenchstatReads(t *testing.T) {
	r := measured(t, Options{Runs: 3})
	var b bytes.Buffer
	b.WriteString(strings.Join(Machine("my pack/a-b"), "\n") + "\n")
	if err := r.WriteLines(&b, "cases", 2); err != nil {
		t.Fatal(err)
	}
	in := benchfmt.NewReader(bytes.NewReader(b.Bytes()), "out")
	var names []string
	for in.Scan() {
		switch rec := in.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Errorf("%v in\n%s", rec, b.String())
		case *benchfmt.Result:
			name, parts := rec.Name.Parts()
			names = append(names, string(name))
			if rec.GetConfig("goos") == "" || !strings.HasPrefix(string(parts[0]), "/pack=mypack_a_b") {
				t.Errorf("name parts %q", parts)
			}
			if v, ok := rec.Value("sec/op"); !ok || v <= 0 || rec.Iters <= 0 {
				t.Errorf("%s has no time", rec.Name)
			}
			if _, ok := rec.Value("allocs/op"); ok != (string(name) == "Decide") {
				t.Errorf("%s: allocations %v", rec.Name, ok)
			}
		}
	}
	if got := strings.Join(names, " "); in.Err() != nil || got != "Decide Decide Decide Rule Rule" {
		t.Errorf("%v, %v", got, in.Err())
	}
}

func TestProfileHasPackRuleAndClause(t *testing.T) {
	r := measured(t, Options{Clauses: true})
	var b bytes.Buffer
	if err := r.WriteProfile(&b, at); err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	stacks := map[string]bool{}
	total := int64(0)
	for _, s := range p.Sample {
		var names []string
		for _, l := range s.Location {
			names = append(names, l.Line[0].Function.Name)
		}
		stacks[strings.Join(names, " < ")] = true
		total += s.Value[1]
	}
	for _, want := range []string{
		`verify.cvv == "fail" < R1 < pack my pack/a-b 1`, `card.ref in list("deny") < Y1 < pack my pack/a-b 1`,
		`card.bin matches "^4[0-9]" < Y2 < pack my pack/a-b 1`} {
		if !stacks[want] {
			t.Errorf("no stack %s in %v", want, stacks)
		}
	}
	sum := 0.0
	for i := range r.Rules {
		sum += r.Rules[i].Ns * perMillion
	}
	if math.Abs(float64(total)-sum) > sum/100+10 {
		t.Errorf("the profile has %d ns, the rules %.0f", total, sum)
	}
}

// TestPprofReadsTheProfile asks Go's own tool, which must leave names as they are.
func TestPprofReadsTheProfile(t *testing.T) {
	r := measured(t, Options{Clauses: true})
	name := filepath.Join(t.TempDir(), "out.pb.gz")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.WriteProfile(f, at); err != nil {
		t.Fatal(err)
	}
	f.Close()
	cmd := exec.Command("go", "tool", "pprof", "-top", "-nodecount=20", "-nodefraction=0", name)
	cmd.Env = append(os.Environ(), "PPROF_TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"Type: time", `card.ref in list("deny")`, `card.bin matches "^4[0-9]"`, "100%  pack my pack/a-b 1"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestPageStandsAlone: nothing from elsewhere, no script, no style that its policy
// forbids, and elements that close.
func TestPageStandsAlone(t *testing.T) {
	r := measured(t, Options{})
	r.Rules[0].Why, r.Rules[0].Indexed = `<script>alert("x")</script>`, false
	var b bytes.Buffer
	if err := r.WritePage(&b, About{Source: "4 events", Machine: Machine("p"), At: at, Version: "v1"}); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(text)
	if style == nil {
		t.Fatal("no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	if !strings.Contains(html.UnescapeString(text), "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
		t.Error("the policy does not allow the page's own style sheet")
	}
	for _, bad := range []string{"<script", "http:", "https:", "style=", "src=", "onload", "@import", "url("} {
		if strings.Contains(text, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	for _, want := range []string{"prefers-color-scheme: dark", "R1", "Y2", "<svg", "&lt;script&gt;", "1 rule never hits"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	open := 0
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch tok.(type) {
		case xml.StartElement:
			open++
		case xml.EndElement:
			open--
		}
	}
	if open != 0 {
		t.Errorf("%d elements stay open", open)
	}
}
