package compile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/rules"
)

var ruleKeys = []string{"id", "effect", "when", "reason", "weight", "action_code", "on_missing", "step_up", "require",
	"shadow", "percent", "why", "say", "source", "owner", "since", "version", "params"}

// clause is a condition with the place where it was written.
type clause struct {
	r      *reader
	node   *yaml.Node // nil after a diagnostic
	rule   string
	params []string // declared by the rule
	paramN *yaml.Node
}

// readRules reads rules/*.yaml in the order of their names.
func (c *packCompiler) readRules() {
	files := c.files("rules", ".yaml")
	if len(files) == 0 {
		c.add(newSource("rules", ""), span{}, "R0102", "", "the pack has no rules: there is no rules/*.yaml", "")
	}
	for _, name := range files {
		src, ok := c.read(name, MaxFileBytes, "max_file_bytes")
		if !ok {
			continue
		}
		r := &reader{sink: c.sink, src: src}
		root := r.parse()
		if root == nil {
			continue
		}
		items, ok := r.items(root, "a rule file")
		if ok && len(items) == 0 {
			r.fail(root, "R0102", "the file has no rules", "")
		}
		for _, item := range items {
			if len(c.m.Rules) >= MaxRules {
				r.fail(item, "R0112", fmt.Sprintf("max_rules: the pack has more than %d rules", MaxRules), "")
				return
			}
			c.readRule(r, item)
		}
	}
}

func (c *packCompiler) readRule(r *reader, n *yaml.Node) {
	rule := rules.Rule{OnMissing: c.onMissing, Percent: 100, Version: "1", File: r.src.name, Line: n.Line}
	r.rule = idOf(n)
	defer func() { r.rule = "" }()
	members, ok := r.members(n, "a rule", ruleKeys)
	if !ok {
		return
	}
	cl := clause{r: r, rule: r.rule}
	have := map[string]*yaml.Node{}
	for _, mb := range members {
		have[mb.name] = mb.val
		c.ruleKey(r, &rule, &cl, mb)
	}
	for _, key := range []string{"id", "effect", "when", "why"} {
		if have[key] == nil {
			r.fail(n, "R0111", "the rule has no "+key, missingHints[key])
		}
	}
	if rule.Reason == "" {
		rule.Reason = strings.ToUpper(rule.ID)
	}
	c.checkEffect(r, &rule, have)
	c.m.Rules = append(c.m.Rules, rule)
	c.ruleSrc = append(c.ruleSrc, cl)
}

var missingHints = map[string]string{
	"why":    "write a sentence for the agent who must explain the decision",
	"effect": "write effect: red, orange, yellow, green, score or tag",
	"when":   "write the condition under which the rule hits",
}

// idOf finds the rule's id before the rule is read, for its diagnostics.
func idOf(n *yaml.Node) string {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "id" && n.Content[i+1].Kind == yaml.ScalarNode && rules.ValidRuleID(n.Content[i+1].Value) {
				return n.Content[i+1].Value
			}
		}
	}
	return ""
}

func validReason(s string) bool {
	return rules.ValidRuleID(s) && strings.ToUpper(s) == s
}

func (c *packCompiler) ruleKey(r *reader, rule *rules.Rule, cl *clause, mb member) {
	n := mb.val
	switch mb.name {
	case "id":
		c.ruleID(r, rule, n)
	case "effect":
		if w, ok := r.word(n, "R0303", "effect", "red", "orange", "yellow", "green", "score", "tag"); ok {
			rule.Effect = rules.Effect(slices.Index([]string{"red", "orange", "yellow", "green", "score", "tag"}, w))
		}
	case "when":
		rule.When, cl.node = r.condition(n)
	case "reason":
		if s, ok := r.text(n, "reason"); ok {
			if rule.Reason = s; !validReason(s) {
				r.fail(n, "R0308", "a reason is upper-case letters, digits and _, at most 64", "as in MANUAL_ENTRY")
			}
		}
	case "weight":
		rule.Weight, _ = r.integer(n, "weight", 0, 1_000_000)
	case "action_code":
		c.actionCode(r, rule, n)
	case "on_missing":
		rule.OnMissing = r.onMissing(n)
	case "step_up":
		rule.StepUp = r.channels(n)
	case "require":
		rule.Require = r.require(n)
	case "shadow":
		rule.Shadow, rule.Until = r.shadow(n)
	case "percent":
		if v, ok := r.integer(n, "percent", 1, 100); ok {
			rule.Percent = int(v)
		}
	case "source":
		rule.Sources = r.texts(n, "source")
	case "since":
		c.since(r, rule, n)
	case "params":
		cl.params, cl.paramN = append([]string{}, r.texts(n, "params")...), n
	default:
		r.ruleText(rule, mb.name, n)
	}
}

