// Package engine joins the verdicts of a rules.Pack, the guards of a counterpart
// and the wallet's recommendation to one decision, and carries a signed webhook
// through to its answer and record.
//
// The package is pure: it reads no clock, does no I/O and starts no goroutine;
// the instant now is an argument everywhere. The same pack, event, lists and now
// give the same bytes out, in every runtime.
package engine
