package schemas

import (
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

func text() node { return str().with("maxLength", compile.MaxTextBytes) }

func condition() node {
	return str().with("minLength", 1).with("maxLength", compile.MaxConditionBytes).doc("a condition; see rules/LANGUAGE.md")
}

// ident is a name that starts with a letter and goes on in letters, digits and _.
func ident() node { return node{{"type", "string"}, {"pattern", "^[A-Za-z][A-Za-z0-9_]*$"}} }

func channels() node {
	list := []string{}
	for _, m := range engine.DefaultMethods() {
		list = append(list, m.Channel)
	}
	known := node{{"anyOf", []node{enum(list...), str()}}}
	return array(known)
}

func pack() node {
	worseThanGreen := enum(rules.Yellow.String(), rules.Orange.String(), rules.Red.String())
	return append(node{{"title", "Issuant pack.yaml"}}, object(
		member{"name", str().with("minLength", 1)},
		member{"version", version()},
		member{"schema?", packSchema()},
		member{"hit?", enum(names[rules.HitPolicy](3)...).doc("how hits become one outcome; default worst")},
		member{"default", outcomes().doc("the outcome when nothing hits; green has to be said")},
		member{"on_error?", worseThanGreen.doc("joins in when something failed; default yellow")},
		member{"on_missing?", enum(names[rules.OnMissing](3)...).doc("what rules do whose condition is unknown; default skip")},
		member{"green_requires?", strs().doc("facts without which nothing is green")},
		member{"thresholds?", mapOfOutcomes().doc("with hit: score: the score from which a colour applies")},
		member{"step_up?", channels().doc("channels in order of preference")},
		member{"tenured_days?", integer(0).doc("age in days from which a channel is tenured; default 30")},
		member{"no_step_up?", enum("red")},
		member{"sections?", array(section())},
		member{"params?", mapOf(param())},
		member{"lists?", mapOf(object(member{"file?", str()}, member{"doc?", text()}))},
		member{"limits?", object(member{"max_cost?", integer(1, rules.MaxMaxCost)})},
		member{"owner?", text()},
		member{"doc?", text()},
	)...)
}

// version is text; YAML reads an unquoted 1.0 as a number.
func version() node { return node{{"type", []string{"string", "number"}}} }

func packSchema() node {
	types := []string{}
	for t := rules.String; t <= rules.Strings; t++ {
		types = append(types, t.String())
	}
	f := object(
		member{"name", node{{"type", "string"}, {"pattern", "^[a-z][a-z0-9_]*([.][a-z][a-z0-9_]*)?$"}}},
		member{"type", enum(types...)},
		member{"enum?", strs()},
		member{"personal?", boolean()},
		member{"label?", boolean()},
		member{"doc?", text()},
	)
	inline := object(
		member{"name", str()},
		member{"version", integer(1)},
		member{"fields", array(f).with("minItems", 1).with("maxItems", rules.MaxFields)},
	)
	return node{{"anyOf", []node{enum("event/v1"), inline}}}.doc("default event/v1")
}

func mapOfOutcomes() node {
	return object(
		member{"yellow?", integer(0)},
		member{"orange?", integer(0)},
		member{"red?", integer(0)},
	)
}

func section() node {
	return object(
		member{"name", ident()},
		member{"when", condition()},
		member{"no_step_up", enum("red", "green").doc("what a yellow becomes where nobody can be asked")},
	)
}

func param() node {
	value := node{{"type", []string{"string", "number", "boolean"}}}
	return object(
		member{"value", value},
		member{"type?", enum("string", "int", "float", "bool")},
		member{"min?", typed("number")},
		member{"max?", typed("number")},
		member{"unit?", text()},
		member{"doc?", text()},
	)
}

func ruleFile() node {
	return append(node{{"title", "Issuant rules/*.yaml"}}, array(rule())...)
}

func rule() node {
	flags := node{{"anyOf", []node{
		object(member{"sca?", boolean()}, member{"tenured?", boolean()}, member{"no_app?", boolean()}),
		array(enum("sca", "tenured", "no_app")),
	}}}
	shadow := node{{"anyOf", []node{boolean(), object(member{"until", date()})}}}
	return object(
		member{"id", ident()},
		member{"effect", enum(names[rules.Effect](6)...)},
		member{"when", condition()},
		member{"reason?", node{{"type", "string"}, {"pattern", "^[A-Z][A-Z0-9_]*$"}}},
		member{"weight?", integer(0, 1_000_000).doc("points; with effect score")},
		member{"action_code?", enum("14", "54", "N7", "05").doc("of a red rule; default 05")},
		member{"on_missing?", enum(names[rules.OnMissing](3)...)},
		member{"step_up?", channels()},
		member{"require?", flags.doc("what a step-up method must be")},
		member{"shadow?", shadow.doc("judged and recorded, without effect")},
		member{"percent?", integer(1, 100).doc("share of events on which the rule runs")},
		member{"why", text().with("minLength", 1).doc("one sentence for the agent")},
		member{"say?", text().doc("neutral, for the cardholder")},
		member{"source?", oneOrMany()},
		member{"owner?", text()},
		member{"since?", date()},
		member{"version?", version()},
		member{"params?", strs()},
	)
}

func testFile() node {
	c := object(
		member{"name", str().with("minLength", 1)},
		member{"todo?", boolean().doc("known not to pass yet: decides nothing")},
		member{"now?", instant()},
		member{"history?", array(pastEvent()).doc("what happened before: velocity facts are counted over it")},
		member{"event", facts(rules.EventV1(), member{"guards?", array(guard())})},
		member{"expect", expect()},
	)
	return append(node{{"title", "Issuant tests/*_test.yaml"}}, object(
		member{"options?", object(member{"now?", instant()})},
		member{"cases", array(c).with("minItems", 1)},
	)...)
}

// instant is a time in text; YAML readers may make a time of an unquoted one.
func instant() node { return str().doc("RFC 3339, or a date") }

// pastEvent is an event of a history: its at may be relative to the case.
func pastEvent() node {
	n := facts(rules.EventV1())
	for i, m := range n {
		switch m.name {
		case "properties":
			var p node
			for _, f := range m.value.(node) {
				if f.name == "at" {
					f.value = str().doc("an instant, or an offset: -30m, -36h, -2d")
				}
				p = append(p, f)
			}
			n[i].value = p
		}
	}
	return n.with("required", []string{"at"})
}

func expect() node {
	return object(
		member{"outcome?", outcomes()},
		member{"action_code?", enum("00", "85", "14", "54", "N7", "05", "96")},
		member{"rules?", oneOrMany().doc("rules that must hit; others may")},
		member{"not_rules?", oneOrMany().doc("rules that must not hit")},
		member{"shadow?", oneOrMany().doc("shadow rules that must hit")},
		member{"reasons?", oneOrMany().doc("exact")},
		member{"step_up?", channels().doc("exact, in order")},
		member{"degraded?", oneOrMany().doc("exact codes")},
		member{"missing_facts?", oneOrMany().doc("exact")},
		member{"score?", integer(0)},
		member{"section?", str()},
	).with("minProperties", 1)
}
