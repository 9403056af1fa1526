// Package compiletest makes packs, conditions and events at random, from a seed:
// for tests of everything that compiles or runs packs. Every condition that it
// makes compiles; together they reach every operator and function of the language.
package compiletest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing/fstest"
	"time"

	"github.com/issuant/issuant/rules"
)

// Now is the instant to judge generated packs at: some entries of their list are
// expired by then.
var Now = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// Gen makes things from a seed. It is not safe for concurrent use.
type Gen struct{ r *rand.Rand }

// New returns a Gen; equal seeds give equal things.
func New(seed uint64) *Gen { return &Gen{rand.New(rand.NewPCG(seed, 0x155a47))} }

var fields = []rules.Field{
	{Name: "id", Type: rules.String},
	{Name: "at", Type: rules.Time},
	{Name: "n.a", Type: rules.Int}, {Name: "n.b", Type: rules.Int}, {Name: "n.c", Type: rules.Int},
	{Name: "f.a", Type: rules.Float}, {Name: "f.b", Type: rules.Float},
	{Name: "s.a", Type: rules.String}, {Name: "s.b", Type: rules.String, Enum: []string{"x", "y", "ü"}},
	{Name: "b.a", Type: rules.Bool}, {Name: "b.b", Type: rules.Bool},
	{Name: "t.a", Type: rules.Time},
	{Name: "l.a", Type: rules.Strings}, {Name: "l.b", Type: rules.Strings},
}

// Schema returns the schema of generated packs and events: two or three fields of
// each type, so that fields meet in conditions.
func Schema() *rules.Schema {
	s, err := rules.NewSchema("generated", 1, fields)
	if err != nil {
		panic(err)
	}
	return s
}

const params = `
params:
  five: {value: 5, min: 0, max: 10}
  half: {value: 0.5}
  word: {value: x}
  yes: {value: true}
lists: {deny: {file: lists/deny.csv}}
`

// Files returns a pack without rules: pack.yaml, to which extra is appended, and
// its list. It names the schema generated/v1: compile it with Schema among the options.
func Files(extra string) fstest.MapFS {
	return fstest.MapFS{
		"pack.yaml":      {Data: []byte("name: generated\nversion: '1'\nschema: generated/v1\n" + params + extra)},
		"lists/deny.csv": {Data: []byte("value,expires,note\nx,,\ny,2026-11-01,\n\u00fc,2027-01-01,\n")},
	}
}

// Pack returns a pack of n rules under the hit policy: effects, on_missing, requirements and
// weights vary. Its default is green, the best place for a decision to go wrong.
func (g *Gen) Pack(n int, hit string) fstest.MapFS {
	extra := "hit: " + hit + "\ndefault: green\non_error: " + pick(g, "yellow", "orange", "red") + "\n"
	if hit == "score" {
		extra += "thresholds: {yellow: 20, orange: 50, red: 80}\n"
	}
	if g.r.IntN(2) == 0 {
		extra += "green_requires: [" + pick(g, "n.a", "s.a", "b.a") + "]\n"
	}
	files := Files(extra)
	var b strings.Builder
	for i := range n {
		effect := pick(g, "green", "yellow", "orange", "red", "tag")
		if hit == "score" && g.r.IntN(2) == 0 {
			effect = "score\n  weight: " + strconv.Itoa(g.r.IntN(60))
		}
		fmt.Fprintf(&b, "- id: R%d\n  effect: %s\n  why: generated\n  on_missing: %s\n  when: %s\n", i, effect,
			pick(g, "skip", "skip", "hit", "error"), strconv.Quote(g.Condition(3)))
	}
	files["rules/rules.yaml"] = &fstest.MapFile{Data: []byte(b.String())}
	return files
}

// Facts returns the facts of an event; each is absent about one time in three.
func (g *Gen) Facts(s *rules.Schema) *rules.Facts {
	f := rules.NewFacts(s)
	for i := range s.Len() {
		if g.r.IntN(3) == 0 {
			continue
		}
		if err := f.Set(s.Field(i).Name, g.value(s.Field(i).Type)); err != nil {
			panic(err)
		}
	}
	return f
}

