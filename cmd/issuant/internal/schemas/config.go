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
	case config.ProvisionKey:
		return object(
			member{"only?", boolean().doc("no webhooks in this process, and none of their keys")},
			member{"listen?", str().doc("host and port (default 127.0.0.1:8082)")},
			member{"wallets", str().doc("file that says which formats are built with which keys")},
			member{"cards", str().doc("file of cards by their references, for its owner alone or sealed with age")},
			member{"ref_key?", str().doc("file with the key of references: the card must be the grant's")},
			member{"open_with?", str().doc("age key file that opens sealed cards and key files")},
			member{"grant_keys?", str().doc("file with the public keys of who signs grants")},
			member{"audience?", str().doc("name that grants for this place are made for (default issuant)")},
			member{"pack?", str().doc("rules, to decide in place on events that are sent in the place of a grant: a folder or compiled file, or the word starter")},
			member{"tls_cert?", str().doc("PEM certificate chain of this address")}, member{"tls_key?", str().doc("PEM private key of the certificate")},
			member{"client_ca?", str().doc("PEM certificates whose clients may call")},
			member{"clients?", node{{"anyOf", []node{scalar(), array(scalar()).with("minItems", 1)}}}.doc("names of clients, CN or DNS (default all of client_ca)")},
			member{"scheme?", str().doc("signature scheme of requests: a name or FILE.yaml")}, member{"scheme_keys?", str().doc("keys that verify them")},
			member{"max_age?", scalar().doc("greatest age of a signed request (default 1m)")}, member{"skew?", scalar().doc("tolerance between the clocks (default 30s)")},
			member{"deadline?", scalar().doc("from a request to its answer (default 2s)")}, member{"max_in_flight?", scalar().doc("requests at once; more get 503 (default 64)")},
		)
	case "npl_programs":
		return mapOf(enum("by_type", "yellow", "red"))
	}
	return mapOf(str())
}
