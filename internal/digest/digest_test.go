package digest_test

import (
	"crypto/sha256"
	"encoding/hex"
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

func TestDigestsAreTheDigitsOfTheirBytes(t *testing.T) {
	for i := range 256 {
		data := []byte{byte(i)}
		sum := sha256.Sum256(data)
		if got, want := digest.Of(data), hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		for at := range sum {
			sum[at] = byte(i + at)
		}
		if got, want := digest.Text(new([64]byte), &sum), hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