func (g *Gen) value(t rules.Type) any {
	switch t {
	case rules.Int:
		return g.int()
	case rules.Float:
		return g.float()
	case rules.Bool:
		return g.r.IntN(2) == 0
	case rules.Time:
		return Now.Add(time.Duration(g.r.IntN(400000)-200000) * time.Second / time.Duration(1+g.r.IntN(3)))
	case rules.Strings:
		list := []string{}
		for range g.r.IntN(4) {
			list = append(list, g.str())
		}
		return list
	}
	return g.str()
}

func pick[T any](g *Gen, of ...T) T { return of[g.r.IntN(len(of))] }

func (g *Gen) int() int64 {
	return pick(g, 0, 1, 2, 3, 5, -1, -7, 1<<53, 1<<53+1, math.MaxInt64, math.MinInt64, g.r.Int64N(100)-50)
}

func (g *Gen) float() float64 {
	return pick(g, 0, 0.5, 1, 2.5, -3, 1<<53, 9.223372036854775807e18, math.MaxFloat64, 5e-324, float64(g.r.IntN(100))/8)
}

func (g *Gen) str() string {
	return pick(g, "", "x", "y", "X", "ü", "xy", " x ", "日本", "e\u0301", "long text with x")
}

// Condition returns a condition whose operators nest up to depth deep.
func (g *Gen) Condition(depth int) string { return g.bool(depth, "") }

// bool and its like return an expression of a type; item is the type of # ("" outside loops).
func (g *Gen) bool(d int, item string) string {
	if d <= 0 {
		return pick(g, "b.a", "b.b", "true", "false", `param("yes")`, "has("+pick(g, "n.a", "s.a", "l.a", "b.a", "t.a", "f.a")+")")
	}
	sub := func() string { return g.bool(d-1, item) }
	switch g.r.IntN(20) {
	case 0, 1, 2:
		return "(" + sub() + pick(g, " and ", " && ") + sub() + ")"
	case 3, 4, 5:
		return "(" + sub() + pick(g, " or ", " || ") + sub() + ")"
	case 6:
		return pick(g, "not (", "!(") + sub() + ")"
	case 7:
		return "(" + sub() + " ? " + sub() + " : " + sub() + ")"
	case 8:
		return "(" + sub() + " ?? " + sub() + ")"
	case 9, 10, 11:
		return "(" + g.number(d-1, item) + g.comparison() + g.number(d-1, item) + ")"
	case 12:
		return "(" + g.text(d-1, item) + g.comparison() + g.text(d-1, item) + ")"
	case 13:
		return "(" + g.time(d-1, item) + g.comparison() + g.time(d-1, item) + ")"
	case 14:
		return "(" + g.text(d-1, item) + pick(g, " contains ", " startsWith ", " endsWith ") + g.text(d-1, item) + ")"
	case 15:
		return "(" + g.text(d-1, item) + " matches " + pick(g, `"x"`, `"^x?$"`, `"[xyü]+"`, "`\\\\s`") + ")"
	case 16, 17:
		return "(" + g.membership(d, item) + ")"
	case 18:
		return "(" + sub() + pick(g, " == ", " != ") + sub() + ")"
	}
	return g.loop(pick(g, "any", "all", "none"), d, item)
}

func (g *Gen) comparison() string { return pick(g, " == ", " != ", " < ", " <= ", " > ", " >= ") }

func (g *Gen) membership(d int, item string) string {
	in := pick(g, " in ", " not in ")
	switch g.r.IntN(5) {
	case 0:
		return g.number(d-1, item) + in + pick(g, "[1, 2, 3]", "[0, 0.5, 9007199254740993]", "[-1, 2.5]")
	case 1:
		return g.integer(d-1, item) + in + pick(g, "0..5", "-7..3", "5..5", `param("five")..9`)
	case 2:
		return g.text(d-1, item) + in + g.list()
	case 3:
		return g.text(d-1, item) + in + `list("deny")`
	}
	return g.text(d-1, item) + in + pick(g, `["x"]`, `["x", "ü", "日本"]`, `[param("word"), ""]`)
}

func (g *Gen) list() string {
	return pick(g, "l.a", "l.b", "(l.a ?? l.b)", "(b.a ? l.a : l.b)")
}

func (g *Gen) loop(name string, d int, item string) string {
	switch g.r.IntN(4) {
	case 0:
		return name + "([1, 2, -3], " + g.bool(d-1, "int") + ")"
	case 1:
		return name + "([0.5, 2], " + g.bool(d-1, "float") + ")"
	}
	return name + "(" + g.list() + ", " + g.bool(d-1, "string") + ")"
}

