package compile

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"io/fs"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/rules"
)

var packKeys = []string{"name", "version", "schema", "hit", "default", "on_error", "on_missing", "green_requires",
	"thresholds", "step_up", "tenured_days", "no_step_up", "sections", "params", "lists", "limits", "owner", "doc"}

var outcomeWords = []string{"green", "yellow", "orange", "red"}

// readPack reads pack.yaml.
func (c *packCompiler) readPack() {
	src, ok := c.read("pack.yaml", MaxFileBytes, "max_file_bytes")
	c.packSrc = src
	if !ok {
		c.m.Schema = rules.EventV1() // so that the rules are checked all the same
		return
	}
	r := &reader{sink: c.sink, src: src}
	root := r.parse()
	if root == nil {
		c.m.Schema = rules.EventV1()
		return
	}
	members, ok := r.members(root, "pack.yaml", packKeys)
	if !ok {
		return
	}
	have := map[string]*yaml.Node{}
	for _, m := range members {
		have[m.name] = m.val
	}
	for _, key := range []string{"name", "version"} {
		if have[key] == nil {
			r.add(src, r.spanOf(root), "R0111", "", "the pack has no "+key, "")
		}
	}
	if have["default"] == nil {
		r.add(src, r.spanOf(root), "R0201", "", "the pack has no default outcome", "write default: yellow, the outcome when no rule hits")
	}
	c.readSchema(r, have["schema"])
	// hit is read before what depends on it, whatever the order of the file.
	for _, key := range packKeys {
		if n := have[key]; n != nil {
			c.packKey(r, key, n)
		}
	}
	if c.m.Hit == rules.Score && have["thresholds"] == nil {
		r.add(src, r.spanOf(root), "R0206", "", "a pack with hit: score needs thresholds", "as in thresholds: {yellow: 30, orange: 60, red: 90}")
	}
}

func (c *packCompiler) packKey(r *reader, key string, n *yaml.Node) {
	m := c.m
	switch key {
	case "name":
		m.Name, _ = r.text(n, key)
		if m.Name == "" && n.Kind == yaml.ScalarNode {
			r.fail(n, "R0212", "the pack's name is empty", "")
		}
	case "version":
		m.Version, _ = r.text(n, key)
	case "owner":
		m.Owner, _ = r.text(n, key)
	case "doc":
		m.Doc, _ = r.text(n, key)
	case "hit":
		if w, ok := r.word(n, "R0202", key, "worst", "score", "first"); ok {
			m.Hit = map[string]rules.HitPolicy{"worst": rules.Worst, "score": rules.Score, "first": rules.First}[w]
		}
	case "default":
		m.Default, _ = r.outcome(n, key)
	case "on_error":
		c.readOnError(r, n)
	case "on_missing":
		c.onMissing = r.onMissing(n)
	case "green_requires":
		m.GreenRequires = c.readFacts(r, n)
	case "thresholds":
		c.readThresholds(r, n)
	case "step_up":
		if list := r.channels(n); list != nil {
			m.StepUp = list
		}
	case "tenured_days":
		if v, ok := r.integer(n, key, 0, 36500); ok {
			m.TenuredDays = v
		}
	case "no_step_up":
		// Green is for a section to say: here it would approve whoever cannot be reached.
		r.word(n, "R0202", "no_step_up outside a section", "red")
	case "sections":
		c.readSections(r, n)
	case "params":
		c.readParams(r, n)
	case "lists":
		c.readListDecls(r, n)
	case "limits":
		c.readLimits(r, n)
	}
}

func (r *reader) outcome(n *yaml.Node, what string) (rules.Outcome, bool) {
	w, ok := r.word(n, "R0202", what, outcomeWords...)
	if !ok {
		return rules.Red, false
	}
	o, err := rules.ParseOutcome(w)
	return o, err == nil
}

func (r *reader) onMissing(n *yaml.Node) rules.OnMissing {
	w, _ := r.word(n, "R0202", "on_missing", "skip", "hit", "error")
	return map[string]rules.OnMissing{"hit": rules.HitIt, "error": rules.ErrorIt}[w]
}

func (r *reader) redOrGreen(n *yaml.Node) rules.Outcome {
	if w, _ := r.word(n, "R0202", "no_step_up", "red", "green"); w == "green" {
		return rules.Green
	}
	return rules.Red
}

