package rules_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestListExpiry(t *testing.T) {
	l, err := rules.NewList("deny", []rules.ListEntry{
		{Value: "never"}, {Value: "then", Expires: noon}, {Value: "longer", Expires: noon}, {Value: "longer", Expires: noon.Add(1)},
		{Value: "longer", Expires: noon.Add(-1)}, {Value: "always", Expires: noon}, {Value: "always"}, {Value: "always", Expires: noon},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		v    string
		now  time.Time
		want bool
	}{
		{"never", noon, true}, {"then", noon.Add(-1), true}, {"then", noon, false}, {"longer", noon, true},
		{"longer", noon.Add(1), false}, {"always", noon.Add(time.Hour), true}, {"other", noon, false}, {"", noon, false},
	} {
		if got := l.Contains(tc.v, tc.now); got != tc.want {
			t.Errorf("Contains(%q, %v) is %v", tc.v, tc.now, got)
		}
	}
	if l.Len() != 4 || l.Name() != "deny" {
		t.Errorf("%d values in %q", l.Len(), l.Name())
	}
}

func TestListDigestDependsOnContentsOnly(t *testing.T) {
	mk := func(entries ...rules.ListEntry) string {
		l, err := rules.NewList("l", entries)
		if err != nil {
			t.Fatal(err)
		}
		again, err := rules.NewList("other", l.Entries())
		if err != nil || again.Digest() != l.Digest() {
			t.Errorf("entries do not make the same list again: %v", err)
		}
		return l.Digest()
	}
	a := mk(rules.ListEntry{Value: "a"}, rules.ListEntry{Value: "b", Expires: noon, Note: "n"})
	if a != mk(rules.ListEntry{Value: "b", Expires: noon.In(time.FixedZone("x", 3600))}, rules.ListEntry{Value: "a", Note: "m"}) {
		t.Error("order, notes or time zones change the digest")
	}
	for _, other := range []string{mk(), mk(rules.ListEntry{Value: "a"}), mk(rules.ListEntry{Value: "a"}, rules.ListEntry{Value: "b"})} {
		if a == other {
			t.Error("other contents have the same digest")
		}
	}
}

func TestNewListRefuses(t *testing.T) {
	for name, e := range map[string]rules.ListEntry{
		"empty": {}, "long": {Value: strings.Repeat("x", rules.MaxListValue+1)}, "pan": {Value: "4111111111111111"},
		"pan with blanks": {Value: "4111 1111 1111 1111"}, "far": {Value: "a", Expires: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		l, err := rules.NewList("l", []rules.ListEntry{{Value: "ok"}, e})
		if l != nil || !errors.Is(err, rules.ErrList) || code.Of(err) != code.List || strings.Contains(err.Error(), "4111") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLooksLikePAN(t *testing.T) {
	for s, want := range map[string]bool{
		"4111111111111111": true, "4111 1111 1111 1111": true, "4111-1111-1111-1111": true, "378282246310005": true,
		"4222222222222": true, "6304000000000000000": true, "4111111111111112": false, "411111111111": false,
		"411111": false, "k1:4111111111111111": false, "": false, "0000000000000": true, "41111111111111111111": false,
	} {
		if got := rules.LooksLikePAN(s); got != want {
			t.Errorf("LooksLikePAN(%q) is %v", s, got)
		}
	}
}

func TestExpiryTellsAnEntryThatHasEnded(t *testing.T) {
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	l, err := rules.NewList("l", []rules.ListEntry{{Value: "a", Expires: at}, {Value: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	for v, want := range map[string]string{"a": at.String() + " true", "b": time.Time{}.String() + " true", "c": time.Time{}.String() + " false"} {
		if end, ok := l.Expiry(v); end.String()+" "+strconv.FormatBool(ok) != want {
			t.Errorf("%s: %v %v", v, end, ok)
		}
	}
}

func TestHoldsPANFindsACardNumberAmongOtherText(t *testing.T) {
	for s, want := range map[string]bool{
		"4111111111111111": true, "4111 1111 1111 1111": true, "4111-1111-1111-1111": true, "card 4111111111111111!": true,
		"12 4111111111111111": true, "12 4111-1111-1111-1111": true, "no 4111 1111 1111 1111.": true, "-4111111111111111-": true,
		"4111111111111112": false, "k1:5d41402abc4b2a76b9719d911017c592": false, "40010030273": false, "": false, "2026-11-23 10:00": false,
	} {
		if got := rules.HoldsPAN(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}
