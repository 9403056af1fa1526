// Package schemas makes the JSON Schemas (draft 2020-12) of what issuant reads and
// writes, for editors and for other tools. Names of fields, types, colours, error
// codes and bounds come from the tables that the programs themselves use.
//
// A schema describes the shape only: the compiler, the strict readers and the
// engine check more than a schema can say.
package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

var makers = map[string]func() node{
	"event": event, "pack": pack, "rules": ruleFile, "test": testFile,
	"decision": decision, "record": record, "config": configuration,
}

// Names returns the names that JSON takes, sorted.
func Names() []string { return sortedKeys(makers) }

// JSON returns the schema of that name, indented, with a line end; ok is false
// for an unknown name.
func JSON(name string) (text []byte, ok bool) {
	f, ok := makers[name]
	if !ok {
		return nil, false
	}
	head := node{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", fmt.Sprintf("https://github.com/issuant/issuant/schemas/%s-v1.json", name)},
	}
	raw, err := marshal(append(head, f()...))
	if err != nil {
		panic(err) // the nodes above hold nothing that JSON cannot
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		panic(err)
	}
	b.WriteByte('\n')
	return b.Bytes(), true
}

// names calls String on the values 0 to n-1.
func names[T interface {
	~uint8
	fmt.Stringer
}](n int) []string {
	list := make([]string, 0, n)
	for i := range n {
		list = append(list, T(i).String())
	}
	return list
}

func outcomes() node { return enum(names[rules.Outcome](4)...) }

// event is the schema event/v1, with the guards that an event may bring.
func event() node {
	s := rules.EventV1()
	head := node{{"title", "Issuant event, schema v1"}}.doc("Every fact may be absent; null means absent. No field may hold account data.")
	return append(head, facts(s, member{"guards?", array(guard())})...)
}

func guard() node {
	return object(
		member{"code", str().doc("the finding")},
		member{"outcome?", outcomes().doc("at least this bad; red when left out")},
		member{"action_code?", str().doc("of a red guard: 14, 54, N7 or 05")},
	)
}

// facts is the nested object form of a schema's fields.
func facts(s *rules.Schema, extra ...member) node {
	groups := map[string][]member{}
	var order, members []member
	for i := range s.Len() {
		f := s.Field(i)
		group, name, dotted := cut(f.Name)
		if !dotted {
			order = append(order, member{f.Name + "?", field(f)})
			continue
		}
		if groups[group] == nil {
			order = append(order, member{group, nil})
		}
		groups[group] = append(groups[group], member{name + "?", field(f)})
	}
	for _, m := range order {
		if m.value == nil {
			m = member{m.name + "?", object(groups[m.name]...).orNull()}
		}
		members = append(members, m)
	}
	return object(append(members, extra...)...)
}

func cut(name string) (group, rest string, dotted bool) {
	for i := range len(name) {
		if name[i] == '.' {
			return name[:i], name[i+1:], true
		}
	}
	return "", name, false
}

