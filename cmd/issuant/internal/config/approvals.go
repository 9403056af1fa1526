package config

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ApprovalsKey is the key of the people who approve packs. Like counterparts it is
// the file's alone.
const ApprovalsKey = "approvals"

// MaxApprovers bounds the approvers, inclusive.
const MaxApprovers = 32

// Approvals says who has to approve a pack before it is taken.
type Approvals struct {
	Required  int        // different approvers; 1 to the number of Approvers
	Approvers []Approver // sorted by name; names and files differ
}

// Approver is a person with a key.
type Approver struct {
	Name string
	Key  string // file with the Ed25519 public key, PEM
	Line int    // in the file of the configuration
}

// setApprovals reads {required: N, approvers: {NAME: FILE}}.
func setApprovals(c *Config, v value, report func(int, string, ...any)) {
	broken := false // what is missing because of a fault is not told too
	bad := func(line int, format string, args ...any) {
		broken = true
		report(line, format, args...)
	}
	if v.node == nil || v.node.Kind != yaml.MappingNode {
		bad(0, "is a mapping {required: 2, approvers: {NAME: FILE with the public key}}")
		return
	}
	a := &Approvals{}
	if readPeople(v.node, "approver", &a.Required, &a.Approvers, nil, bad); broken {
		return
	}
	c.Approvals = a
}

// readPeople reads how many of whom are required: {required: N, WHATs: {NAME: FILE}},
// and what more there is.
func readPeople(n *yaml.Node, what string, required *int, people *[]Approver, more map[string]func(item *yaml.Node) error, report func(int, string, ...any)) {
	broken := false
	bad := func(line int, format string, args ...any) {
		broken = true
		report(line, format, args...)
	}
	known, seen := []string{"required", what + "s"}, map[string]bool{}
	for name := range more {
		known = append(known, name)
	}
	for i := 0; i < len(n.Content); i += 2 {
		k, item := n.Content[i], n.Content[i+1]
		set := more[k.Value]
		switch {
		case seen[k.Value]:
			bad(k.Line, "key %q stands twice", k.Value)
		case k.Value == "required":
			n, err := strconv.Atoi(item.Value)
			if err != nil || item.Kind != yaml.ScalarNode || n < 1 {
				bad(k.Line, "required is a number from 1 on")
				return
			}
			*required = n
		case k.Value == what+"s":
			pairs(value{node: item}, "names to files with their public keys", func(line int, format string, args ...any) { bad(max(line, k.Line), format, args...) }, func(name, file string, line int) {
				*people = append(*people, Approver{name, file, line})
			})
		case set != nil:
			if err := set(item); err != nil {
				bad(k.Line, "%w", err)
			}
		default:
			sort.Strings(known)
			bad(k.Line, "unknown key %q%s", k.Value, didYouMean(k.Value, known))
		}
		seen[k.Value] = true
	}
	slices.SortFunc(*people, func(a, b Approver) int { return strings.Compare(a.Name, b.Name) })
	if broken {
		return
	}
	if err := checkPeople(what, *required, *people); err != nil {
		bad(0, "%w", err)
	}
}

func checkPeople(what string, required int, people []Approver) error {
	files := map[string]bool{}
	for _, p := range people {
		switch {
		case !routeName.MatchString(p.Name):
			return fmt.Errorf("the name %q of %s is not 1 to 32 of a-z 0-9 _ -, beginning with a letter", p.Name, article(what))
		case p.Key == "":
			return fmt.Errorf("the %s %s has no file", what, p.Name)
		case files[p.Key]:
			return fmt.Errorf("two %ss have the file %s; each needs a key of their own", what, p.Key)
		}
		files[p.Key] = true
	}
	switch n := len(people); {
	case n == 0:
		return fmt.Errorf("%ss is missing: {NAME: FILE with the public key}", what)
	case n > MaxApprovers:
		return fmt.Errorf("more than %d %ss", MaxApprovers, what)
	case required == 0:
		return fmt.Errorf("required is missing: how many %ss have to agree", what)
	case required > n:
		return fmt.Errorf("required is %d, and there are %d %ss: no pack could ever be taken", required, n, what)
	}
	return nil
}

func article(what string) string {
	if what == "approver" {
		return "an approver"
	}
	return "a " + what
}

// Equal reports whether two settings ask for the same; nil for none.
func (a *Approvals) Equal(b *Approvals) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Required == b.Required && samePeople(a.Approvers, b.Approvers)
}

func samePeople(a, b []Approver) bool {
	return slices.EqualFunc(a, b, func(a, b Approver) bool { return a.Name == b.Name && a.Key == b.Key })
}
