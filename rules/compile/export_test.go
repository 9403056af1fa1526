package compile

import (
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

// JudgeOnVM judges without the short cuts of Judge.
func JudgeOnVM(c rules.Condition, env *rules.Env) (rules.Truth, code.Code) {
	cond := c.(*condition)
	return truth(cond.run(cond.prog, env))
}

// Direct reports whether the condition has a form that is judged without the VM.
func Direct(c rules.Condition) bool { return c.(*condition).fast != nil }
