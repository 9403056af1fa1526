package rules

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/issuant/issuant/internal/strictjson"
)

// DecodeManifest reads the canonical form of a manifest (AppendCanonical) and
// checks everything that a pack's source is checked for but the conditions. Bytes
// that the decoded manifest would not be written as are refused, so that one
// manifest has one form. A schema equal to EventV1 is EventV1 itself.
func DecodeManifest(b []byte) (*Manifest, error) {
	d := &manifestDecoder{}
	m, err := d.source(b)
	if err != nil {
		return nil, err
	}
	d.check(m)
	if d.err != nil {
		return nil, d.err
	}
	return m, nil
}

// source reads the canonical form; its content is yet to be checked.
func (d *manifestDecoder) source(b []byte) (*Manifest, error) {
	v, err := strictjson.Parse(b, strictjson.Limits{MaxBytes: MaxManifestBytes, MaxValues: 8 << 20})
	if err != nil {
		return nil, fmt.Errorf("%w: its manifest is not JSON: %w", ErrDamaged, err)
	}
	if f, ok := v.Get("format"); ok {
		if n, isInt := f.Int64(); isInt && n != 1 {
			return nil, fmt.Errorf("%w: manifest %d", ErrVersion, n)
		}
	}
	m := d.manifest(v)
	if d.err != nil {
		return nil, d.err
	}
	if !bytes.Equal(m.AppendCanonical(nil), b) {
		return nil, fmt.Errorf("%w: its manifest is not in canonical form", ErrDamaged)
	}
	return m, nil
}

// decodeHead reads the manifest of format 2: source without rules, and the rules in
// binary form.
func decodeHead(head []byte, table string) (*Manifest, error) {
	d := &manifestDecoder{}
	m, err := d.source(head)
	if err != nil {
		return nil, err
	}
	if len(m.Rules) > 0 {
		return nil, fmt.Errorf("%w: rules stand in two places", ErrDamaged)
	}
	var ok bool
	if m.Rules, ok = readRules(table); !ok {
		return nil, fmt.Errorf("%w: its rules are malformed", ErrDamaged)
	}
	d.check(m)
	if d.err != nil {
		return nil, d.err
	}
	return m, nil
}

// manifestDecoder keeps the first error. Members that are missing or of a wrong
// kind read as zero values: the comparison with the canonical form finds them.
type manifestDecoder struct{ err error }

func (d *manifestDecoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...)
	}
}

func str(v strictjson.Value, name string) string {
	m, _ := v.Get(name)
	if m.Kind != strictjson.String {
		return ""
	}
	return m.Str
}

func integer(v strictjson.Value, name string) int64 {
	m, _ := v.Get(name)
	n, _ := m.Int64()
	return n
}

func boolean(v strictjson.Value, name string) bool {
	m, _ := v.Get(name)
	return m.Kind == strictjson.Bool && m.Bool
}

func items(v strictjson.Value, name string) []strictjson.Value {
	m, _ := v.Get(name)
	return m.Items
}

func texts(v strictjson.Value, name string) []string {
	var list []string
	for _, item := range items(v, name) {
		list = append(list, item.Str)
	}
	return list
}

// choice returns the index of a word.
func (d *manifestDecoder) choice(v strictjson.Value, name string, words []string) int {
	i := slices.Index(words, str(v, name))
	if i < 0 {
		d.fail("%s has an unknown value", name)
		return 0
	}
	return i
}

func (d *manifestDecoder) outcome(v strictjson.Value, name string) Outcome {
	return Outcome(d.choice(v, name, outcomeNames[:]))
}

