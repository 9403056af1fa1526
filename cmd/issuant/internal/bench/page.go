package bench

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/rules"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// About says what a page is of.
type About struct {
	Source  string    // of the events, in words
	Machine []string  // lines of Machine
	At      time.Time // of the run
	Version string    // of issuant
}

// bars is how many rules a chart shows; the table has them all.
const bars = 30

// WritePage writes the results as one HTML page: no script, nothing from elsewhere,
// and a content security policy that allows its own style sheet alone.
func (r *Result) WritePage(w io.Writer, about About) error {
	man := r.Pack.Manifest()
	sum := sha256.Sum256([]byte(pageStyle))
	p := page{
		Style: template.CSS(pageStyle), StyleHash: base64.StdEncoding.EncodeToString(sum[:]),
		Name: man.Name, Version: man.Version, ID: r.Pack.ID(), About: about,
		At: about.At.UTC().Format("2006-01-02 15:04:05 UTC"), Machine: strings.Join(about.Machine, " · "),
		Tiles: r.tiles(), Latency: r.histogram(), Outcomes: r.outcomeBar(), Coverage: r.coverageBar(),
		Cost: r.costChart(), Hits: r.hitChart(), Rows: r.rows(),
	}
	for i := range r.Rules {
		rule := &r.Rules[i]
		if rule.Hits == 0 {
			p.Never = append(p.Never, rule.ID)
		}
		if !rule.Indexed {
			p.Slow = append(p.Slow, reason{rule.ID, rule.Why})
		}
	}
	return pageTemplate.Execute(w, p)
}

type page struct {
	Style                          template.CSS
	StyleHash                      string
	Name, Version, ID, At, Machine string
	About                          About
	Tiles                          []tile
	Latency                        histogram
	Outcomes, Coverage             stack
	Cost, Hits                     chart
	Rows                           []row
	Never                          []string
	Slow                           []reason
}

type tile struct{ Value, Name string }

type reason struct{ Rule, Why string }

type row struct{ ID, Effect, Ns, Share, Worst, Hits, Index string }

func (r *Result) tiles() []tile {
	best := slices.MinFunc(r.Runs, func(a, b Run) int { return int(math.Copysign(1, a.NsPerOp()-b.NsPerOp())) })
	n := uint64(max(best.N, 1))
	return []tile{
		{duration(best.NsPerOp()), "a decision, on average"},
		{duration(float64(r.Quantile(0.5))), "half of them at most"},
		{duration(float64(r.Quantile(0.99))), "99 of 100 at most"},
		{fmt.Sprint(best.Allocs / n), "allocations a decision"},
		{fmt.Sprintf("%.0f", r.Cost), "counted cost, on average"},
		{fmt.Sprintf("%d of %d", r.Indexed(), len(r.Rules)), "rules indexed"},
	}
}

// duration writes nanoseconds with three digits that matter.
func duration(ns float64) string {
	unit := "ns"
	for _, u := range []string{"µs", "ms", "s"} {
		if ns < 1000 {
			break
		}
		ns, unit = ns/1000, u
	}
	switch {
	case ns < 10:
		return fmt.Sprintf("%.2f %s", ns, unit)
	case ns < 100:
		return fmt.Sprintf("%.1f %s", ns, unit)
	}
	return fmt.Sprintf("%.0f %s", ns, unit)
}

// rect is a bar in the coordinates of its drawing.
type rect struct {
	X, Y, W, H float64
	Title      string
	Class      string
}

type label struct {
	X, Y float64
	Text string
}

type histogram struct {
	Bars         []rect
	Ticks, Marks []label
	W, H, Base   float64
}

const (
	histWidth, histHeight, histBase = 800.0, 230.0, 200.0
	histBins                        = 48
)

// histogram has bins of equal ratio, from the fastest decision to what 995 of 1000
// keep to; what is beyond stands in the last one.
func (r *Result) histogram() histogram {
	h := histogram{W: histWidth, H: histHeight, Base: histBase}
	lo, hi := float64(max(r.Quantile(0), 1)), float64(r.Quantile(0.995))
	hi = max(hi, lo*1.5)
	ratio := math.Log(hi / lo)
	at := func(d float64) float64 { return math.Log(max(d, lo)/lo) / ratio }
	var counts [histBins]int
	for _, d := range r.Latency {
		counts[min(int(at(float64(d))*histBins), histBins-1)]++
	}
	top := float64(max(slices.Max(counts[:]), 1))
	const left, right, head = 10.0, 10.0, 34.0
	width := histWidth - left - right
	for i, n := range counts {
		height := float64(n) / top * (histBase - head)
		from, to := lo*math.Exp(ratio*float64(i)/histBins), lo*math.Exp(ratio*float64(i+1)/histBins)
		beyond := ""
		if i == histBins-1 {
			beyond = " and beyond"
		}
		h.Bars = append(h.Bars, rect{X: left + width*float64(i)/histBins + 0.75, Y: histBase - height, W: width/histBins - 1.5, H: height,
			Title: fmt.Sprintf("%s to %s%s: %d decisions", duration(from), duration(to), beyond, n)})
	}
	for i := range 7 {
		x := float64(i) / 6
		h.Ticks = append(h.Ticks, label{left + width*x, histBase + 22, duration(lo * math.Exp(ratio*x))})
	}
	for _, m := range []struct {
		q    float64
		name string
	}{{0.5, "half"}, {0.99, "99 %"}} {
		x := left + width*min(at(float64(r.Quantile(m.q))), 1)
		h.Marks = append(h.Marks, label{x, head - 12, m.name + ": " + duration(float64(r.Quantile(m.q)))})
	}
	return h
}

