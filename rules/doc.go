// Package rules holds decision packs: what a rule author wrote, checked,
// compiled and ready to run over the facts of one event.
//
// A Pack is inert and immutable; it may be shared between goroutines. It is made
// by package rules/compile from YAML, or by Load from its binary form. Running it
// gives a verdict for each rule and nothing else: joining verdicts to an outcome
// is the work of package engine.
//
// # Events
//
// An event is read into Facts: from JSON by a Decoder, from a Go struct by a Binding,
// or field by field with Set. A decoder is strict: equal names, names that differ
// only in case, bytes that are not UTF-8, numbers beyond their type, and whatever is
// beyond a bound are refused.
//
// # Missing data
//
// Conditions are judged in three-valued logic. Every fact of an event is present
// or absent. A comparison, membership test, arithmetic operation or function of
// an absent value is unknown; false and unknown is false, true or unknown is
// true; has(x) is never unknown; x ?? v gives v when x is absent. An arithmetic
// error is a fourth value: it gives way to what decides the whole (false and
// error is false, true or error is true), and wins over unknown. The order in
// which operands or rules are written never changes an answer.
package rules
