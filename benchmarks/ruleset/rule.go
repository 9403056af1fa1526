package ruleset

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Rule is a rule in no engine's language.
type Rule struct {
	ID     string
	Effect string // yellow, orange or red
	Shape  string
	When   Cond
}

// Cond is a condition.
type Cond interface{ cond() }

// The conditions. A Field is a name of event/v1.
type (
	And []Cond
	Or  []Cond

	// Compare is ==, <, <=, > or >= between a field and an int or a string.
	Compare struct {
		Field string
		Op    string
		Value any
	}
	// In tells whether a field's text is one of Values, or none of them.
	In struct {
		Field  string
		Not    bool
		Values []string
	}
	// Holds tells whether a field that is a list has an item of that text.
	Holds struct {
		Field string
		Value string
	}
	// Matches is a search by a regular expression, which no index helps with.
	Matches struct {
		Field   string
		Pattern string
	}
)

func (And) cond()     {}
func (Or) cond()      {}
func (Compare) cond() {}
func (In) cond()      {}
func (Holds) cond()   {}
func (Matches) cond() {}

// Kind is a variant of the rule set.
type Kind struct {
	Name string

	// Beside is how many rules in a thousand have, beside the clauses of their shape, one
	// that cannot be indexed; Alone how many have nothing else.
	Beside, Alone int

	// Overlap makes rules that some 40 in a thousand events hit, as a set does that
	// nobody has tidied: about 400 hits an event at 10,000 rules.
	Overlap bool
}

// The variants.
var (
	Plain     = Kind{Name: "plain"}
	Beside1   = Kind{Name: "beside1", Beside: 10}
	Beside10  = Kind{Name: "beside10", Beside: 100}
	Alone1    = Kind{Name: "alone1", Alone: 10}
	Alone10   = Kind{Name: "alone10", Alone: 100}
	Overlap   = Kind{Name: "overlap", Overlap: true}
	AllKinds  = []Kind{Plain, Beside1, Beside10, Alone1, Alone10, Overlap}
	sizesUsed = []int{1, 10, 100, 1000, 10000}
)

// Sizes are the numbers of rules that engines are weighed at.
func Sizes() []int { return slices.Clone(sizesUsed) }

// shape is a kind of rule; share is in twentieths of the set.
type shape struct {
	name  string
	share int
	make  func(r *rand.Rand) Cond
}

var shapes = []shape{
	{"exact BIN with brand and score", 5, exactBIN},
	{"status code with type and program", 3, statusCode},
	{"BIN range", 3, binRange},
	{"country list with wallet risk", 3, countryList},
	{"numbers only", 2, numbers},
	{"not in list", 1, notInList},
	{"any of two codes", 1, twoCodes},
	{"requestor with velocity", 1, requestorVelocity},
	{"device blocklist or velocity", 1, deviceList},
}

// Rules returns n rules of a variant; those of a smaller n are the first of a larger
// one's. Every twenty rules have each shape in its share.
func Rules(n int, k Kind) []Rule {
	r := rand.New(rand.NewPCG(4, 10000))
	list := make([]Rule, n)
	var deck []shape
	for i := range list {
		if len(deck) == 0 {
			deck = dealt(r)
		}
		s := deck[0]
		deck = deck[1:]
		effect := "yellow"
		if x := r.IntN(10); x < 2 {
			effect = "red"
		} else if x < 5 {
			effect = "orange"
		}
		c := s.make(r)
		if k.Overlap {
			s.name, c = "overlapping", overlapping(r)
		}
		list[i] = Rule{ID: fmt.Sprintf("R%05d", i), Effect: effect, Shape: s.name, When: k.spoiled(r, c)}
	}
	return list
}

func dealt(r *rand.Rand) (deck []shape) {
	for _, s := range shapes {
		for range s.share {
			deck = append(deck, s)
		}
	}
	r.Shuffle(len(deck), func(i, k int) { deck[i], deck[k] = deck[k], deck[i] })
	return deck
}

