package luhn_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/issuant/issuant/internal/luhn"
)

func Example() {
	fmt.Println(luhn.Valid("4111111111111111"), luhn.Valid("4111111111111112"), luhn.Valid("4111-1111"))
	// Output: true false false
}

// TestOneCheckDigitFitsAndEverySlipIsSeen: of the ten last digits exactly one is
// valid, and a change of any one digit breaks it.
func TestOneCheckDigitFitsAndEverySlipIsSeen(t *testing.T) {
	for n := range 500 {
		stem, good := strconv.Itoa(400000000000+n*7919), ""
		for d := range 10 {
			if s := stem + strconv.Itoa(d); luhn.Valid(s) {
				if good != "" {
					t.Fatalf("%s and %s are both valid", good, s)
				}
				good = s
			}
		}
		for i := range len(good) {
			slip := []byte(good)
			slip[i] = '0' + (slip[i]-'0'+1)%10
			if good == "" || luhn.Valid(slip) {
				t.Fatalf("stem %s: the slip %s is valid", stem, slip)
			}
		}
	}
}
