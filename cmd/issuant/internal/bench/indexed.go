package bench

import (
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/logic"
)

// indexed tells whether the index finds a rule. One that has an alternative without
// a test of one fact is judged on every event.
func indexed(c rules.Condition) (ok bool, why string) {
	l, lowered := c.(*rules.Lowered)
	if !lowered {
		return false, "its condition has no lowered form"
	}
	for _, conj := range l.Normal() {
		if len(conj.Atoms) == 0 && len(conj.Opaque) > 0 {
			return false, reasonOf(conj.Opaque[0].Expr)
		}
	}
	return true, ""
}

func reasonOf(e *logic.Expr) string {
	if f := e.Foreign(); f != nil {
		return f.Text
	}
	return "a clause compares facts with each other, or computes"
}
