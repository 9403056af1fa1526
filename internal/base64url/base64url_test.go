package base64url_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/issuant/issuant/internal/base64url"
)

func Example() {
	out, ok := base64url.Append(nil, []byte("e30"))
	fmt.Printf("%s %v\n", out, ok)
	// Output: {} true
}

func TestAppendRefusesWhatIsNotCanonical(t *testing.T) {
	for _, text := range []string{"A", "AA=", "AA==", "AB", "AAB", "A A", "AA\n", "\rAA", "A+", "A/", "AAAAA", "é"} {
		if out, ok := base64url.Append(nil, []byte(text)); ok {
			t.Errorf("%q gives %x", text, out)
		}
	}
}

// FuzzAppend: whatever is taken is the one text of its bytes.
func FuzzAppend(f *testing.F) {
	for _, s := range []string{"", "e30", "AA", "AB", "_-8", "AAAA\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dst := []byte("kept")
		out, ok := base64url.Append(dst, text)
		if !ok {
			return
		}
		if !bytes.HasPrefix(out, dst) || base64.RawURLEncoding.EncodeToString(out[4:]) != string(text) || base64url.Len(len(text)) != len(out)-4 {
			t.Errorf("%q gives %x", text, out)
		}
	})
}
