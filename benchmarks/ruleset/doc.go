// Package ruleset makes the rules and events that Issuant and its peers are weighed
// on: seeded, so that every run weighs the same, and neutral, so that every engine is
// given the same conditions in its own language.
//
// The rules have the nine shapes, in the shares, of an issuer's rules for card
// tokenisation as they were counted when the engine was designed; about one rule in a
// thousand matches an event. Fields are those of event/v1. Every event carries every
// field that a rule reads: engines differ in what they make of one that is absent, and
// what is weighed here is what they agree on.
package ruleset
