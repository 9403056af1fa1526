package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

type explainFlags struct {
	whatIf   []string
	all      bool
	hits     bool
	decision string
	history  string

	recordSource
	identity string
	given    func(flag string) bool // on the command line
}

func (a *app) explainCmd() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Explain a decision: what hit, what nearly did, what would change it",
		Long: `Explain the decision on one event: the rules that hit with the facts that decided,
the rules that missed by a single comparison, and the smallest changes of one fact that
change the outcome, each proven by deciding again. Personal facts are masked.

--what-if FIELD=VALUE decides on the event with that change as well; null makes a
fact absent, a list is written a,b or ["a","b"].

--decision ID takes a decision from the records of serve, or from a journal, opens the
event that was sealed with it, and decides again as of then. It needs the auditor's key
file, and the pack with the lists that decided; when anything comes out otherwise than
recorded, it says so and ends with exit code 1.`,
		Example: `  issuant explain -i event.json
  issuant explain -i event.json --what-if wallet.device_score=4 --what-if device.ip_kind=null
  issuant explain --decision 5c1f... --identity auditor.key --pack packs/2026-11`,
	}
	onLine := map[string]bool{}
	cmd.PreRun = func(cmd *cobra.Command, _ []string) { // before the configuration fills flags
		cmd.Flags().Visit(func(fl *pflag.Flag) { onLine[fl.Name] = true })
	}
	f.given = func(flag string) bool { return onLine[flag] }
	cmd.RunE = func(*cobra.Command, []string) error { return a.explain(&f) }
	a.inputFlag(cmd, "event")
	a.packFlag(cmd)
	a.nowFlag(cmd)
	cmd.Flags().StringArrayVar(&f.whatIf, "what-if", nil, "change a fact: `FIELD=VALUE`; may stand several times")
	cmd.Flags().BoolVar(&f.all, "all", false, "show every near miss and every rule without verdict in full")
	cmd.Flags().BoolVar(&f.hits, "hits", false, "tell of the rules that hit only: no near misses, no flips, a thousandth of the time")
	cmd.Flags().StringVar(&f.history, "history", "", "earlier events, one a line: a `FILE`")
	cmd.Flags().StringVar(&f.decision, "decision", "", "explain the recorded decision of this `ID`: of the decision or event, or the record's number")
	cmd.Flags().StringVar(&f.identity, "identity", "", "with --decision: the auditor's key `FILE`, as age-keygen makes it")
	f.flags(cmd.Flags())
	return a.verb(cmd, "pretty", "json")
}

func (a *app) explain(f *explainFlags) error {
	if f.hits && (f.all || f.decision != "") {
		return usage("explain: --hits tells of the rules that hit an event, and no more; leave out --all and --decision")
	}
	if f.decision != "" {
		return a.explainDecision(f)
	}
	for _, name := range []string{"identity", "journal"} {
		if f.given(name) {
			return usage("explain: --%s goes with --decision", name)
		}
	}
	name, now, eng, err := a.decider()
	if err != nil {
		return err
	}
	pack := eng.Pack()
	changes, err := parseChanges(pack.Schema(), f.whatIf)
	if err != nil {
		return err
	}
	ev, err := a.readEvent(name, pack.Schema())
	if err != nil {
		return err
	}
	if f.history != "" {
		window, err := a.loadHistory(f.history, pack.Schema())
		if err != nil {
			return err
		}
		fillVelocity(window, ev, now)
	}
	return a.printExplanation(f, eng, ev, changes, now, false)
}

// readEvent reads one event.
func (a *app) readEvent(name string, schema *rules.Schema) (*engine.Event, error) {
	data, err := a.readInput(name, engine.MaxEventBytes)
	if err != nil {
		return nil, err
	}
	ev, err := engine.ParseEvent(schema, data)
	if err != nil {
		return nil, fail(exitInput, "%w", placed(inputName(name), data, 0, hintStream(data, err)))
	}
	return ev, nil
}

// whatIf is one change of a fact; a nil value makes it absent.
type whatIf struct {
	field rules.Field
	value any
}

func parseChanges(s *rules.Schema, args []string) ([]whatIf, error) {
	var list []whatIf
	for _, arg := range args {
		name, text, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, usage("--what-if %q is not FIELD=VALUE", arg)
		}
		i, known := s.Lookup(name)
		if !known {
			hint := ""
			if near := rules.Nearest(name, s.Names()); near != "" {
				hint = fmt.Sprintf(", did you mean %q?", near)
			}
			return nil, usage("--what-if: unknown field %q%s", name, hint)
		}
		value, err := parseFact(s.Field(i), text)
		if err == nil && value != nil {
			err = rules.NewFacts(s).Set(name, value)
		}
		if err != nil {
			return nil, usage("--what-if %s: %w", name, err)
		}
		list = append(list, whatIf{s.Field(i), value})
	}
	return list, nil
}

