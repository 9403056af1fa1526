package strictjson_test

import (
	"strconv"
	"testing"

	"github.com/issuant/issuant/internal/strictjson"
)

// TestParseIntReadsWhatStrconvReads: numbers of every length, and each with one byte that
// is no digit.
func TestParseIntReadsWhatStrconvReads(t *testing.T) {
	for n := range 19 {
		text := []byte("9081726354123456789"[:n+1])
		want, err := strconv.ParseInt(string(text), 10, 64)
		if got, ok := strictjson.ParseInt(string(text)); ok != (err == nil) || got != want {
			t.Errorf("%s: %d %v", text, got, ok)
		}
		for i := range text {
			for _, c := range "/:a\x00\xff.e" {
				text[i] = byte(c)
				if got, ok := strictjson.ParseInt(string(text)); ok {
					t.Errorf("%q: %d", text, got)
				}
			}
			text[i] = '0'
		}
	}
}