func (d *manifestDecoder) manifest(v strictjson.Value) *Manifest {
	m := &Manifest{
		Name: str(v, "name"), Version: str(v, "version"), Schema: d.schema(v),
		Hit: HitPolicy(d.choice(v, "hit", hitNames[:])), Default: d.outcome(v, "default"), OnError: d.outcome(v, "on_error"),
		GreenRequires: texts(v, "green_requires"), StepUp: texts(v, "step_up"), TenuredDays: integer(v, "tenured_days"),
		NoStepUp: d.outcome(v, "no_step_up"), MaxCost: integer(v, "max_cost"), Owner: str(v, "owner"), Doc: str(v, "doc"),
	}
	for _, t := range items(v, "thresholds") {
		m.Thresholds = append(m.Thresholds, Threshold{From: integer(t, "from"), Outcome: d.outcome(t, "outcome")})
	}
	for _, s := range items(v, "sections") {
		m.Sections = append(m.Sections, Section{Name: str(s, "name"), When: str(s, "when"), NoStepUp: d.outcome(s, "no_step_up")})
	}
	for _, p := range items(v, "params") {
		m.Params = append(m.Params, d.param(p))
	}
	for _, l := range items(v, "lists") {
		m.Lists = append(m.Lists, ListDecl{Name: str(l, "name"), Doc: str(l, "doc")})
	}
	for _, r := range items(v, "rules") {
		m.Rules = append(m.Rules, d.rule(r))
	}
	return m
}

func (d *manifestDecoder) schema(v strictjson.Value) *Schema {
	sv, _ := v.Get("schema")
	var fields []Field
	for _, f := range items(sv, "fields") {
		fields = append(fields, Field{Name: str(f, "name"), Type: ParseType(str(f, "type")), Enum: texts(f, "enum"),
			Personal: boolean(f, "personal"), Label: boolean(f, "label")})
	}
	s, err := NewSchema(str(sv, "name"), int(integer(sv, "version")), fields)
	if err != nil {
		d.fail("its schema: %w", err)
		return EventV1()
	}
	if s.Equal(EventV1()) {
		return EventV1()
	}
	return s
}

func (d *manifestDecoder) param(v strictjson.Value) Param {
	p := Param{Name: str(v, "name"), Type: ParseType(str(v, "type")), Unit: str(v, "unit"), Doc: str(v, "doc")}
	if p.Type < String || p.Type > Bool {
		d.fail("a parameter has no valid type")
		return p
	}
	read := func(name string) any {
		mv, _ := v.Get(name)
		val, msg := fromJSON(p.Type, mv)
		if msg != "" {
			d.fail("a parameter's %s %s", name, msg)
		}
		return val
	}
	p.Value, p.Min, p.Max = read("value"), read("min"), read("max")
	if p.Value == nil {
		d.fail("a parameter has no value")
	}
	return p
}

func (d *manifestDecoder) rule(v strictjson.Value) Rule {
	req, _ := v.Get("require")
	r := Rule{
		ID: str(v, "id"), Version: str(v, "version"), Effect: Effect(d.choice(v, "effect", effectNames[:])),
		When: str(v, "when"), Weight: integer(v, "weight"), Reason: str(v, "reason"), ActionCode: str(v, "action_code"),
		OnMissing: OnMissing(d.choice(v, "on_missing", onMissingNames[:])), StepUp: texts(v, "step_up"),
		Require: Require{SCA: boolean(req, "sca"), Tenured: boolean(req, "tenured"), NoApp: boolean(req, "no_app")},
		Shadow:  boolean(v, "shadow"), Percent: int(integer(v, "percent")), Why: str(v, "why"), Say: str(v, "say"),
		Sources: texts(v, "sources"), Owner: str(v, "owner"), Since: str(v, "since"),
	}
	if until := str(v, "until"); until != "" {
		at, ok := ParseTime(until)
		if !ok {
			d.fail("a rule's until is not an instant")
		}
		r.Until = at
	}
	return r
}