// field leaves an enumeration open: an unknown value is data, not an error.
func field(f rules.Field) node {
	var n node
	switch f.Type {
	case rules.String:
		n = str().with("maxLength", rules.MaxStringFact)
		if len(f.Enum) > 0 {
			n = node{{"anyOf", []node{enum(f.Enum...), n}}}
		}
	case rules.Int:
		n = typed("integer")
	case rules.Float:
		n = typed("number")
	case rules.Bool:
		n = boolean()
	case rules.Time:
		n = dateTime()
	case rules.Strings:
		items := str()
		if len(f.Enum) > 0 {
			items = node{{"anyOf", []node{enum(f.Enum...), str()}}}
		}
		n = array(items).with("maxItems", rules.MaxListFact)
	}
	doc := f.Doc
	if f.Personal {
		doc = join(doc, "personal data: masked in explanations and logs")
	}
	if f.Label {
		doc = join(doc, "known only afterwards: rules cannot read it")
	}
	return n.orNull().doc(doc)
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

func decision() node {
	return append(node{{"title", "Issuant decision"}}, object(
		member{"format", enum(engine.DecisionFormat)},
		member{"decision_id", digest().doc("hash of pack id, event id and now")},
		member{"pack", object(member{"id", digest()}, member{"name", str()}, member{"version", str()})},
		member{"event_id", str().orNull()},
		member{"now", dateTime()},
		member{"outcome", outcomes()},
		member{"action_code", str()},
		member{"reasons", strs().doc("what gave the outcome its colour, worst first")},
		member{"rules", array(hit())},
		member{"guards", array(object(member{"code", str()}, member{"outcome", outcomes()}, member{"action_code", str().orNull()}))},
		member{"floor", outcomes().doc("what the wallet's recommendation asks for; green when nothing")},
		member{"score", typed("integer")},
		member{"step_up", strs().doc("channels to offer, in order")},
		member{"require", object(member{"sca", boolean()}, member{"tenured", boolean()}, member{"no_app", boolean()})},
		member{"section", str().orNull()},
		member{"degraded", degraded()},
		member{"missing_facts", strs()},
		member{"unjudged", strs().doc("red rules that could not be judged")},
		member{"shadow", array(hit())},
		member{"cost", integer(0)},
		member{"lists", lists()},
		member{"system_error", boolean()},
	)...)
}

func hit() node {
	return object(
		member{"id", str()}, member{"version", str()}, member{"effect", enum(names[rules.Effect](6)...)},
		member{"reason", str()}, member{"weight", integer(0)},
		member{"missing", boolean().doc("it hit because a fact was absent")},
	)
}

func degraded() node {
	return array(object(member{"code", errorName()}, member{"rule", str().orNull()}))
}

func lists() node { return array(object(member{"name", str()}, member{"digest", digest()})) }

// errorName is a name of the one table of error codes.
func errorName() node {
	list := []string{}
	byName := map[string]bool{}
	for _, n := range code.All() {
		byName[n] = true
	}
	list = append(list, sortedKeys(byName)...)
	return enum(list...)
}

func record() node {
	ruleIDs := array(object(member{"id", str()}, member{"version", str()}))
	card := node{{"anyOf", []node{
		object(member{"ref", str()}),
		object(member{"bin", str().orNull()}, member{"last4", str().orNull()}),
		typed("null"),
	}}}
	return append(node{{"title", "Issuant record, one line of a journal"}}, object(
		member{"format", enum(engine.RecordFormat)},
		member{"seq", integer(0)},
		member{"prev", digest().doc("SHA-256 of the line before, without its end")},
		member{"at", dateTime()},
		member{"counterpart", str()},
		member{"event_id", str().orNull()},
		member{"decision_id", digest().orNull()},
		member{"pack_id", digest().orNull()},
		member{"lists", lists()},
		member{"outcome", outcomes().orNull()},
		member{"action_code", str().orNull()},
		member{"rules", ruleIDs},
		member{"reasons", strs()},
		member{"degraded", degraded()},
		member{"shadow", ruleIDs},
		member{"cost", integer(0)},
		member{"key_id", str().orNull()},
		member{"message_digest", digest().orNull()},
		member{"refusal", errorName().orNull()},
		member{"micros", integer(0)},
		member{"unknown_fields", integer(0)},
		member{"card", card},
		member{"age_ms", integer().orNull().doc("how long before the arrival the sender dates it; null when nobody proved who wrote the message")},
		member{"observed", strs().doc("checks that it failed and that are observed only")},
		member{"incumbent", incumbent().orNull()},
		member{"sealed", str().orNull().doc("Base64 of an age file: what it takes to decide again")},
	)...)
}

// incumbent is what a shadowed system answered.
func incumbent() node {
	return object(
		member{"status", integer(100).orNull()},
		member{"failure", enum(engine.IncumbentTimeout, engine.IncumbentUnreachable, engine.IncumbentTooLarge).orNull()},
		member{"approve", boolean().orNull()},
		member{"action_code", str().orNull()},
		member{"micros", integer(0)},
	)
}