// parseFact reads a value of a field's type from the command line.
func parseFact(f rules.Field, text string) (any, error) {
	if text == "null" {
		return nil, nil
	}
	switch f.Type {
	case rules.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not an integer of 64 bits", text)
		}
		return n, nil
	case rules.Float:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number", text)
		}
		return x, nil
	case rules.Bool:
		if text != "true" && text != "false" {
			return nil, fmt.Errorf("%q is neither true nor false", text)
		}
		return text == "true", nil
	case rules.Time:
		t, err := parseTime(text)
		if err != nil {
			return nil, err
		}
		return t, nil
	case rules.Strings:
		return parseStrings(text)
	}
	if strings.HasPrefix(text, `"`) {
		v, err := strictjson.Parse([]byte(text), strictjson.Limits{})
		if err != nil || v.Kind != strictjson.String {
			return nil, fmt.Errorf("%q is not a string", text)
		}
		return v.Str, nil
	}
	return text, nil
}

func parseStrings(text string) (any, error) {
	if text == "" {
		return []string{}, nil
	}
	if !strings.HasPrefix(text, "[") {
		return strings.Split(text, ","), nil
	}
	v, err := strictjson.Parse([]byte(text), strictjson.Limits{})
	if err != nil {
		return nil, fmt.Errorf("%q is not a list", text)
	}
	list := []string{}
	for _, item := range v.Items {
		if item.Kind != strictjson.String {
			return nil, fmt.Errorf("%q is not a list of strings", text)
		}
		list = append(list, item.Str)
	}
	return list, nil
}