// check refuses what no source compiles to.
func (d *manifestDecoder) check(m *Manifest) {
	switch {
	case m.OnError == Green:
		d.fail("on_error is green")
	case m.NoStepUp != Red:
		d.fail("no_step_up outside a section is not red")
	case m.MaxCost < 1 || m.MaxCost > MaxMaxCost:
		d.fail("max_cost is out of range")
	case m.TenuredDays < 0 || m.TenuredDays > 36500:
		d.fail("tenured_days is out of range")
	case (m.Hit == Score) != (len(m.Thresholds) > 0):
		d.fail("thresholds do not fit the hit policy")
	case len(m.Rules) == 0:
		d.fail("it has no rules")
	case len(m.Rules) > MaxRules || len(m.Sections) > MaxSections || len(m.Params) > MaxParams || len(m.Lists) > MaxLists:
		d.fail("max_rules, max_sections, max_params or max_lists: it has too many")
	}
	for i, t := range m.Thresholds {
		if t.Outcome == Green || t.From < 0 || i > 0 && (t.From <= m.Thresholds[i-1].From || !t.Outcome.Worse(m.Thresholds[i-1].Outcome)) {
			d.fail("thresholds are out of order")
		}
	}
	for _, s := range m.Sections {
		if s.NoStepUp != Red && s.NoStepUp != Green {
			d.fail("a section's no_step_up is neither red nor green")
		}
	}
	d.checkNames(m)
	ids := make(map[string]bool, len(m.Rules))
	for i := range m.Rules {
		r := &m.Rules[i]
		if !ValidRuleID(r.ID) || ids[r.ID] {
			d.fail("a rule's id is malformed or stands twice")
		}
		ids[r.ID] = true
		d.checkRule(m, r)
	}
}

func (d *manifestDecoder) checkNames(m *Manifest) {
	for i, p := range m.Params {
		if !validName(p.Name) || i > 0 && m.Params[i-1].Name >= p.Name {
			d.fail("params are malformed or out of order")
		}
		if !within(p) {
			d.fail("a parameter is out of its bounds")
		}
	}
	for i, l := range m.Lists {
		if !validName(l.Name) || i > 0 && m.Lists[i-1].Name >= l.Name {
			d.fail("lists are malformed or out of order")
		}
	}
	for _, name := range m.GreenRequires {
		if i, ok := m.Schema.Lookup(name); !ok || m.Schema.Field(i).Label {
			d.fail("green_requires names a field that rules cannot read")
		}
	}
	channels := slices.Clone(m.StepUp)
	for i := range m.Rules {
		channels = append(channels, m.Rules[i].StepUp...)
	}
	for _, c := range channels {
		if !slices.Contains([]string{"app", "sms", "email", "call"}, c) {
			d.fail("a step-up channel is not known")
		}
	}
}

// within reports whether a parameter keeps its bounds.
func within(p Param) bool {
	switch v := p.Value.(type) {
	case int64:
		lo, hasLo := p.Min.(int64)
		hi, hasHi := p.Max.(int64)
		return !(hasLo && v < lo) && !(hasHi && v > hi)
	case float64:
		lo, hasLo := p.Min.(float64)
		hi, hasHi := p.Max.(float64)
		return !(hasLo && v < lo) && !(hasHi && v > hi)
	}
	return p.Min == nil && p.Max == nil
}

func (d *manifestDecoder) checkRule(m *Manifest, r *Rule) {
	switch {
	case r.ID == "" || len(r.ID) > 64 || r.Reason == "":
		d.fail("a rule has no id or no reason")
	case r.Percent < 1 || r.Percent > 100:
		d.fail("a rule's percent is out of range")
	case r.Weight < 0 || r.Weight > 1_000_000 || r.Weight != 0 && r.Effect != EffectScore:
		d.fail("a rule's weight is out of range")
	case r.Effect == EffectScore && m.Hit != Score:
		d.fail("a rule scores in a pack that does not")
	case r.ActionCode != "" && (r.Effect != EffectRed || !slices.Contains([]string{"14", "54", "N7", "05"}, r.ActionCode)):
		d.fail("a rule's action code is not known")
	case !r.Until.IsZero() && !r.Shadow:
		d.fail("a rule has an end, but is no shadow rule")
	}
}