// channels reads channels in order of preference; nil after a diagnostic.
func (r *reader) channels(n *yaml.Node) []string {
	known := []string{"app", "sms", "email", "call"}
	list := r.texts(n, "step_up")
	for i, s := range list {
		item := n
		if n.Kind == yaml.SequenceNode && i < len(n.Content) {
			item = n.Content[i]
		}
		switch {
		case !slices.Contains(known, s):
			r.fail(item, "R0208", "unknown channel "+quote(s), "the channels are "+strings.Join(known, ", "))
			return nil
		case slices.Contains(list[:i], s):
			r.fail(item, "R0208", "the channel "+quote(s)+" stands twice", "")
			return nil
		}
	}
	return list
}

func (c *packCompiler) readOnError(r *reader, n *yaml.Node) {
	o, ok := r.outcome(n, "on_error")
	if !ok {
		return
	}
	if o == rules.Green {
		r.fail(n, "R0203", "on_error must not be green: an error would approve", "use yellow, orange or red")
		return
	}
	c.m.OnError = o
}

func (c *packCompiler) readFacts(r *reader, n *yaml.Node) []string {
	if c.m.Schema == nil {
		return nil
	}
	var good []string
	for i, name := range r.texts(n, "green_requires") {
		item := n
		if n.Kind == yaml.SequenceNode && i < len(n.Content) {
			item = n.Content[i]
		}
		at, ok := c.m.Schema.Lookup(name)
		switch {
		case !ok:
			hint := ""
			if near := rules.Nearest(name, newScope(c.m).names.fields); near != "" {
				hint = "did you mean " + quote(near) + "?"
			}
			r.fail(item, "R0207", "unknown field "+quote(name), hint)
		case c.m.Schema.Field(at).Label:
			r.fail(item, "R0207", "the label "+quote(name)+" is known only afterwards", "")
		case slices.Contains(good, name):
			r.fail(item, "R0207", "the field "+quote(name)+" stands twice", "")
		default:
			good = append(good, name)
		}
	}
	return good
}

func (c *packCompiler) readThresholds(r *reader, n *yaml.Node) {
	if c.m.Hit != rules.Score {
		r.fail(n, "R0206", "thresholds need hit: score", "")
		return
	}
	members, ok := r.members(n, "thresholds", []string{"yellow", "orange", "red"})
	if !ok {
		return
	}
	for _, mb := range members {
		from, ok := r.integer(mb.val, mb.name, 0, math.MaxInt64)
		o, err := rules.ParseOutcome(mb.name)
		if !ok || err != nil {
			return
		}
		c.m.Thresholds = append(c.m.Thresholds, rules.Threshold{From: from, Outcome: o})
	}
	slices.SortFunc(c.m.Thresholds, func(a, b rules.Threshold) int { return int(b.Outcome) - int(a.Outcome) })
	for i := 1; i < len(c.m.Thresholds); i++ {
		if a, b := c.m.Thresholds[i-1], c.m.Thresholds[i]; a.From >= b.From {
			r.fail(n, "R0206", fmt.Sprintf("%s at %d must be higher than %s at %d", b.Outcome, b.From, a.Outcome, a.From), "")
		}
	}
	if len(c.m.Thresholds) == 0 {
		r.fail(n, "R0206", "thresholds are empty", "as in thresholds: {yellow: 30, orange: 60, red: 90}")
	}
}

// readSchema sets the manifest's schema: event/v1 without a word about it.
func (c *packCompiler) readSchema(r *reader, n *yaml.Node) {
	if n == nil {
		c.m.Schema = rules.EventV1()
		return
	}
	if n.Kind == yaml.MappingNode {
		c.m.Schema = c.inlineSchema(r, n)
		return
	}
	name, ok := r.text(n, "schema")
	if !ok {
		return
	}
	known := []string{}
	for _, s := range append([]*rules.Schema{rules.EventV1()}, c.opt.Schemas...) {
		full := s.Name() + "/v" + strconv.Itoa(s.Version())
		if full == name {
			c.m.Schema = s
			return
		}
		known = append(known, full)
	}
	r.fail(n, "R0204", "unknown schema "+quote(name), "known: "+strings.Join(known, ", ")+"; or a mapping {name, version, fields}")
}

func (c *packCompiler) inlineSchema(r *reader, n *yaml.Node) *rules.Schema {
	members, _ := r.members(n, "schema", []string{"name", "version", "fields"})
	var name string
	var version int64
	var fields []rules.Field
	before := r.errors
	for _, mb := range members {
		switch mb.name {
		case "name":
			name, _ = r.text(mb.val, "name")
		case "version":
			version, _ = r.integer(mb.val, "version", 1, 1000)
		case "fields":
			fields = schemaFields(r, mb.val)
		}
	}
	if r.errors > before {
		return nil
	}
	s, err := rules.NewSchema(name, int(version), fields)
	if err != nil {
		r.fail(n, "R0205", strings.TrimPrefix(err.Error(), "rules: "), "")
		return nil
	}
	if s.Equal(rules.EventV1()) {
		return rules.EventV1()
	}
	return s
}