// spoiled adds, to some rules, a clause that cannot be indexed. It draws as often for
// all variants, so that the other rules are the same.
func (k Kind) spoiled(r *rand.Rand, c Cond) Cond {
	draw, digits := r.IntN(1000), r.IntN(1000)
	beside := Matches{"device.ref", fmt.Sprintf("^k1:.*[%d-%da-f]$", digits%5, digits%5+4)}
	switch {
	case draw < k.Beside:
		return And{c, beside}
	case draw < k.Beside+k.Alone:
		return Matches{"card.bin", fmt.Sprintf("^[45][0-9]{4}%03d$", digits)}
	}
	return c
}

func atLeast(field string, n int) Cond       { return Compare{field, ">=", n} }
func atMost(field string, n int) Cond        { return Compare{field, "<=", n} }
func equals(field, v string) Cond            { return Compare{field, "==", v} }
func between(r *rand.Rand, from, to int) int { return from + r.IntN(to-from+1) }

// some returns n different values.
func some(r *rand.Rand, n, of int, value func(int) string) []string {
	list := make([]string, n)
	for i, k := range r.Perm(of)[:n] {
		list[i] = value(k)
	}
	return list
}

func exactBIN(r *rand.Rand) Cond {
	bin := r.IntN(bins)
	return And{equals("card.bin", binOf(bin)), equals("token.network", networks[bin%2]), atLeast("network_risk.score", between(r, 10, 60))}
}

func statusCode(r *rand.Rand) Cond {
	return And{Holds{"card.codes", codeOf(r.IntN(statuses))}, equals("card.type", pick(r, cardTypes)), equals("card.program", programOf(r.IntN(programs)))}
}

func binRange(r *rand.Rand) Cond {
	from := r.IntN(bins - 20)
	return And{Compare{"card.bin", ">=", binOf(from)}, Compare{"card.bin", "<", binOf(from + 2*between(r, 4, 9))}, equals("token.source", pick(r, sources))}
}

func countryList(r *rand.Rand) Cond {
	return And{In{"device.country", false, some(r, between(r, 3, 10), countries, countryOf)},
		atMost("wallet.device_score", between(r, 1, 2)), atMost("wallet.account_score", 2)}
}

func numbers(r *rand.Rand) Cond {
	return And{atLeast("network_risk.score", between(r, 88, 96)), Compare{"card.age_days", "<", between(r, 10, 60)}, atLeast("vel.attempts_card_24h", between(r, 1, 2))}
}

func notInList(r *rand.Rand) Cond {
	return And{In{"token.requestor_id", true, some(r, 5, requestors, requestorOf)}, equals("card.type", "TEMPORARY"), atLeast("vel.cards_device_24h", between(r, 7, 8))}
}

func twoCodes(r *rand.Rand) Cond {
	codes := some(r, 2, statuses, codeOf)
	return And{Or{Holds{"card.codes", codes[0]}, Holds{"card.codes", codes[1]}}, equals("wallet.recommendation", "decline"), atLeast("vel.devices_card_30d", between(r, 3, 5))}
}

func requestorVelocity(r *rand.Rand) Cond {
	return And{equals("token.requestor_id", requestorOf(r.IntN(requestors))), atLeast("vel.cards_requestor_10m", between(r, 190, 199))}
}

func deviceList(r *rand.Rand) Cond {
	return Or{In{"device.ref", false, some(r, between(r, 3, 6), devices, deviceOf)}, atLeast("vel.declines_device_24h", between(r, 10, 13))}
}

func overlapping(r *rand.Rand) Cond {
	return And{equals("token.network", pick(r, networks)), In{"token.source", false, []string{pick(r, sources), pick(r, sources)}},
		atLeast("network_risk.score", between(r, 20, 80)), atMost("wallet.device_score", between(r, 3, 5))}
}
