package lint

// Level is how bad a finding is. The zero Level is the worst.
type Level uint8

const (
	Error   Level = iota // the pack does not do what it says
	Warning              // it probably does not do what its author meant
	Note                 // worth knowing
)

var levelNames = [...]string{"error", "warning", "note"}

// String returns "error", "warning" or "note".
func (l Level) String() string { return levelNames[min(l, Note)] }

// CodeInfo is one row of the table of codes.
type CodeInfo struct {
	Code  string // stable, never reused
	Level Level
	Text  string // one sentence
	Long  string // what it means, why it matters and what to do
}

// Codes returns every code, sorted. The caller owns the slice.
func Codes() []CodeInfo { return append([]CodeInfo(nil), codes...) }

// Explain returns the row of a code; ok is false when there is none.
func Explain(code string) (info CodeInfo, ok bool) {
	for _, c := range codes {
		if c.Code == code {
			return c, true
		}
	}
	return CodeInfo{}, false
}

func levelOf(code string) Level {
	info, _ := Explain(code)
	return info.Level
}

var codes = []CodeInfo{
	{"L0101", Error, "A rule can never hit.",
		`No event makes the condition true, whatever its facts are: its clauses contradict each other, as in
card.age_days < 2 and card.age_days > 5. This is decided on the sets of values that the clauses allow, and is certain.
Somebody believes that this rule protects them. Correct the condition, or remove the rule.`},
	{"L0102", Error, "A clause can never be true.",
		`One alternative of the condition contradicts itself, or one clause has no value for which it is true, as in
len(card.bin) < 0. The rule may still hit by its other alternatives, but never by this one. Correct or remove the clause.`},
	{"L0103", Warning, "A clause adds nothing.",
		`Leaving the clause out changes no decision: the others say as much already, as in card.age_days < 2 and card.age_days < 5,
or it is true for every value. Often one of the two numbers or names is a slip. Remove the clause, or correct it.`},
	{"L0104", Warning, "Whenever a rule hits, another that is at least as bad hits too.",
		`The rule never decides the outcome, since the other one hits on each of its events, always runs (no shadow, no percent), and
gives the same colour or a worse one. With hit: first, where the first hit decides, a rule above it takes all of its events. It still adds its reason, and what it requires of a step-up. Remove
it, make the other one narrower, or keep it for its reason if that is what you want.`},
	{"L0105", Warning, "Two rules have the same condition.",
		`They hit on the same events, even if they are written differently. Join them, or correct the one that was meant to differ.`},
	{"L0106", Note, "Two rules that read the same facts overlap, with different effects.",
		`There are events on which both hit, and events on which only one does. The worse colour wins (with hit: first the rule that
stands first). The finding shows such an event. Nothing is wrong with that in itself; look whether the border between the two is where you want it.`},
	{"L0107", Note, "Whether two rules overlap is not decided.",
		`The rules read the same facts, but clauses that are no tests of one fact stand in the way: comparisons of two facts,
arithmetic, contains, endsWith, matches and the like. Tests of the pack are the way to find out.`},
	{"L0108", Error, "A section never applies.",
		`Its condition is never true, or the sections before it, of which the first that is true applies, take all of its events.`},
	{"L0201", Warning, "Without a fact, an outcome that is not green turns green.",
		`The finding names the fact and the event: the pack was asked to decide on it with and without the fact. Whoever can keep the
fact away (a source that fails, a field that a sender leaves out) gets a better outcome. List the fact in green_requires, give the rule
on_missing: hit, or ask for absence: not has(field) or ... . Where nobody can withhold the fact, or its absence is harmless, this is no fault.`},
	{"L0202", Note, "Not every rule was tried for missing facts.",
		`The pack has so many rules that events were made for the first of them only. Findings of L0201 are true, but there may be more; test cases
of the pack are tried in any case.`},
	{"L0301", Error, "A file of the pack holds what looks like a card number.",
		`13 to 19 digits with a valid check digit. Packs are mailed, reviewed and kept in version control: account data does not belong
there, not even in a test or a comment. Use a keyed reference (card.ref), a BIN and the last four digits, or digits whose check digit is wrong.`},
	{"L0302", Warning, "A rule reads a field whose name sounds like what is known only afterwards.",
		`A rule that reads a label (fraud, chargeback, dispute ...) looks perfect on past events and is blind on new ones. If the field is known only after
the decision, give it label: true in the schema, and rules cannot read it. If it is known before, rename it so that nobody wonders.`},
	{"L0401", Note, "A rule is judged on every event, since the index cannot find it.",
		`The index finds the few rules that an event can make true by tests of one fact against constants. A rule with an alternative that has no such test is
judged on every event, which is what it costs: one such rule is nothing, a thousand of them are a thousand times as much. The finding names the clause and what to write instead.
Joining the alternative with a test of one fact (and token.network == "visa") is enough.`},
	{"L0402", Note, "A rule has a clause that runs on expr's virtual machine.",
		`The clause has no lowered form, so that it costs about ten times what others do, and a pack in binary form cannot be loaded where expr is not linked in. The finding says what to write instead.`},
	{"L0501", Warning, "No counterpart's events can make a rule hit.",
		`The rule reads facts that none of the known counterparts sends and that issuers do not usually gather, so it is unknown on every event. If you gather such a fact yourself
this is no fault; else the rule is dead.`},
	{"L0502", Note, "One counterpart's events can never make a rule hit.",
		`The rule reads only facts that this counterpart does not send and that issuers do not usually gather. For other counterparts it works.`},
	{"L0601", Warning, "A shadow rule has ended.",
		`Its until has passed, so it is not judged any more. Make it a rule, give it more time, or remove it.`},
}
