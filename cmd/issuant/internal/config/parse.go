package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/rules"
)

// CounterpartsKey is the one nested key of the file.
const CounterpartsKey = "counterparts"

// Source is where the settings come from. A flag wins over a variable, a variable
// over the file.
type Source struct {
	File  string                               // name of the file, for places
	Data  []byte                               // its text; nil when there is none
	Flags func(name string) ([]string, bool)   // what the command line says for a flag; nil = nothing
	Env   func(variable string) (value string) // "" = not set; nil = nothing
	Known []string                             // further keys that may stand in the file: those of other verbs
}

// Parse returns the configuration, and all that is wrong with it. With a fault the
// configuration is not to be used, but for checking on.
func Parse(s Source) (*Config, []Fault) {
	p := &parser{Source: s, config: defaults(), flat: map[string]value{}, faulty: map[string]bool{}}
	if !p.readFile() {
		return p.config, p.faults // what the file would have said is not missing
	}
	for _, row := range top {
		if v, ok := p.value(row.Setting, p.flat[row.Name]); ok {
			p.config.places[row.Name] = v.place
			row.set(p.config, v, p.bad(v.place, row.Name))
		}
	}
	if c := p.config.Provision; c == nil || !c.Only {
		p.counterparts()
	}
	p.check()
	p.sort()
	return p.config, p.faults
}

// sort puts the faults of the file in the order of its lines; others come behind.
func (p *parser) sort() {
	line := func(f Fault) int {
		if n, err := strconv.Atoi(strings.TrimPrefix(f.Place, p.File+":")); err == nil {
			return n
		}
		return math.MaxInt
	}
	slices.SortStableFunc(p.faults, func(a, b Fault) int { return cmp.Compare(line(a), line(b)) })
}

type parser struct {
	Source
	config   *Config
	faults   []Fault
	flat     map[string]value // top-level keys of the file, by key
	sections []section
	broken   bool            // a section is none
	faulty   map[string]bool // settings whose value is a fault, by full name
}

// section is one counterpart in the file.
type section struct {
	name   string
	place  string
	values map[string]value
}

func (p *parser) fault(place, key, format string, args ...any) {
	p.faulty[key] = true
	p.faults = append(p.faults, Fault{Place: place, Key: key, Msg: fmt.Errorf(format, args...).Error()})
}

// bad reports what is wrong with one value; line is that of a part of it, or 0.
func (p *parser) bad(place, key string) func(int, string, ...any) {
	return func(line int, format string, args ...any) {
		if line > 0 {
			place = p.at(line)
		}
		p.fault(place, key, format, args...)
	}
}

