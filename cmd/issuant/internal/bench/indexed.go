package bench

import "github.com/issuant/issuant/rules"

// indexed tells whether a condition is judged without expr's VM.
func indexed(c rules.Condition) (ok bool, why string) {
	d, has := c.(rules.Direct)
	if has && d.Direct() != nil {
		return true, ""
	}
	return false, "it runs on expr's VM"
}
