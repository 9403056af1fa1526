// Package lint finds what is wrong with a pack that compiles: rules that can never
// hit, that another covers or that no counterpart's events can reach, clauses that
// contradict each other or add nothing, facts whose absence turns an outcome green,
// and what keeps a rule out of the index.
//
// What it says of conditions it decides on their normal forms, exactly, where every
// clause is a test of one fact: the fragment that package logic lowers to atoms. Of
// other clauses it knows only that equal ones are equal; what then cannot be proven is called undecided,
// and a finding is never a guess. Lists count as if they could hold anything.
//
// It reads no file and no clock, and decides nothing itself: what an outcome is when a
// fact is missing it asks the engine, through Options.
package lint
