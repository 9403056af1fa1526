package base64url_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/base64url"
)

func Example() {
	out, ok := base64url.Append(nil, "e30")
	fmt.Printf("%s %v\n", out, ok)
	// Output: {} true
}

func TestAppendRefusesWhatIsNotCanonical(t *testing.T) {
	for _, text := range []string{"A", "AA=", "AA==", "AB", "AAB", "A A", "AA\n", "\rAA", "A+", "A/", "AAAAA", "é"} {
		if out, ok := base64url.Append(nil, text); ok {
			t.Errorf("%q gives %x", text, out)
		}
	}
}

func TestAppendReadsEveryLength(t *testing.T) {
	data := make([]byte, 100)
	for i := range data {
		data[i] = byte(i * 37)
	}
	for n := range data {
		text := base64.RawURLEncoding.EncodeToString(data[:n])
		out, ok := base64url.Append(make([]byte, 0, n), text)
		if !ok || !bytes.Equal(out, data[:n]) {
			t.Errorf("%d bytes: %v %x", n, ok, out)
		}
		for i := range text { // nothing foreign hides anywhere
			for _, c := range []string{"=", "+", "/", "\n", "\x00", "\x80", "\xff"} {
				if _, ok := base64url.Append(nil, text[:i]+c+text[i+1:]); ok {
					t.Errorf("%q is taken at %d of %d", c, i, len(text))
				}
			}
		}
	}
}

// FuzzAppend compares with the standard library, which passes over line breaks.
func FuzzAppend(f *testing.F) {
	for _, s := range []string{"", "e30", "AA", "AB", "_-8", "AAAA\n", "AAAAAAA", "AAAAAAAA", "AAAA-___", "AAAAAAAAA", "AAAAAAAAAB", "eyJhbGciOiJSUzI1NiJ9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		dst := []byte("kept")
		out, ok := base64url.Append(dst, text)
		want, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if strict := err == nil && !strings.ContainsAny(text, "\r\n"); ok != strict {
			t.Fatalf("%q: %v, and the standard library says %v", text, ok, err)
		}
		if !ok {
			want = nil
		} else if base64url.Len(len(text)) != len(want) {
			t.Errorf("%q has %d bytes, not %d", text, len(want), base64url.Len(len(text)))
		}
		if !bytes.Equal(out, append(dst, want...)) {
			t.Errorf("%q gives %x, not %x", text, out, want)
		}
	})
}
