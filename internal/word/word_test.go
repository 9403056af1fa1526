package word_test

import (
	"fmt"
	"testing"

	"github.com/issuant/issuant/internal/word"
)

func Example() {
	fmt.Printf("%x\n", word.Load("-ABCDEFGH", 1))
	// Output: 4847464544434241
}

func TestLoadStaysWithinTheText(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("eight bytes of seven are read")
		}
	}()
	t.Error(word.Load("1234567", 0))
}
