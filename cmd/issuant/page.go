package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
)

// page prints decisions for a person.
type page struct {
	term.Style
	pack  *rules.Pack
	width int
}

// verdicts says in words what an outcome means for the request.
var verdicts = map[rules.Outcome]string{
	rules.Green: "approve", rules.Yellow: "step up", rules.Orange: "step up, tenured channels only", rules.Red: "decline",
}

// decision prints one decision over some lines, and an empty one at the end.
func (p page) decision(d *engine.Decision) string {
	var b strings.Builder
	p.verdict(&b, d)
	p.hits(&b, "rule", d.Rules)
	p.hits(&b, "shadow", d.Shadow)
	p.causes(&b, d)
	p.footer(&b, d)
	return b.String()
}

// verdict prints the outcome and the guards.
func (p page) verdict(b *strings.Builder, d *engine.Decision) {
	verdict := verdicts[d.Outcome]
	if d.SystemError {
		verdict = "system error: a step-up is due, but none is possible"
	}
	fmt.Fprintf(b, "%s  %s (action code %s)", p.Paint(strings.ToUpper(d.Outcome.String()), term.Outcome(d.Outcome.String())...), verdict, d.ActionCode)
	if d.EventID != "" {
		b.WriteString(p.Paint("  event ", term.Dim) + term.Safe(d.EventID))
	}
	b.WriteByte('\n')
	for _, g := range d.Guards {
		p.line(b, "guard", p.Paint(g.Outcome.String(), term.Outcome(g.Outcome.String())...)+"  "+term.Safe(g.Code), "")
	}
}

// footer prints what to offer, and what decided.
func (p page) footer(b *strings.Builder, d *engine.Decision) {
	if len(d.StepUp) > 0 {
		p.line(b, "offer", strings.Join(d.StepUp, ", ")+requireText(d.Require), "")
	}
	p.line(b, "pack", p.Paint(fmt.Sprintf("%s %s (%.12s), cost %d", d.PackName, d.PackVersion, d.PackID, d.Cost), term.Dim), "")
	b.WriteByte('\n')
}

func requireText(r rules.Require) string {
	var list []string
	for _, x := range []struct {
		on   bool
		text string
	}{{r.SCA, "strong authentication"}, {r.Tenured, "tenured channels"}, {r.NoApp, "not the app"}} {
		if x.on {
			list = append(list, x.text)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return " (" + strings.Join(list, ", ") + ")"
}

// causes prints what gave the outcome its colour beside guards and rules.
func (p page) causes(b *strings.Builder, d *engine.Decision) {
	if d.Floor.Worse(rules.Green) {
		p.line(b, "floor", p.Paint(d.Floor.String(), term.Outcome(d.Floor.String())...)+"  the wallet's recommendation", "")
	}
	for _, g := range d.Degraded {
		text := g.Code
		if g.Rule != "" {
			text += " in " + g.Rule
		}
		p.line(b, "error", text, "")
	}
	p.list(b, "absent", "needed for green: ", d.MissingFacts)
	p.list(b, "unjudged", "red rules whose facts are absent: ", d.Unjudged)
	if d.Section != "" {
		p.line(b, "section", term.Safe(d.Section), "")
	}
	if d.Score != 0 {
		p.line(b, "score", fmt.Sprint(d.Score), "")
	}
}

// hits prints the worst first.
func (p page) hits(b *strings.Builder, label string, hits []engine.RuleHit) {
	hits = slices.Clone(hits)
	slices.SortStableFunc(hits, func(x, y engine.RuleHit) int { return int(x.Effect) - int(y.Effect) })
	for _, h := range hits {
		head := p.Paint(h.Effect.String(), term.Outcome(h.Effect.String())...) + "  " + h.ID
		if h.Weight != 0 {
			head += fmt.Sprintf("  +%d", h.Weight)
		}
		if h.Missing {
			head += p.Paint("  a fact is absent", term.Dim)
		}
		why := ""
		if r := p.rule(h.ID); r != nil {
			why = r.Why
		}
		p.line(b, label, head, why)
	}
}

const labelWidth = 10

// line prints a label, its text, and a sentence wrapped under it.
func (p page) line(b *strings.Builder, label, text, sentence string) {
	fmt.Fprintf(b, "  %s%s\n", p.Paint(term.Pad(label, labelWidth), term.Dim), text)
	if sentence == "" {
		return
	}
	for _, l := range term.Wrap(term.Safe(sentence), p.width-labelWidth-4) {
		fmt.Fprintf(b, "  %s  %s\n", strings.Repeat(" ", labelWidth), l)
	}
}

func (p page) list(b *strings.Builder, label, intro string, items []string) {
	if len(items) == 0 {
		return
	}
	for i, l := range term.Wrap(intro+strings.Join(items, ", "), p.width-labelWidth-2) {
		if i > 0 {
			label = ""
		}
		p.line(b, label, l, "")
	}
}

func (p page) rule(id string) *rules.Rule {
	man := p.pack.Manifest()
	for i := range man.Rules {
		if man.Rules[i].ID == id {
			return &man.Rules[i]
		}
	}
	return nil
}
