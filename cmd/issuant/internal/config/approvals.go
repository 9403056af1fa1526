package config

import (
	"fmt"
	"sort"
	"strconv"

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
	a, seen := &Approvals{}, map[string]bool{}
	for i := 0; i < len(v.node.Content); i += 2 {
		k, item := v.node.Content[i], v.node.Content[i+1]
		switch {
		case seen[k.Value]:
			bad(k.Line, "key %q stands twice", k.Value)
		case k.Value == "required":
			n, err := strconv.Atoi(item.Value)
			if err != nil || item.Kind != yaml.ScalarNode || n < 1 {
				bad(k.Line, "required is a number from 1 on")
				return
			}
			a.Required = n
		case k.Value == "approvers":
			pairs(value{node: item}, "names to files with their public keys", func(line int, format string, args ...any) { bad(max(line, k.Line), format, args...) }, func(name, file string, line int) {
				a.Approvers = append(a.Approvers, Approver{name, file, line})
			})
		default:
			bad(k.Line, "unknown key %q%s", k.Value, didYouMean(k.Value, []string{"required", "approvers"}))
		}
		seen[k.Value] = true
	}
	sort.Slice(a.Approvers, func(i, k int) bool { return a.Approvers[i].Name < a.Approvers[k].Name })
	if broken {
		return
	}
	if err := a.check(); err != nil {
		bad(0, "%w", err)
		return
	}
	c.Approvals = a
}

func (a *Approvals) check() error {
	files := map[string]bool{}
	for _, p := range a.Approvers {
		switch {
		case !routeName.MatchString(p.Name):
			return fmt.Errorf("the name %q of an approver is not 1 to 32 of a-z 0-9 _ -, beginning with a letter", p.Name)
		case p.Key == "":
			return fmt.Errorf("the approver %s has no file", p.Name)
		case files[p.Key]:
			return fmt.Errorf("two approvers have the file %s; each needs a key of their own", p.Key)
		}
		files[p.Key] = true
	}
	switch n := len(a.Approvers); {
	case n == 0:
		return fmt.Errorf("approvers is missing: {NAME: FILE with the public key}")
	case n > MaxApprovers:
		return fmt.Errorf("more than %d approvers", MaxApprovers)
	case a.Required == 0:
		return fmt.Errorf("required is missing: how many approvers have to agree")
	case a.Required > n:
		return fmt.Errorf("required is %d, and there are %d approvers: no pack could ever be taken", a.Required, n)
	}
	return nil
}

// Equal reports whether two settings ask for the same; nil for none.
func (a *Approvals) Equal(b *Approvals) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Required != b.Required || len(a.Approvers) != len(b.Approvers) {
		return false
	}
	for i := range a.Approvers {
		if a.Approvers[i].Name != b.Approvers[i].Name || a.Approvers[i].Key != b.Approvers[i].Key {
			return false
		}
	}
	return true
}
