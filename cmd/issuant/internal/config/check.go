package config

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine/gatehttp"
	"github.com/issuant/issuant/engine/wire/pismo"
)

// MemoryStore is the store that lives in the process.
const MemoryStore = "memory"

// check looks at what settings mean together. A setting whose own value was a fault
// has its default here, which is none.
func (p *parser) check() {
	p.addresses()
	p.tls()
	p.store()
	p.provision()
	if c := p.config; c.OTLP != "" {
		if u, err := url.Parse(c.OTLP); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
			p.fault(c.Place("otlp"), "otlp", "is not an http or https URL without a user, as http://127.0.0.1:4318/v1/traces")
		}
	}
	for _, c := range p.config.Counterparts {
		p.counterpart(c)
	}
}

func (p *parser) addresses() {
	c := p.config
	listen, ok := p.address("listen", c.Listen)
	admin, ok2 := p.address("admin", c.Admin)
	if !ok2 {
		return
	}
	if ok && listen == admin && !strings.HasSuffix(listen, ":0") {
		p.fault(orElse(c.Place("admin"), c.Place("listen")), "admin", "is the address of the webhooks too; give it one of its own")
	}
	if !Loopback(c.Admin) && c.AdminToken == "" {
		p.fault(c.Place("admin"), "admin", "%s is not loopback: everybody who reaches it could read metrics; set admin_token to a file with a token, or listen on 127.0.0.1", c.Admin)
	}
}

// address checks host:port and returns it in one form.
func (p *parser) address(key, text string) (string, bool) {
	host, port, err := net.SplitHostPort(text)
	n, perr := strconv.Atoi(port)
	if err != nil || perr != nil || n < 0 || n > 65535 || strings.ContainsAny(host, " /") {
		p.fault(p.config.Place(key), key, "%q is not host:port, as 127.0.0.1:8080", text)
		return "", false
	}
	return net.JoinHostPort(host, strconv.Itoa(n)), true
}

// Loopback tells whether only this machine reaches the address.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func (p *parser) tls() {
	c := p.config
	switch {
	case c.TLSCert != "" && c.TLSKey == "":
		p.fault(c.Place("tls_cert"), "tls_key", "is missing: tls_cert needs its private key")
	case c.TLSKey != "" && c.TLSCert == "":
		p.fault(c.Place("tls_key"), "tls_cert", "is missing: tls_key needs its certificate")
	}
}

func (p *parser) store() {
	c := p.config
	if c.Store == MemoryStore && c.Place("retain") != "" {
		p.fault(c.Place("retain"), "retain", "means nothing with store: memory")
	}
	if c.Store == MemoryStore && c.Approvals != nil {
		p.fault(c.Place(ApprovalsKey), ApprovalsKey, "needs a store that keeps them; memory forgets them at the end")
	}
	if c.Store == MemoryStore && (c.Trust.Packs != nil || c.Trust.Rings != nil) {
		p.fault(c.Place(TrustKey), "store", "is memory, which forgets the newest signed file at the end; trust needs a store that remembers it")
	}
	if c.Trust.Packs != nil && c.Pack == "" && !p.faulty["pack"] {
		p.fault(c.Place(TrustKey), "pack", "is missing: trust.packs wants a signed file, and the starter pack is none; make one with issuant pack sign")
	}
	if c.FirstPack && c.Approvals == nil && !p.faulty[ApprovalsKey] {
		p.fault(c.Place("unsafe_first_pack"), "unsafe_first_pack", "means nothing without approvals")
	}
	scheme, _, ok := strings.Cut(c.Store, ":")
	word := ok && len(scheme) > 1 && !strings.ContainsAny(scheme, `/\. `) // one letter is a drive
	if word && scheme != "sqlite" && scheme != "postgres" && scheme != "postgresql" {
		p.fault(c.Place("store"), "store", "is not a file, sqlite:FILE, postgres://..., or memory")
	}
}

