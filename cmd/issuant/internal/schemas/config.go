package schemas

import (
	"strings"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
)

// configuration is issuant.yaml as serve and doctor read it. The flags of other verbs
// may stand at its top too, so that is left open; what serve does not know there, it
// refuses.
func configuration() node {
	top, flat := node{}, node{}
	for _, s := range config.Top() {
		top = append(top, member{s.Name, setting(s)})
	}
	below := []member{}
	for _, s := range config.PerCounterpart() {
		below = append(below, member{s.Name + "?", setting(s)})
		if s.Flag != "" {
			name := strings.ReplaceAll(s.Flag, "-", "_")
			s.Doc = "of the only counterpart: " + s.Doc
			flat = append(flat, member{name, setting(s)})
		}
	}
	counterparts := node{{"type", "object"}, {"minProperties", 1}, {"patternProperties", node{{"^[a-z][a-z0-9_-]{0,31}$", object(below...)}}}, {"additionalProperties", false}}
	properties := append(append(top, member{config.CounterpartsKey, counterparts.doc("senders of webhooks, by name: POST /v1/webhooks/NAME")}), flat...)
	return node{{"title", "Issuant configuration"}, {"type", "object"}, {"properties", properties}}
}

// scalar is a value as YAML writes it: 300, 5m and "5m" are texts alike.
func scalar() node { return node{{"type", []string{"string", "number", "boolean"}}} }

func setting(s config.Setting) node {
	var n node
	switch {
	case s.Kind == config.Table:
		n = table(s.Name)
	case s.Kind == config.Yes:
		n = boolean()
	case s.Kind == config.Many:
		n = node{{"anyOf", []node{scalar(), array(scalar()).with("minItems", 1)}}}
	case len(s.Enum) > 0:
		n = enum(s.Enum...)
	default:
		n = scalar()
	}
	return n.doc(s.Doc)
}

// table is a setting that is more than values.
func table(name string) node {
	switch name {
	case "apps":
		return array(object(
			member{"url", str().doc("opens the app: scheme://..., not http")},
			member{"platform", enum("ios", "android", "windows", "web", "IOS", "ANDROID", "WINDOWS", "WEB")},
			member{"source?", str()},
		)).with("minItems", 1)
	case config.ApprovalsKey:
		return object(
			member{"required", integer(1, config.MaxApprovers).doc("different approvers that have to agree")},
			member{"approvers", mapOf(str()).doc("file with the Ed25519 public key, PEM, by name")},
		)
	case config.TrustKey:
		root := []member{
			{"required", integer(1, config.MaxApprovers).doc("different signers that have to agree")},
			{"signers", mapOf(str()).doc("file with the Ed25519 public key, PEM, by name")},
		}
		return object(
			member{"packs?", object(append(root, member{"name?", str().doc("that the signed file has to have; by default that of the first one")})...)},
			member{"rings?", object(root...)},
		)
	case "npl_programs":
		return mapOf(enum("by_type", "yellow", "red"))
	}
	return mapOf(str())
}
