package config

import (
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine/gatehttp"
)

// ProvisionKey is the key of the provision routes. It is the file's alone.
const ProvisionKey = "provision"

// Provision says where and for whom wallet payloads are built. It has a listener of its
// own, and is never open: Client CA, or Signed.
type Provision struct {
	Only      bool   // there are no webhooks, and none of their keys
	Listen    string // host:port
	Wallets   string // file: formats and keys
	Cards     string // file: cards by their references
	RefKey    string // file; "" = references are the source's own affair
	OpenWith  string // age key file that opens sealed cards and key files; "" = none
	GrantKeys string // file: public keys of who signs grants; "" = none are taken
	Audience  string // of grants
	Pack      string // folder or file, to decide in place; "" = grants alone

	TLSCert, TLSKey string
	ClientCA        string   // file: whose clients may call; "" = Signed
	Clients         []string // names of clients, CN or DNS; nil = all of ClientCA

	Scheme     string // of signed requests, name or file; "" = ClientCA
	SchemeKeys string
	MaxAge     time.Duration
	Skew       time.Duration

	Deadline    time.Duration
	MaxInFlight int
}

func setProvision(c *Config, v value, bad func(int, string, ...any)) {
	if v.node == nil || v.node.Kind != yaml.MappingNode || len(v.node.Content) == 0 {
		bad(0, "is a mapping of settings: wallets, cards, grant_keys, tls_cert, tls_key, client_ca and more")
		return
	}
	p := &Provision{Listen: "127.0.0.1:8082", Audience: "issuant", MaxAge: time.Minute, Skew: 30 * time.Second, Deadline: 2 * time.Second, MaxInFlight: 64}
	text := func(to *string) func(*yaml.Node) error {
		return func(n *yaml.Node) error { *to = n.Value; return nil }
	}
	fields := map[string]func(*yaml.Node) error{
		"listen": text(&p.Listen), "wallets": text(&p.Wallets), "cards": text(&p.Cards), "ref_key": text(&p.RefKey), "open_with": text(&p.OpenWith),
		"grant_keys": text(&p.GrantKeys), "audience": text(&p.Audience), "pack": text(&p.Pack),
		"tls_cert": text(&p.TLSCert), "tls_key": text(&p.TLSKey), "client_ca": text(&p.ClientCA),
		"scheme": text(&p.Scheme), "scheme_keys": text(&p.SchemeKeys),
		"only":    func(n *yaml.Node) (err error) { p.Only, err = strconv.ParseBool(n.Value); return err },
		"max_age": func(n *yaml.Node) (err error) { p.MaxAge, err = bounded(n, time.Second, webhook.MaxMaxAge); return err },
		"skew":    func(n *yaml.Node) (err error) { p.Skew, err = bounded(n, time.Second, webhook.MaxSkew); return err },
		"deadline": func(n *yaml.Node) (err error) {
			p.Deadline, err = bounded(n, 10*time.Millisecond, gatehttp.MaxDeadline)
			return err
		},
		"max_in_flight": func(n *yaml.Node) (err error) {
			p.MaxInFlight, err = strconv.Atoi(n.Value)
			if err == nil && (p.MaxInFlight < 1 || p.MaxInFlight > 1<<16) {
				err = strconv.ErrRange
			}
			return err
		},
	}
	seen := map[string]bool{}
	for i := 0; i < len(v.node.Content); i += 2 {
		k, item := v.node.Content[i], v.node.Content[i+1]
		set := fields[k.Value]
		switch {
		case seen[k.Value]:
			bad(k.Line, "key %q stands twice", k.Value)
		case k.Value == "clients":
			texts, err := Scalars(item)
			if err != nil || len(texts) == 0 {
				bad(k.Line, "clients is a list of names")
			}
			p.Clients = texts
		case set == nil:
			bad(k.Line, "unknown key %q%s", k.Value, didYouMean(k.Value, append(keysOf(fields), "clients")))
		case item.Kind != yaml.ScalarNode || item.Tag == "!!null" || item.Value == "":
			bad(k.Line, "%s takes one value", k.Value)
		default:
			if err := set(item); err != nil {
				bad(k.Line, "%s: %q is not usable", k.Value, item.Value)
			}
		}
		seen[k.Value] = true
	}
	c.Provision = p
}

func bounded(n *yaml.Node, least, most time.Duration) (time.Duration, error) {
	d, err := ParseDuration(n.Value)
	if err == nil && (d < least || d > most) {
		err = strconv.ErrRange
	}
	return d, err
}

// provision checks what its settings mean together: a listener that would be open to
// everybody is a fault, not a warning.
func (p *parser) provision() {
	c := p.config
	s := c.Provision
	if s == nil || p.faulty[ProvisionKey] {
		return
	}
	bad := func(format string, args ...any) { p.fault(c.Place(ProvisionKey), ProvisionKey, format, args...) }
	if s.Wallets == "" || s.Cards == "" {
		bad("needs wallets, the file of formats and keys, and cards, the file of cards by their references")
	}
	if s.GrantKeys == "" && s.Pack == "" {
		bad("needs grant_keys, whose grants are taken, or pack, to decide in place: a payload is built for a decision")
	}
	switch {
	case (s.TLSCert == "") != (s.TLSKey == ""):
		bad("tls_cert and tls_key go together")
	case s.ClientCA == "" && s.Scheme == "":
		bad("is never open: say who may call, by client_ca (TLS with client certificates) or by scheme and scheme_keys (signed requests)")
	case s.ClientCA != "" && s.TLSCert == "":
		bad("client_ca needs tls_cert and tls_key")
	case len(s.Clients) > 0 && s.ClientCA == "":
		bad("clients means nothing without client_ca")
	case (s.Scheme == "") != (s.SchemeKeys == ""):
		bad("scheme and scheme_keys go together")
	case s.TLSCert == "" && !Loopback(s.Listen):
		bad("%s is not loopback: payloads would cross the network in clear; set tls_cert and tls_key", s.Listen)
	}
	listen, ok := p.address(ProvisionKey, s.Listen)
	for _, other := range []string{c.Listen, c.Admin} {
		if ok && listen == other && !(s.Only && other == c.Listen) && s.Listen != "127.0.0.1:0" {
			bad("listen %s is an address that is taken already; give it one of its own", s.Listen)
		}
	}
	if s.Only && len(p.sections) > 0 {
		p.fault(p.sections[0].place, CounterpartsKey, "and provision.only exclude each other: keys and card numbers are not to live beside webhooks")
	}
}
