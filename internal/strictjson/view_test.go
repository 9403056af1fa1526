package strictjson_test

import (
	"testing"

	"github.com/issuant/issuant/internal/strictjson"
)

// TestReadViewReadsAsRead compares both on texts good and bad, and on the bound.
func TestReadViewReadsAsRead(t *testing.T) {
	for _, text := range []string{`{"a":"x","b":[1,"\u00e9",null]}`, `{"a":1,"a":2}`, `"` + "\xff" + `"`, ``, `[1] 2`, `"0123456789012345678901234567890"`} {
		lim := strictjson.Limits{MaxBytes: 32}
		a, errA := strictjson.Read([]byte(text), lim)
		b, errB := strictjson.ReadView([]byte(text), lim)
		if (errA == nil) != (errB == nil) || errA != nil && errA.Error() != errB.Error() {
			t.Errorf("%q: %v, as a view %v", text, errA, errB)
		}
		if errA != nil || errB != nil {
			continue
		}
		x, okA := a.Root().Get("a")
		y, okB := b.Root().Get("a")
		if okA != okB || x.Str() != y.Str() || a.Root().Len() != b.Root().Len() {
			t.Errorf("%q: %q, as a view %q", text, x.Str(), y.Str())
		}
		a.Release()
		b.Release()
	}
}
