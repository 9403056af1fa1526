package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/crypto/trust"
)

// TrustKey is the key of those who sign packs and key rings. It is the file's alone.
const TrustKey = "trust"

// Trust says whose signatures packs and key files need; nil for none.
type Trust struct{ Packs, Rings *TrustRoot }

// TrustRoot is who signs, and how many of them have to.
type TrustRoot struct {
	Required int
	Signers  []Approver // sorted by name; names and files differ
	Name     string     // of packs: that the signed file has to have; "" = as the first one
}

// Equal reports whether two settings ask for the same; nil for none.
func (t *TrustRoot) Equal(o *TrustRoot) bool {
	if t == nil || o == nil {
		return t == o
	}
	return t.Required == o.Required && t.Name == o.Name && samePeople(t.Signers, o.Signers)
}

// setTrust reads {packs: {required: N, signers: {NAME: FILE}, name: NAME}, rings: {...}}.
func setTrust(c *Config, v value, bad func(int, string, ...any)) {
	if v.node == nil || v.node.Kind != yaml.MappingNode || len(v.node.Content) == 0 {
		bad(0, "is a mapping {packs: {required: 1, signers: {NAME: FILE with the public key}}, rings: {...}}")
		return
	}
	places := map[string]**TrustRoot{"packs": &c.Trust.Packs, "rings": &c.Trust.Rings}
	seen := map[string]bool{}
	for i := 0; i < len(v.node.Content); i += 2 {
		k, item := v.node.Content[i], v.node.Content[i+1]
		place := places[k.Value]
		switch {
		case place == nil:
			bad(k.Line, "unknown key %q%s", k.Value, didYouMean(k.Value, []string{"packs", "rings"}))
		case seen[k.Value]:
			bad(k.Line, "key %q stands twice", k.Value)
		case item.Kind != yaml.MappingNode:
			bad(k.Line, "%s is a mapping {required: 1, signers: {NAME: FILE with the public key}}", k.Value)
		default:
			root := &TrustRoot{}
			more := map[string]func(*yaml.Node) error{}
			if k.Value == "packs" {
				more["name"] = func(n *yaml.Node) error { root.Name = n.Value; return checkFileName(n) }
			}
			readPeople(item, "signer", &root.Required, &root.Signers, more, func(line int, format string, args ...any) {
				bad(max(line, k.Line), k.Value+": "+format, args...)
			})
			*place = root
		}
		seen[k.Value] = true
	}
}

func checkFileName(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode || !trust.ValidName(n.Value) {
		return fmt.Errorf("name is not 1 to %d of a-z 0-9 . _ - and /, beginning with a letter or digit", trust.MaxName)
	}
	return nil
}