func schemaFields(r *reader, n *yaml.Node) []rules.Field {
	items, _ := r.items(n, "fields")
	var fields []rules.Field
	for _, item := range items {
		members, ok := r.members(item, "a field", []string{"name", "type", "enum", "personal", "label", "doc"})
		if !ok {
			continue
		}
		f := rules.Field{Type: rules.String}
		for _, mb := range members {
			switch mb.name {
			case "name":
				f.Name, _ = r.text(mb.val, "name")
			case "type":
				w, _ := r.word(mb.val, "R0205", "type", "string", "int", "float", "bool", "time", "strings")
				f.Type = rules.ParseType(w)
			case "enum":
				f.Enum = r.texts(mb.val, "enum")
			case "personal":
				f.Personal, _ = r.boolean(mb.val, "personal")
			case "label":
				f.Label, _ = r.boolean(mb.val, "label")
			case "doc":
				f.Doc, _ = r.text(mb.val, "doc")
			}
		}
		if f.Type != rules.String && f.Type != rules.Strings && len(f.Enum) > 0 {
			r.fail(item, "R0205", "only string and strings fields have known values", "")
		}
		fields = append(fields, f)
	}
	return fields
}

func (c *packCompiler) readSections(r *reader, n *yaml.Node) {
	items, _ := r.items(n, "sections")
	if len(items) > MaxSections {
		r.fail(n, "R0112", fmt.Sprintf("max_sections: the pack has more than %d sections", MaxSections), "")
		return
	}
	for _, item := range items {
		members, ok := r.members(item, "a section", []string{"name", "when", "no_step_up"})
		if !ok {
			continue
		}
		s := rules.Section{}
		cl := clause{r: r}
		seen := map[string]bool{}
		for _, mb := range members {
			seen[mb.name] = true
			switch mb.name {
			case "name":
				s.Name, _ = r.text(mb.val, "name")
			case "when":
				s.When, cl.node = r.condition(mb.val)
			case "no_step_up":
				s.NoStepUp = r.redOrGreen(mb.val)
			}
		}
		for _, key := range []string{"name", "when", "no_step_up"} {
			if !seen[key] {
				r.fail(item, "R0111", "the section has no "+key, "")
			}
		}
		if slices.ContainsFunc(c.m.Sections, func(o rules.Section) bool { return o.Name == s.Name }) {
			r.fail(item, "R0214", "two sections are named "+quote(s.Name), "")
		}
		c.m.Sections = append(c.m.Sections, s)
		c.sections = append(c.sections, cl)
	}
}

func (c *packCompiler) readLimits(r *reader, n *yaml.Node) {
	members, _ := r.members(n, "limits", []string{"max_cost"})
	for _, mb := range members {
		if v, ok := r.integer(mb.val, mb.name, 1, rules.MaxMaxCost); ok {
			c.m.MaxCost = v
		}
	}
}