func (p *parser) counterpart(c *Counterpart) {
	bad := func(name, format string, args ...any) {
		if !p.faulty[p.key(c, name)] { // what has no value because of a fault is not missing too
			p.fault(c.Place(name), p.key(c, name), format, args...)
		}
	}
	if c.Scheme != "pismo" {
		bad("scheme", "%q is not a scheme; schemes: pismo. A counterpart of another name says scheme: pismo", c.Scheme)
	}
	switch {
	case c.Keys == "":
		bad("keys", "is missing: name a key file, a folder of them, or an https URL (--keys)")
	case strings.Contains(c.Keys, "://"):
		if u, err := url.Parse(c.Keys); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			bad("keys", "%q is not an https address without user and fragment: keys are fetched over https alone", safeURL(c.Keys))
		}
	case c.places["refresh"] != "":
		bad("refresh", "means nothing for keys from files; they are watched")
	}
	switch {
	case p.faulty[p.key(c, "unsafe_any_account")]:
	case len(c.Accounts) == 0 && !c.UnsafeAnyAccount:
		bad("accounts", "is missing: the sender's tenants may share its keys, so say which account-id values are ours (--account; unsafe_any_account accepts all)")
	case len(c.Accounts) > 0 && c.UnsafeAnyAccount:
		bad("unsafe_any_account", "and accounts exclude each other")
	}
	if method := p.faulty[p.key(c, "sms")] || p.faulty[p.key(c, "call")] || p.faulty[p.key(c, "apps")]; !method && !c.SMS && c.Call == "" && len(c.Apps) == 0 {
		p.fault(c.place, CounterpartsKey+"."+c.Name, "needs sms, call or apps: without a way to ask the cardholder, every yellow is red")
	}
	if c.SMSSource != "" && !c.SMS {
		bad("sms_source", "means nothing without sms: true")
	}
	if c.CallSource != "" && c.Call == "" {
		bad("call_source", "means nothing without call")
	}
	if c.RefKey == "" && p.config.Store != MemoryStore {
		bad("ref_key", `is missing: it turns card numbers into references; make one with: (umask 077; echo "k1:$(openssl rand -hex 32)" > ref.key)`)
	}
	p.modes(c, bad)
	p.wire(c)
	if keep := c.MaxAge + 2*c.Skew; c.RetryWindow > keep {
		bad("retry_window", "%s is longer than max_age and twice skew, %s: an older copy is refused anyway", short(c.RetryWindow), short(keep))
	}
}

// modes checks what is observed, and the incumbent.
func (p *parser) modes(c *Counterpart, bad func(name, format string, args ...any)) {
	observes := slices.Contains(c.UnsafeObserve, webhook.CheckMaxAge)
	switch {
	case c.places["observe_max_age"] != "" && !observes:
		bad("observe_max_age", "means nothing without max_age in unsafe_observe")
	case c.places["observe_max_age"] != "" && c.ObserveMaxAge < c.MaxAge:
		bad("observe_max_age", "%s is shorter than max_age, %s", short(c.ObserveMaxAge), short(c.MaxAge))
	}
	if c.UnsafeAnyAccount && slices.Contains(c.UnsafeObserve, webhook.CheckAccount) {
		bad("unsafe_observe", "has account, but unsafe_any_account leaves nothing to observe")
	}
	if c.Shadow == "" {
		if c.places["shadow_timeout"] != "" {
			bad("shadow_timeout", "means nothing without shadow")
		}
		return
	}
	if _, err := gatehttp.NewShadow(gatehttp.ShadowOptions{URL: c.Shadow, Timeout: c.ShadowTimeout}); err != nil {
		_, why, _ := strings.Cut(err.Error(), "shadow: ")
		bad("shadow", "is not the address of an incumbent: %s", why)
	}
}

// wire lets the codec and the verifier judge what they alone know, setting by
// setting, so that each fault has its place.
func (p *parser) wire(c *Counterpart) {
	ref, err := secret.NewRefKey("check", make([]byte, secret.MinRefKeyBytes))
	if err != nil {
		panic(err) // id and length are right
	}
	try := func(name string, cfg pismo.Config) {
		cfg.RefKey = ref
		if cfg.SMS == nil {
			cfg.SMS = &pismo.SMS{}
		}
		if _, err := pismo.New(cfg); err != nil && !p.faulty[p.key(c, name)] {
			p.fault(c.Place(name), p.key(c, name), "%s", strings.TrimPrefix(err.Error(), pismo.ErrConfig.Error()+": "))
		}
	}
	if c.Call != "" {
		try("call", pismo.Config{Call: &pismo.Call{Number: c.Call}})
	}
	try("call_source", pismo.Config{SMS: &pismo.SMS{Source: c.CallSource}})
	try("sms_source", pismo.Config{SMS: &pismo.SMS{Source: c.SMSSource}})
	try("apps", pismo.Config{Apps: c.Apps})
	try("requestors", pismo.Config{Requestors: c.Requestors})
	try("npl_programs", pismo.Config{NPLPrograms: c.NPLPrograms})
	_, err = webhook.NewPismo(webhook.PismoOptions{Keys: new(keyring.Ring), UnsafeAnyAccount: true, Header: c.Header})
	if err != nil {
		p.fault(c.Place("header"), p.key(c, "header"), "%q is not the name of a header", c.Header)
	}
}

// safeURL leaves out what may be secret in a URL.
func safeURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "that"
	}
	return u.Scheme + "://" + u.Host + u.Path
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