// stack is one bar that is cut into parts.
type stack struct {
	Parts  []rect
	Legend []legend
	W, H   float64
}

type legend struct{ Class, Text string }

func newStack(parts ...part) stack {
	s := stack{W: 800, H: 28}
	total, x := 0, 0.0
	for _, p := range parts {
		total += p.n
	}
	for _, p := range parts {
		text := fmt.Sprintf("%s: %d (%.1f %%)", p.name, p.n, 100*float64(p.n)/float64(max(total, 1)))
		s.Legend = append(s.Legend, legend{p.class, text})
		if w := s.W * float64(p.n) / float64(max(total, 1)); w > 0 {
			s.Parts = append(s.Parts, rect{X: x, W: max(w-1.5, 0.5), H: s.H, Title: text, Class: p.class})
			x += w
		}
	}
	return s
}

type part struct {
	name, class string
	n           int
}

func (r *Result) outcomeBar() stack {
	var parts []part
	for _, o := range []rules.Outcome{rules.Green, rules.Yellow, rules.Orange, rules.Red} {
		parts = append(parts, part{o.String(), o.String(), r.Outcomes[o]})
	}
	return newStack(parts...)
}

func (r *Result) coverageBar() stack {
	n := r.Indexed()
	return newStack(part{"indexed", "main", n}, part{"not indexed", "warn", len(r.Rules) - n})
}

// chart is horizontal bars with names on their left and values behind them.
type chart struct {
	Bars          []bar
	W, H, Name, X float64 // Name: where names end; X: where bars begin
	More          int     // rules that it leaves out
}

type bar struct {
	rect
	Text          string // the rule
	TextY, ValueX float64
	Value         string
}

func (r *Result) costChart() chart {
	return r.chart(r.Dearest(), func(rule *Rule) (float64, string, string) {
		return rule.Ns, duration(rule.Ns), fmt.Sprintf("%s: %s, %.1f %% of all rules", rule.ID, duration(rule.Ns), 100*rule.Share)
	})
}

func (r *Result) hitChart() chart {
	list := make([]int, len(r.Rules))
	for i := range list {
		list[i] = i
	}
	slices.SortStableFunc(list, func(a, b int) int { return r.Rules[b].Hits - r.Rules[a].Hits })
	return r.chart(list, func(rule *Rule) (float64, string, string) {
		return float64(rule.Hits), fmt.Sprint(rule.Hits), fmt.Sprintf("%s hits on %d of %d events", rule.ID, rule.Hits, r.Events)
	})
}

func (r *Result) chart(order []int, value func(*Rule) (v float64, text, title string)) chart {
	const line, textWidth = 22.0, 7.4
	c := chart{W: 800, More: max(0, len(order)-bars)}
	order = order[:min(len(order), bars)]
	longest := 8
	for _, i := range order {
		longest = max(longest, min(len([]rune(r.Rules[i].ID)), 36))
	}
	c.Name = float64(longest) * textWidth
	c.X = c.Name + 10
	top := 0.0
	for _, i := range order {
		v, _, _ := value(&r.Rules[i])
		top = max(top, v)
	}
	for k, i := range order {
		rule := &r.Rules[i]
		v, text, title := value(rule)
		w := 0.0
		if top > 0 {
			w = v / top * (c.W - c.X - 80)
		}
		y := float64(k) * line
		effect := rule.Effect.String()
		if rule.Shadow {
			effect = "shadow"
		}
		c.Bars = append(c.Bars, bar{rect{X: c.X, Y: y + 3, W: max(w, 1), H: line - 6, Title: title, Class: effect},
			term.Clip(rule.ID, 36), y + line/2 + 4.5, c.X + max(w, 1) + 6, text})
	}
	c.H = float64(len(order)) * line
	return c
}

func (r *Result) rows() []row {
	var rows []row
	for _, i := range r.Dearest() {
		rule := &r.Rules[i]
		index := "indexed"
		if !rule.Indexed {
			index = "not indexed"
		}
		effect := rule.Effect.String()
		if rule.Shadow {
			effect += " (shadow)"
		}
		rows = append(rows, row{rule.ID, effect, duration(rule.Ns), fmt.Sprintf("%.1f %%", 100*rule.Share),
			fmt.Sprint(rule.Worst), fmt.Sprint(rule.Hits), index})
	}
	return rows
}