func (g *Gen) number(d int, item string) string {
	if g.r.IntN(2) == 0 {
		return g.integer(d, item)
	}
	return g.fraction(d, item)
}

func (g *Gen) intLiteral() string {
	return pick(g, "0", "1", "2", "5", "-7", "9007199254740993", "9223372036854775807", "0x10", "1_000")
}

func (g *Gen) integer(d int, item string) string {
	if d <= 0 {
		if item == "int" && g.r.IntN(2) == 0 {
			return "#"
		}
		return pick(g, "n.a", "n.b", "n.c", g.intLiteral(), `param("five")`, "len(l.a)", "len(s.a)")
	}
	sub := func() string { return g.integer(d-1, item) }
	switch g.r.IntN(12) {
	case 0, 1, 2:
		return "(" + sub() + pick(g, " + ", " - ", " * ") + sub() + ")"
	case 3:
		return "(" + sub() + " % " + sub() + ")"
	case 4:
		return "(-" + sub() + ")"
	case 5:
		return "(" + sub() + " ?? " + sub() + ")"
	case 6:
		return "(" + g.bool(d-1, item) + " ? " + sub() + " : " + sub() + ")"
	case 7:
		return pick(g, "abs(", "int(") + sub() + ")"
	case 8:
		return pick(g, "min(", "max(") + sub() + ", " + sub() + ", " + sub() + ")"
	case 9:
		return "int(" + g.fraction(d-1, item) + ")"
	case 10:
		return pick(g, "("+g.time(d-1, item)+" - "+g.time(d-1, item)+")", "hour("+g.time(d-1, item)+")", "weekday("+g.time(d-1, item)+")", "len("+g.text(d-1, item)+")")
	}
	return g.loop("count", d, item)
}

func (g *Gen) fraction(d int, item string) string {
	if d <= 0 {
		if item == "float" && g.r.IntN(2) == 0 {
			return "#"
		}
		return pick(g, "f.a", "f.b", "0.5", "2.0", "-1.5", "1e308", "9007199254740992.0", `param("half")`)
	}
	switch g.r.IntN(7) {
	case 0, 1:
		return "(" + g.number(d-1, item) + " / " + g.number(d-1, item) + ")"
	case 2, 3:
		return "(" + g.fraction(d-1, item) + pick(g, " + ", " - ", " * ") + g.number(d-1, item) + ")"
	case 4:
		return "(" + g.fraction(d-1, item) + " ?? " + g.number(d-1, item) + ")"
	case 5:
		return pick(g, "min(", "max(") + g.number(d-1, item) + ", " + g.fraction(d-1, item) + ")"
	}
	return pick(g, "float(", "abs(") + g.fraction(d-1, item) + ")"
}

func (g *Gen) text(d int, item string) string {
	if d <= 0 {
		if item == "string" && g.r.IntN(2) == 0 {
			return "#"
		}
		return pick(g, "s.a", "s.b", `"x"`, `"ü"`, `""`, `param("word")`)
	}
	switch g.r.IntN(5) {
	case 0:
		return "(" + g.text(d-1, item) + " + " + g.text(d-1, item) + ")"
	case 1:
		return pick(g, "lower(", "upper(", "trim(") + g.text(d-1, item) + ")"
	case 2:
		return "(" + g.text(d-1, item) + " ?? " + g.text(d-1, item) + ")"
	case 3:
		return "string(" + pick(g, g.integer(d-1, item), g.bool(d-1, item), g.text(d-1, item)) + ")"
	}
	return "(" + g.bool(d-1, item) + " ? " + g.text(d-1, item) + " : " + g.text(d-1, item) + ")"
}

func (g *Gen) time(d int, item string) string {
	if d <= 0 {
		return pick(g, "t.a", "at", `time("2026-11-23T10:00:00Z")`, `time("1969-12-31T23:59:59.5+02:00")`)
	}
	return pick(g, "("+g.time(d-1, item)+" ?? "+g.time(d-1, item)+")", "("+g.bool(d-1, item)+" ? "+g.time(d-1, item)+" : "+g.time(d-1, item)+")", g.time(0, item))
}
