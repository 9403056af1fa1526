package digest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/digest"
)

func Example() {
	d := digest.Of(nil)
	fmt.Println(d, digest.Is(d))
	// Output: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 true
}

func TestIsTakesOneFormAlone(t *testing.T) {
	d := digest.Of([]byte("x"))
	for _, s := range []string{"", d[1:], d + "0", strings.ToUpper(d), d[:63] + "g", d[:63] + "\n", d[:31] + " " + d[32:], d[:63] + "é"} {
		if digest.Is(s) {
			t.Errorf("%q passes", s)
		}
	}
}
