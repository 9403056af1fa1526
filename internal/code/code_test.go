package code_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/issuant/issuant/internal/code"
)

func Example() {
	errStale := code.New(code.Stale, "webhook: message is stale")
	err := fmt.Errorf("while opening: %w", errStale)
	fmt.Println(code.Of(err), uint32(code.Of(err)), errors.Is(err, errStale))
	// Output: stale 208 true
}

func TestNamesAreUnique(t *testing.T) {
	seen := map[string]code.Code{}
	for c, name := range code.All() {
		if other, dup := seen[name]; dup {
			t.Errorf("%d and %d are both %q", c, other, name)
		}
		seen[name] = c
	}
	if len(seen) < 30 {
		t.Errorf("only %d codes", len(seen))
	}
}

// TestCodesNeverChange pins numbers that other things depend on: the refusals of
// the verifier in the order in which they apply, and one of each family.
func TestCodesNeverChange(t *testing.T) {
	refusals := []string{"too_large", "not_signed", "malformed", "algorithm", "key_unknown", "key_refused",
		"signature", "claims", "stale", "body_hash", "replayed"}
	for i, name := range refusals {
		if got := code.Code(200 + i).String(); got != name {
			t.Errorf("%d is %q, want %q", 200+i, got, name)
		}
	}
	for c, name := range map[code.Code]string{0: "ok", 100: "compile", 300: "config", 400: "decode", 500: "internal", 999: "code_999"} {
		if c.String() != name {
			t.Errorf("%d is %q, want %q", uint16(c), c, name)
		}
	}
}

func TestOf(t *testing.T) {
	inner := code.New(code.NoKey, "keyring: no such key")
	for name, tc := range map[string]struct {
		err  error
		want code.Code
	}{
		"nil":            {nil, code.OK},
		"without a code": {errors.New("x"), code.Internal},
		"sentinel":       {inner, code.NoKey},
		"wrapped":        {fmt.Errorf("a: %w", fmt.Errorf("b: %w", inner)), code.NoKey},
		"joined":         {errors.Join(errors.New("x"), inner), code.NoKey},
	} {
		if got := code.Of(tc.err); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}

func TestAHiddenErrorShowsItsSentinelAlone(t *testing.T) {
	kind := code.New(code.Decryption, "x: cannot be opened")
	err := fmt.Errorf("y: %w", code.Hide(kind, "tag is wrong"))
	if err.Error() != "y: x: cannot be opened" || !errors.Is(err, kind) || code.Of(err) != code.Decryption {
		t.Errorf("%v", err)
	}
	if got := code.Detail(err); got != "tag is wrong" {
		t.Errorf("detail %q", got)
	}
	if got := code.Detail(errors.New("z")); got != "" {
		t.Errorf("detail %q of an error without one", got)
	}
}
