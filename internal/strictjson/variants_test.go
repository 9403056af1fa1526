package strictjson

import (
	"fmt"
	"strings"
	"testing"
)

func TestCaseVariantsLetsNamesDifferInCaseOnly(t *testing.T) {
	many := func(names ...string) string {
		var b strings.Builder
		b.WriteString("{")
		for i := range 2 * smallObject {
			fmt.Fprintf(&b, "%q:0,", fmt.Sprint("filler", i))
		}
		for i, n := range names {
			if i > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, "%q:0", n)
		}
		return b.String() + "}"
	}
	lim := Limits{CaseVariants: true}
	for _, in := range []string{`{"a":0,"A":0}`, many("a", "A")} {
		if _, err := Parse([]byte(in), lim); err != nil {
			t.Errorf("%.20s: %v", in, err)
		}
		if _, err := Parse([]byte(in), Limits{}); err == nil {
			t.Errorf("%.20s: taken without CaseVariants", in)
		}
	}
	for _, in := range []string{`{"a":0,"A":0,"a":0}`, many("a", "A", "a")} {
		if _, err := Parse([]byte(in), lim); err == nil || !strings.Contains(err.Error(), "duplicate name") {
			t.Errorf("%.20s: %v", in, err)
		}
	}
}