func (r *reader) ruleText(rule *rules.Rule, key string, n *yaml.Node) {
	s, ok := r.text(n, key)
	if !ok {
		return
	}
	switch key {
	case "why":
		if rule.Why = s; s == "" {
			r.fail(n, "R0111", "why is empty", missingHints["why"])
		}
	case "say":
		rule.Say = s
	case "owner":
		rule.Owner = s
	case "version":
		rule.Version = s
	}
}

func (c *packCompiler) ruleID(r *reader, rule *rules.Rule, n *yaml.Node) {
	id, ok := r.text(n, "id")
	if !ok {
		return
	}
	if !rules.ValidRuleID(id) {
		r.fail(n, "R0301", "an id is letters, digits and _, starts with a letter and has at most 64 characters, not "+quote(id), "")
		return
	}
	if first, dup := c.ruleIDs[id]; dup {
		r.fail(n, "R0302", fmt.Sprintf("the id %s stands twice, first in %s", quote(id), c.ruleFile[id]+lineOf(first)), "")
		return
	}
	c.ruleIDs[id], c.ruleFile[id] = r.spanOf(n), r.src.name
	rule.ID = id
}

func lineOf(at span) string { return fmt.Sprintf(":%d", at.Line) }

func (c *packCompiler) actionCode(r *reader, rule *rules.Rule, n *yaml.Node) {
	s, ok := r.text(n, "action_code")
	if !ok {
		return
	}
	if !slices.Contains([]string{"14", "54", "N7", "05"}, s) {
		r.fail(n, "R0305", "action_code must be one of 14, 54, N7, 05, not "+quote(s), "")
		return
	}
	rule.ActionCode = s
}

// checkEffect reports keys that do not fit the rule's effect.
func (c *packCompiler) checkEffect(r *reader, rule *rules.Rule, have map[string]*yaml.Node) {
	switch {
	case have["effect"] == nil:
		return
	case rule.Effect == rules.EffectScore && c.m.Hit != rules.Score:
		r.fail(have["effect"], "R0304", "effect: score needs a pack with hit: score", "")
	case rule.Effect == rules.EffectScore && have["weight"] == nil:
		r.fail(have["effect"], "R0304", "a rule with effect: score needs a weight", "as in weight: 30")
	case rule.Effect != rules.EffectScore && have["weight"] != nil:
		r.fail(have["weight"], "R0304", "only rules with effect: score have a weight", "")
	}
	if rule.ActionCode != "" && rule.Effect != rules.EffectRed {
		r.fail(have["action_code"], "R0305", "only red rules have an action_code", "")
	}
}

// require reads {sca: true} or [sca].
func (r *reader) require(n *yaml.Node) (q rules.Require) {
	set := map[string]*bool{"sca": &q.SCA, "tenured": &q.Tenured, "no_app": &q.NoApp}
	names := []string{"sca", "tenured", "no_app"}
	if n.Kind == yaml.MappingNode {
		members, _ := r.members(n, "require", names)
		for _, mb := range members {
			*set[mb.name], _ = r.boolean(mb.val, mb.name)
		}
		return q
	}
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	for _, item := range items {
		if w, ok := r.word(item, "R0306", "require", names...); ok {
			*set[w] = true
		}
	}
	return q
}

// shadow reads true, false or {until: date}.
func (r *reader) shadow(n *yaml.Node) (bool, time.Time) {
	if n.Kind != yaml.MappingNode {
		on, _ := r.boolean(n, "shadow")
		return on, time.Time{}
	}
	members, _ := r.members(n, "shadow", []string{"until"})
	if len(members) == 0 {
		r.fail(n, "R0111", "shadow has no until", "write shadow: true, or shadow: {until: 2026-12-31}")
		return true, time.Time{}
	}
	until, _ := r.instant(members[0].val, "R0307", "until")
	return true, until
}

func (c *packCompiler) since(r *reader, rule *rules.Rule, n *yaml.Node) {
	s, ok := r.text(n, "since")
	if !ok {
		return
	}
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		r.fail(n, "R0307", "since must be a date, not "+quote(s), "as in 2026-11-23")
		return
	}
	rule.Since = s
}

// condition returns the text of a condition as it was written, and its node.
func (r *reader) condition(n *yaml.Node) (string, *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		hint := "write the condition as a text"
		if n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode {
			hint = "a condition that starts with [ or { or holds \": \" needs a block: write `when: |` and the condition indented on the next line"
		}
		r.fail(n, "R0110", "a condition must be a text, not "+kindName(n), hint)
		return "", nil
	}
	if tag := n.ShortTag(); tag == "!!null" {
		r.fail(n, "R0401", "the condition is empty", "")
		return "", nil
	}
	return strings.TrimSpace(n.Value), n
}