func (a *app) printExplanation(f *explainFlags, eng *engine.Engine, ev *engine.Event, changes []whatIf, now time.Time, late bool) error {
	decide, explain := eng.Decide, eng.Explain
	if late {
		decide, explain = eng.DecideLate, eng.ExplainLate
	}
	changed := ev.Clone()
	for _, c := range changes {
		if c.value == nil {
			changed.Unset(c.field.Name)
		} else if err := changed.Set(c.field.Name, c.value); err != nil {
			return usage("--what-if: %w", err)
		}
	}
	if f.hits {
		explain = func(ev *engine.Event, now time.Time) *engine.Explanation {
			d, hits := eng.ExplainHits(ev, now)
			return &engine.Explanation{Decision: d, Hits: hits, Evaluations: 1}
		}
	}
	x := explain(changed, now)
	if a.format == "json" {
		out := x.AppendJSON(nil)
		if len(changes) > 0 {
			out = whatIfJSON(decide(ev, now), ev, changes, out)
		}
		_, err := a.out.Write(append(out, '\n'))
		return err
	}
	p := page{Style: a.style(), pack: eng.Pack(), width: a.columns()}
	var b strings.Builder
	if len(changes) > 0 {
		p.before(&b, decide(ev, now), ev, changes)
	}
	p.verdict(&b, x.Decision)
	p.causes(&b, x.Decision)
	p.footer(&b, x.Decision)
	if f.hits {
		p.stories(&b, "What hit", x.Hits, len(x.Hits))
	} else {
		p.explanation(&b, x, f.all)
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

func whatIfJSON(before *engine.Decision, ev *engine.Event, changes []whatIf, after []byte) []byte {
	w := canon.NewWriter(nil).Object().Key("what_if").Array()
	for _, c := range changes {
		w.Object().Key("field").String(c.field.Name).Key("from")
		if v := ev.Get(c.field.Name); v != nil && c.field.Personal {
			w.Null().Key("masked").Bool(true)
		} else {
			rules.AppendValue(w, v)
		}
		w.Key("to")
		rules.AppendValue(w, c.value)
		w.EndObject()
	}
	w.EndArray().Key("before").Raw(before.AppendJSON(nil)).Key("after").Raw(after)
	return w.EndObject().Bytes()
}

// before prints what was decided without the changes.
func (p page) before(b *strings.Builder, d *engine.Decision, ev *engine.Event, changes []whatIf) {
	fmt.Fprintf(b, "As it is: %s (action code %s). What if\n", p.Paint(d.Outcome.String(), term.Outcome(d.Outcome.String())...), d.ActionCode)
	for _, c := range changes {
		from := valueText(ev.Get(c.field.Name))
		if c.field.Personal && ev.Has(c.field.Name) {
			from = "(masked)"
		}
		fmt.Fprintf(b, "  %s: %s → %s\n", c.field.Name, from, valueText(c.value))
	}
	b.WriteByte('\n')
}

// valueText is a fact for a person; nil is absent.
func valueText(v any) string {
	if v == nil {
		return "absent"
	}
	w := canon.NewWriter(nil)
	rules.AppendValue(w, v)
	return term.Safe(string(w.Bytes()))
}

const fewMisses = 5

// explanation prints what stands behind a decision.
func (p page) explanation(b *strings.Builder, x *engine.Explanation, all bool) {
	hits := slices.Clone(x.Hits)
	slices.SortStableFunc(hits, func(x, y engine.RuleStory) int { return int(x.Effect) - int(y.Effect) })
	p.stories(b, "What hit", hits, len(hits))
	shown := len(x.NearMisses)
	if !all {
		shown = min(shown, fewMisses)
	}
	p.stories(b, "What missed by one comparison", x.NearMisses, shown)
	if all {
		p.stories(b, "What could not be judged", x.Unjudged, len(x.Unjudged))
	} else if len(x.Unjudged) > 0 {
		ids := []string{}
		for _, s := range x.Unjudged {
			ids = append(ids, s.ID)
		}
		p.title(b, "What could not be judged")
		for _, l := range term.Wrap(strings.Join(ids, ", "), p.width-2) {
			fmt.Fprintf(b, "  %s\n", l)
		}
		b.WriteByte('\n')
	}
	p.flips(b, x)
}

func (p page) title(b *strings.Builder, text string) {
	fmt.Fprintln(b, p.Paint(text, term.Bold, term.Cyan))
}

func (p page) stories(b *strings.Builder, title string, list []engine.RuleStory, shown int) {
	if len(list) == 0 {
		return
	}
	p.title(b, title)
	for i := range list[:shown] {
		p.story(b, &list[i])
	}
	if more := len(list) - shown; more > 0 {
		fmt.Fprintf(b, "  %s\n", p.Paint(fmt.Sprintf("and %d more (--all)", more), term.Dim))
	}
	b.WriteByte('\n')
}

func (p page) story(b *strings.Builder, s *engine.RuleStory) {
	head := fmt.Sprintf("  %s  %s", p.Paint(s.Effect.String(), term.Outcome(s.Effect.String())...), p.Paint(s.ID, term.Bold))
	if s.Shadow {
		head += p.Paint("  shadow: without effect", term.Dim)
	}
	if s.Code != "" {
		head += p.Paint("  error: "+s.Code, term.Red)
	}
	fmt.Fprintln(b, head)
	p.sentence(b, "why", s.Why)
	p.sentence(b, "say", s.Say)
	for _, l := range s.Leaves {
		p.leaf(b, &l)
	}
}

func (p page) sentence(b *strings.Builder, label, text string) {
	if text == "" {
		return
	}
	for i, l := range term.Wrap(term.Safe(text), p.width-10) {
		if i > 0 {
			label = "   "
		}
		fmt.Fprintf(b, "    %s  %s\n", p.Paint(label, term.Dim), l)
	}
}

func (p page) leaf(b *strings.Builder, l *engine.LeafStory) {
	mark := map[rules.Truth]string{
		rules.True: p.Paint("✓", term.Green), rules.False: p.Paint("✗", term.Red),
		rules.Unknown: p.Paint("?", term.Yellow), rules.Error: p.Paint("!", term.Red),
	}[l.Truth]
	var facts []string
	for _, f := range l.Facts {
		text := valueText(f.Value)
		if f.Masked {
			text = "(masked)"
		}
		facts = append(facts, f.Field+" = "+text)
	}
	text := strings.Join(strings.Fields(term.Safe(l.Text)), " ")
	joined := strings.Join(facts, ", ")
	if l.Code != "" {
		joined += "  (" + l.Code + ")"
	}
	if term.Width(text)+term.Width(joined)+10 <= p.width {
		fmt.Fprintf(b, "    %s    %s  %s\n", mark, text, p.Paint(joined, term.Dim))
		return
	}
	for i, line := range term.Wrap(text, p.width-9) {
		if i > 0 {
			mark = " "
		}
		fmt.Fprintf(b, "    %s    %s\n", mark, line)
	}
	for _, line := range term.Wrap(joined, p.width-11) {
		fmt.Fprintf(b, "           %s\n", p.Paint(line, term.Dim))
	}
}

func (p page) flips(b *strings.Builder, x *engine.Explanation) {
	p.title(b, "What would change the outcome")
	if len(x.Flips) == 0 {
		fmt.Fprintf(b, "  no change of one fact (%d tried)\n", x.Evaluations)
	}
	for _, f := range x.Flips {
		from, to := valueText(f.From.Value), valueText(f.To.Value)
		if f.From.Masked {
			from = "(masked)"
		}
		if f.To.Masked {
			to = "(masked)"
		}
		fmt.Fprintf(b, "  %s  %s: %s → %s\n", p.Paint(term.Pad(f.Outcome.String(), 6), term.Outcome(f.Outcome.String())...), f.Field, from, to)
	}
	if !x.Complete {
		fmt.Fprintf(b, "  %s\n", p.Paint("the search stopped at its bound", term.Dim))
	}
}
