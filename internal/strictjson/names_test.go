package strictjson

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// TestNameTreeKnowsWhatAMapKnows compares with a map, in orders that are bad for trees.
func TestNameTreeKnowsWhatAMapKnows(t *testing.T) {
	const n = 5000
	r := rand.New(rand.NewPCG(1, 2))
	for order, key := range map[string]func(i int) string{
		"rising":   func(i int) string { return fmt.Sprintf("%06d", i) },
		"falling":  func(i int) string { return fmt.Sprintf("%06d", n-i) },
		"zigzag":   func(i int) string { return fmt.Sprintf("%06d", n+i*(1-2*(i&1))) },
		"random":   func(int) string { return strconv.Itoa(r.IntN(n)) },
		"prefixes": func(i int) string { return strings.Repeat("a", i%900) },
	} {
		var tree nameTree
		known := map[string]span{}
		for i := range n {
			k, name := key(i), span{uint32(i), uint32(i)}
			want, was := known[k]
			if have, found := tree.add(k, name); found != was || have != want {
				t.Fatalf("%s: key %q: %v, %v, want %v, %v", order, k, have, found, want, was)
			}
			if !was {
				known[k] = name
			}
		}
		if depth := tree.depth(tree.root); depth > 2*13 { // 2^13 > n
			t.Errorf("%s: %d names are %d deep", order, n, depth)
		}
	}
}

func (t *nameTree) depth(at int32) int {
	if at == 0 {
		return 0
	}
	return 1 + max(t.depth(t.nodes[at].left), t.depth(t.nodes[at].right))
}

// TestParseFindsEqualNamesAmongMany: an object with as many names as are taken is read, and
// a name that stands twice in it is found, wherever it stands.
func TestParseFindsEqualNamesAmongMany(t *testing.T) {
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, `"%05d":0,`, i)
	}
	many := b.String()
	if _, err := Parse([]byte("{"+many+`"x":0}`), Limits{}); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"00000", "00016", "50000", "99999"} {
		if _, err := Parse([]byte("{"+many+`"`+name+`":0}`), Limits{}); err == nil || !strings.Contains(err.Error(), "duplicate name") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