func validName(s string) bool {
	if s == "" || len(s) > 64 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func (c *packCompiler) readParams(r *reader, n *yaml.Node) {
	members, _ := r.members(n, "params", nil)
	if len(members) > MaxParams {
		r.fail(n, "R0112", fmt.Sprintf("max_params: the pack has more than %d params", MaxParams), "")
		return
	}
	for _, mb := range members {
		if !validName(mb.name) {
			r.fail(mb.key, "R0212", "a parameter's name is lower-case letters, digits and _, not "+quote(mb.name), "")
			continue
		}
		if p, ok := readParam(r, mb.val, mb.name); ok {
			c.paramAt[mb.name] = anchor{r.src, r.spanOf(mb.key)}
			c.m.Params = append(c.m.Params, p)
		}
	}
	slices.SortFunc(c.m.Params, func(a, b rules.Param) int { return strings.Compare(a.Name, b.Name) })
}

func readParam(r *reader, n *yaml.Node, name string) (rules.Param, bool) {
	p := rules.Param{Name: name}
	members, ok := r.members(n, "the parameter "+quote(name), []string{"value", "type", "min", "max", "unit", "doc"})
	if !ok {
		return p, false
	}
	var value, lo, hi *yaml.Node
	before := r.errors
	for _, mb := range members {
		switch mb.name {
		case "value":
			value = mb.val
		case "min":
			lo = mb.val
		case "max":
			hi = mb.val
		case "type":
			w, _ := r.word(mb.val, "R0202", "type", "string", "int", "float", "bool")
			p.Type = rules.ParseType(w)
		case "unit":
			p.Unit, _ = r.text(mb.val, "unit")
		case "doc":
			p.Doc, _ = r.text(mb.val, "doc")
		}
	}
	if value == nil {
		r.fail(n, "R0111", "the parameter "+quote(name)+" has no value", "")
		return p, false
	}
	if p.Type == 0 {
		if p.Type = scalarType(value); p.Type == 0 {
			r.fail(value, "R0209", "a parameter is a text, a number, true or false, not "+kindName(value), "")
			return p, false
		}
	}
	p.Value = r.paramValue(value, p.Type, "the value")
	p.Min, p.Max = r.bound(lo, p.Type, "min"), r.bound(hi, p.Type, "max")
	if r.errors > before {
		return p, false
	}
	return p, r.withinBounds(&p, value, lo)
}

func scalarType(n *yaml.Node) rules.Type {
	if n.Kind != yaml.ScalarNode {
		return 0
	}
	switch n.ShortTag() {
	case "!!int":
		return rules.Int
	case "!!float":
		return rules.Float
	case "!!bool":
		return rules.Bool
	}
	return rules.String
}

// paramValue reads a scalar of the type; nil after a diagnostic.
func (r *reader) paramValue(n *yaml.Node, t rules.Type, what string) any {
	tag := scalarType(n)
	if n.ShortTag() == "!!null" {
		tag = 0
	}
	switch {
	case t == rules.Int && tag == rules.Int:
		if v, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			return v
		}
	case t == rules.Float && (tag == rules.Int || tag == rules.Float):
		if v, err := strconv.ParseFloat(n.Value, 64); err == nil && !math.IsInf(v, 0) && !math.IsNaN(v) {
			return v + 0
		}
	case t == rules.Bool && tag == rules.Bool:
		return strings.EqualFold(n.Value, "true")
	case t == rules.String && tag == rules.String:
		if len(n.Value) <= MaxTextBytes {
			return n.Value
		}
	}
	r.fail(n, "R0209", what+" must be of type "+t.String()+", not "+kindName(n), "")
	return nil
}

func (r *reader) bound(n *yaml.Node, t rules.Type, what string) any {
	if n == nil {
		return nil
	}
	if t != rules.Int && t != rules.Float {
		r.fail(n, "R0209", "only int and float parameters have bounds", "")
		return nil
	}
	return r.paramValue(n, t, what)
}

func (r *reader) withinBounds(p *rules.Param, value, lo *yaml.Node) bool {
	switch {
	case p.Min != nil && p.Max != nil && compare(p.Min, p.Max) > 0:
		r.fail(lo, "R0209", fmt.Sprintf("min %v is greater than max %v", p.Min, p.Max), "")
	case p.Min != nil && compare(p.Value, p.Min) < 0:
		r.fail(value, "R0210", fmt.Sprintf("the value %v of %s is below its min %v", p.Value, quote(p.Name), p.Min), "")
	case p.Max != nil && compare(p.Value, p.Max) > 0:
		r.fail(value, "R0210", fmt.Sprintf("the value %v of %s is above its max %v", p.Value, quote(p.Name), p.Max), "")
	default:
		return true
	}
	return false
}

func (c *packCompiler) readListDecls(r *reader, n *yaml.Node) {
	members, _ := r.members(n, "lists", nil)
	if len(members) > MaxLists {
		r.fail(n, "R0112", fmt.Sprintf("max_lists: the pack has more than %d lists", MaxLists), "")
		return
	}
	for _, mb := range members {
		if !validName(mb.name) {
			r.fail(mb.key, "R0212", "a list's name is lower-case letters, digits and _, not "+quote(mb.name), "")
			continue
		}
		decl := rules.ListDecl{Name: mb.name}
		keys, ok := r.members(mb.val, "the list "+quote(mb.name), []string{"file", "doc"})
		if !ok {
			continue
		}
		for _, k := range keys {
			switch k.name {
			case "file":
				decl.File, _ = r.text(k.val, "file")
				if !fs.ValidPath(decl.File) || path.Ext(decl.File) != ".csv" || path.Dir(decl.File) != "lists" {
					r.fail(k.val, "R0213", "a list's file is a .csv below lists/, not "+quote(decl.File), "as in lists/"+mb.name+".csv")
					decl.File = ""
				}
			case "doc":
				decl.Doc, _ = r.text(k.val, "doc")
			}
		}
		c.listAt[mb.name] = anchor{r.src, r.spanOf(mb.key)}
		c.m.Lists = append(c.m.Lists, decl)
	}
	slices.SortFunc(c.m.Lists, func(a, b rules.ListDecl) int { return strings.Compare(a.Name, b.Name) })
}
