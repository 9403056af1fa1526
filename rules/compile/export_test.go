package compile

import (
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

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
