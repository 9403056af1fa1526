package rules_test

import (
	"errors"
	"testing"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

func TestOutcomesAreOrderedByWorse(t *testing.T) {
	order := []rules.Outcome{rules.Green, rules.Yellow, rules.Orange, rules.Red}
	for i, a := range order {
		for j, b := range order {
			if b.Worse(a) != (j > i) {
				t.Errorf("%v worse than %v: %v", b, a, b.Worse(a))
			}
			if want := order[max(i, j)]; a.Join(b) != want || b.Join(a) != want {
				t.Errorf("%v and %v join to %v", a, b, a.Join(b))
			}
		}
	}
	var zero rules.Outcome
	if zero != rules.Red || rules.Outcome(77).String() != "red" {
		t.Error("the zero outcome, or one that does not exist, is not red")
	}
}

func TestOutcomeTextRoundTrips(t *testing.T) {
	for _, o := range []rules.Outcome{rules.Green, rules.Yellow, rules.Orange, rules.Red} {
		b, err := o.MarshalText()
		var back rules.Outcome
		if err != nil || back.UnmarshalText(b) != nil || back != o {
			t.Errorf("%v: %s, %v", o, b, err)
		}
	}
	for _, s := range []string{"", "Green", "amber", "green "} {
		o := rules.Green
		if err := o.UnmarshalText([]byte(s)); !errors.Is(err, rules.ErrOutcome) || code.Of(err) != code.Event || o != rules.Red {
			t.Errorf("%q: %v, %v", s, o, err)
		}
	}
}

func TestTruthNames(t *testing.T) {
	var zero rules.Truth
	if zero != rules.Unknown || rules.True.String() != "true" || rules.False.String() != "false" || rules.Error.String() != "error" || zero.String() != "unknown" {
		t.Error("a truth has another name, or the zero truth is not unknown")
	}
}
