package compile

import (
	"regexp/syntax"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

// Plain is the operator that a pattern is read as.
var Plain = plain

// HasTable tells whether a pattern is matched by a table, not by package regexp.
func HasTable(pattern string) bool {
	re, err := syntax.Parse(pattern, syntax.Perl)
	return err == nil && automatonOf(re) != nil
}

// OnVM compiles a condition of a pack for expr's VM, whether it can be lowered or not.
func OnVM(m *rules.Manifest, when string) (judge func(env *rules.Env) (rules.Truth, code.Code), err error) {
	ch, root, _ := checkCondition(newScope(m), when)
	prog, err := program(root, ch.info)
	if err != nil {
		return nil, err
	}
	own := &machine{machines: newMachines(), prog: prog}
	return own.Judge, nil
}