func (p *parser) at(line int) string { return fmt.Sprintf("%s:%d", p.File, line) }

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\s+)?line (\d+): (.*)$`)

// Document parses the text of a configuration file into its mapping; nil when the
// file is empty.
func Document(name string, data []byte) (*yaml.Node, *Fault) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			return nil, &Fault{Place: name + ":" + m[1], Msg: "not YAML: " + m[2]}
		}
		return nil, &Fault{Place: name, Msg: "not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if dec.Decode(new(yaml.Node)) != io.EOF {
		return nil, &Fault{Place: name, Msg: "more than one YAML document"}
	}
	m := doc.Content[0]
	if m.Kind == yaml.ScalarNode && m.Tag == "!!null" {
		return nil, nil
	}
	if m.Kind != yaml.MappingNode {
		return nil, &Fault{Place: fmt.Sprintf("%s:%d", name, m.Line), Msg: "the configuration is a mapping of keys to values"}
	}
	return m, nil
}

// Scalars returns the texts of a value or of a list of values.
func Scalars(v *yaml.Node) ([]string, error) {
	scalar := func(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag != "!!null" }
	switch {
	case v.Kind == yaml.ScalarNode && v.Tag == "!!null":
		return nil, errors.New("has no value")
	case scalar(v):
		return []string{v.Value}, nil
	case v.Kind == yaml.SequenceNode:
		list := []string{}
		for _, item := range v.Content {
			if !scalar(item) {
				return nil, errors.New("must be a value or a list of values")
			}
			list = append(list, item.Value)
		}
		return list, nil
	case v.Kind == yaml.AliasNode:
		return nil, errors.New("is an alias; write the value out")
	}
	return nil, errors.New("must be a value or a list of values")
}

// flatKeys are the keys that may stand at the top of the file.
func (p *parser) flatKeys() []string {
	keys := append([]string{CounterpartsKey}, p.Known...)
	for _, row := range top {
		keys = append(keys, row.Name)
	}
	for _, row := range perCounterpart {
		if row.Flag != "" {
			keys = append(keys, flatName(row.Flag))
		}
	}
	return keys
}

func flatName(flag string) string { return strings.ReplaceAll(flag, "-", "_") }

func didYouMean(name string, known []string) string {
	if near := rules.Nearest(name, known); near != "" {
		return fmt.Sprintf(", did you mean %q?", near)
	}
	return ""
}

// readFile returns false when the text is no configuration at all.
func (p *parser) readFile() bool {
	root, fault := Document(p.File, p.Data)
	if fault != nil {
		p.faults = append(p.faults, *fault)
		return false
	}
	if root == nil {
		return true
	}
	known := p.flatKeys()
	p.members(root, func(k, v *yaml.Node) {
		switch {
		case !slices.Contains(known, k.Value):
			p.fault(p.at(k.Line), "", "unknown key %q%s", k.Value, p.hint(k.Value, known))
		case k.Value == CounterpartsKey:
			p.readCounterparts(v)
		case k.Value == ApprovalsKey, k.Value == TrustKey, k.Value == ProvisionKey:
			p.flat[k.Value] = value{p.at(k.Line), nil, v}
		default:
			p.flat[k.Value] = p.scalars(k, v, k.Value)
		}
	})
	return true
}

// hint says where a key belongs that stands at the top.
func (p *parser) hint(name string, known []string) string {
	for _, row := range perCounterpart {
		if row.Name == name {
			return "; it belongs below counterparts: {pismo: {" + name + ": ...}}"
		}
	}
	return didYouMean(name, known)
}

// members visits a mapping's members; one that stands twice is a fault.
func (p *parser) members(m *yaml.Node, visit func(k, v *yaml.Node)) {
	seen := map[string]int{}
	for i := 0; i < len(m.Content); i += 2 {
		k, v := m.Content[i], m.Content[i+1]
		if first := seen[k.Value]; first > 0 {
			p.fault(p.at(k.Line), "", "key %q stands twice; first on line %d", k.Value, first)
			continue
		}
		seen[k.Value] = k.Line
		visit(k, v)
	}
}

// scalars makes a value of a node; a zero value when it is a fault.
func (p *parser) scalars(k, v *yaml.Node, key string) value {
	texts, err := Scalars(v)
	if err != nil {
		p.fault(p.at(k.Line), key, "%w", err)
		return value{}
	}
	return value{p.at(k.Line), texts, v}
}

func (p *parser) readCounterparts(n *yaml.Node) {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		p.broken = true
		p.fault(p.at(n.Line), CounterpartsKey, "is a mapping of names to settings")
		return
	}
	p.members(n, func(k, v *yaml.Node) {
		key := CounterpartsKey + "." + k.Value
		switch {
		case !routeName.MatchString(k.Value):
			p.broken = true
			p.fault(p.at(k.Line), CounterpartsKey, "the name %q is not 1 to 32 of a-z 0-9 _ -, beginning with a letter: it becomes a path", k.Value)
		case v.Kind != yaml.MappingNode:
			p.broken = true
			p.fault(p.at(k.Line), key, "is a mapping of settings")
		default:
			p.sections = append(p.sections, p.section(k, v, key))
		}
	})
}

var routeName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

func (p *parser) section(k, v *yaml.Node, key string) section {
	s := section{k.Value, p.at(k.Line), map[string]value{}}
	kinds, names := map[string]Kind{}, []string{}
	for _, row := range perCounterpart {
		kinds[row.Name] = row.Kind
		names = append(names, row.Name)
	}
	p.members(v, func(k, v *yaml.Node) {
		kind, known := kinds[k.Value]
		switch {
		case !known:
			p.fault(p.at(k.Line), key, "unknown key %q%s", k.Value, didYouMean(k.Value, names))
		case kind == Table:
			s.values[k.Value] = value{p.at(k.Line), nil, v}
		default:
			s.values[k.Value] = p.scalars(k, v, key+"."+k.Value)
		}
	})
	return s
}

// value returns what the sources say for a setting: the flag, the variable or file.
func (p *parser) value(s Setting, file value) (value, bool) {
	if s.Flag != "" {
		if p.Flags != nil {
			if texts, ok := p.Flags(s.Flag); ok {
				return value{place: "--" + s.Flag, texts: texts}, true
			}
		}
		if name := Variable(s.Flag); p.Env != nil {
			if v := p.Env(name); v != "" {
				texts := []string{v}
				if s.Kind == Many {
					texts = strings.Split(v, ",")
				}
				return value{place: name, texts: texts}, true
			}
		}
	}
	return file, file.place != ""
}

// Variable returns the name of a flag's variable.
func Variable(flag string) string { return "ISSUANT_" + strings.ToUpper(flatName(flag)) }

// counterparts sets up every counterpart: those of the file, or the one that flags,
// variables and flat keys speak of.
func (p *parser) counterparts() {
	if len(p.sections) == 0 && p.broken {
		return // what stands there is no counterpart, but it was meant to be one
	}
	if len(p.sections) == 0 {
		p.sections = []section{{"pismo", "", map[string]value{}}}
	}
	sort.Slice(p.sections, func(i, k int) bool { return p.sections[i].name < p.sections[k].name })
	only := len(p.sections) == 1
	for _, s := range p.sections {
		c := counterpartDefaults(s.name)
		c.place = s.place
		for _, row := range perCounterpart {
			if v, ok := p.counterpartValue(row.Setting, s, only); ok {
				c.places[row.Name] = v.place
				row.set(c, v, p.bad(v.place, p.key(c, row.Name)))
			}
		}
		p.config.Counterparts = append(p.config.Counterparts, c)
	}
	if !only {
		p.refuseShared()
	}
}

// key names a counterpart's setting in full.
func (p *parser) key(c *Counterpart, name string) string {
	return CounterpartsKey + "." + c.Name + "." + name
}

func (p *parser) counterpartValue(s Setting, in section, only bool) (value, bool) {
	own := in.values[s.Name]
	if !only {
		return own, own.place != ""
	}
	if flat := p.flat[flatName(s.Flag)]; s.Flag != "" && flat.place != "" {
		if own.place != "" {
			p.fault(flat.place, flatName(s.Flag), "says the same as counterparts.%s.%s on %s; keep one", in.name, s.Name, own.place)
		}
		own = flat
	}
	return p.value(s, own)
}

// refuseShared: with several counterparts, nobody knows which one a flag means.
func (p *parser) refuseShared() {
	for _, row := range perCounterpart {
		if row.Flag == "" {
			continue
		}
		if v, ok := p.value(row.Setting, p.flat[flatName(row.Flag)]); ok {
			p.fault(v.place, "", "there are several counterparts; set %s below each of them in the file", row.Name)
		}
	}
}

func keysOf[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

var nplTable = map[pismo.NPL]string{pismo.NPLByType: "by_type", pismo.NPLYellow: "yellow", pismo.NPLRed: "red"}

func nplNames() []string { return []string{"by_type", "yellow", "red"} }