// conditions compiles the conditions of rules, then of sections.
func (c *packCompiler) conditions() []rules.Condition {
	sc := newScope(c.m)
	usedP, usedL := map[string]bool{}, map[string]bool{}
	var out []rules.Condition
	total := int64(0)
	clauses := append(slices.Clone(c.ruleSrc), c.sections...)
	texts := make([]string, len(clauses))
	for i, cl := range clauses {
		if cl.node != nil {
			texts[i] = cl.node.Value
		}
	}
	for i, done := range compileAll(sc, texts, c.machines) {
		cond := c.report(done, clauses[i], usedP, usedL)
		if cond == nil {
			continue
		}
		total += cond.Cost()
		out = append(out, cond)
	}
	if total > c.m.MaxCost {
		c.add(c.packSrc, span{}, "R0451", "", fmt.Sprintf("the rules together cost up to %d, more than max_cost %d: the last ones will not be judged", total, c.m.MaxCost),
			"raise limits.max_cost, or loop over fewer items")
	}
	if c.errors == 0 {
		c.unused(usedP, usedL) // beside errors this would be noise: a misspelt name is reported where it stands
	}
	return out
}

func (c *packCompiler) unused(usedP, usedL map[string]bool) {
	for _, p := range c.m.Params {
		if at := c.paramAt[p.Name]; !usedP[p.Name] {
			c.add(at.src, at.at, "R0452", "", "no condition reads the parameter "+quote(p.Name), "")
		}
	}
	for _, l := range c.m.Lists {
		if at := c.listAt[l.Name]; !usedL[l.Name] {
			c.add(at.src, at.at, "R0452", "", "no condition reads the list "+quote(l.Name), "")
		}
	}
}

// report adds the diagnostics of a clause; it returns nil after an error.
func (c *packCompiler) report(done compiled, cl clause, usedP, usedL map[string]bool) rules.Condition {
	if cl.node == nil {
		return nil
	}
	for name := range done.usedP {
		usedP[name] = true
	}
	for name := range done.usedL {
		usedL[name] = true
	}
	var places []place
	for _, p := range done.problems {
		if places == nil {
			places = scalarPlaces(cl.r.src, cl.node)
		}
		if p.code == "R0401" && cl.r.cutByComment(cl.node) {
			p.msg += ": YAML takes # after a blank for a comment"
			p.hint = "write the condition between single quotes, or after `when: |` on the next line"
		}
		c.add(cl.r.src, spanIn(places, p.from, p.to, cl.r.src), p.code, cl.rule, p.msg, p.hint)
	}
	if done.failed {
		return nil
	}
	c.declaredParams(cl, done.usedP)
	cond := done.cond
	if cond == nil {
		c.add(cl.r.src, cl.r.spanOf(cl.node), "R0401", cl.rule, "the condition cannot be compiled", "")
		return nil
	}
	if cond.Cost() > c.m.MaxCost {
		c.add(cl.r.src, cl.r.spanOf(cl.node), "R0112", cl.rule,
			fmt.Sprintf("max_cost: the condition costs up to %d, more than %d", cond.Cost(), c.m.MaxCost), "loop over fewer items, or raise limits.max_cost")
		return nil
	}
	return cond
}

// cutByComment reports whether a comment follows a plain scalar on its line, which
// for a condition with # is not what its author meant.
func (r *reader) cutByComment(n *yaml.Node) bool {
	if n.Style != 0 {
		return false
	}
	places := scalarPlaces(r.src, n)
	end := places[len(places)-1]
	rest := []rune(r.src.line(end.line))
	return end.col-1 <= len(rest) && strings.HasPrefix(strings.TrimSpace(string(rest[end.col-1:])), "#")
}

// checkCondition parses and checks one condition.
func checkCondition(sc *scope, src string) (*checker, ast.Node, []problem) {
	t, root, p := parseCondition(src)
	ch := &checker{scope: sc, text: t, info: map[ast.Node]*typed{}, fields: map[int]bool{},
		usedP: map[string]bool{}, usedL: map[string]bool{}}
	if p != nil {
		return ch, nil, []problem{*p}
	}
	ch.condition(root)
	return ch, root, ch.problems
}

// spanIn maps characters of a condition to the file: all of them when they stand
// on one line, else those of the first line.
func spanIn(places []place, from, to int, src *source) span {
	last := len(places) - 1
	a, b := places[min(max(from, 0), last)], places[min(max(to-1, 0), last)]
	if b.line == a.line && b.col >= a.col {
		return span{a.line, a.col, b.col + 1}
	}
	return span{a.line, a.col, max(a.col+1, len([]rune(src.line(a.line)))+1)}
}

// declaredParams compares the params that a rule declares with those it reads.
func (c *packCompiler) declaredParams(cl clause, used map[string]bool) {
	if cl.params == nil {
		return
	}
	at := cl.r.spanOf(cl.paramN)
	for _, name := range cl.params {
		if !used[name] {
			c.add(cl.r.src, at, "R0309", cl.rule, "params names "+quote(name)+", which the condition does not read", "")
		}
	}
	var missing []string
	for name := range used {
		if !slices.Contains(cl.params, name) {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	for _, name := range missing {
		c.add(cl.r.src, at, "R0309", cl.rule, "the condition reads "+quote(name)+", which params does not name", "")
	}
}
