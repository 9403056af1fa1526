package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/cmd/issuant/internal/keyfile"
	"github.com/issuant/issuant/cmd/issuant/internal/wallets"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/crypto/webhook/schemefile"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/filemode"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/starter"
)

// StarterPack is the word for the pack of package starter for events of kind provision.
const StarterPack = "starter"

// payloads is one generation of what wallet payloads are built of. It is immutable.
type payloads struct {
	cfg      *config.Provision
	wallets  *wallets.Wallets
	cards    *provision.Cards
	refs     *secret.RefKeys // nil: references are the source's own affair
	grants   keyring.Lookup  // nil: no grants are taken
	engine   *engine.Engine  // nil: nothing is decided in place
	granter  *engine.Granter
	verifier *webhook.Verifier // nil: requests are not signed
	cert     *tls.Certificate  // nil: no TLS
	clients  *x509.CertPool    // nil: no client certificates
}

// provisionPart loads everything that the provision routes need, as one part: a key that
// is taken without the file that names it would be no use.
func (s *Server) provisionPart(c *config.Config) *part {
	p := c.Provision
	names := []string{p.Wallets, p.Cards}
	for _, name := range []string{p.RefKey, p.OpenWith, p.GrantKeys, p.TLSCert, p.TLSKey, p.ClientCA, p.SchemeKeys} {
		if name != "" {
			names = append(names, name)
		}
	}
	if IsSchemeFile(p.Scheme) {
		names = append(names, p.Scheme)
	}
	names = append(names, wallets.Names(p.Wallets)...)
	f := files{roots: names}
	if p.Pack != "" && p.Pack != StarterPack {
		f.roots, f.subs = append(f.roots, p.Pack), packFiles(p.Pack).subs
	}
	return &part{kind: "provision", name: "provision", files: f, load: func(to *parts) []config.Fault {
		next, err := s.loadPayloads(p)
		if err != nil {
			f := config.Fault{Place: c.Place(config.ProvisionKey), Key: config.ProvisionKey, Msg: err.Error(), Class: config.BadKeyFile}
			var compiled *compile.Error
			switch {
			case errors.As(err, &compiled):
				f.Class = config.BadRules
			case errors.Is(err, fs.ErrNotExist):
				f.Class = config.BadSetting
			}
			return []config.Fault{f}
		}
		to.payloads = next
		return nil
	}}
}

func (s *Server) loadPayloads(c *config.Provision) (p *payloads, err error) {
	p = &payloads{cfg: c}
	var open func([]byte) ([]byte, error)
	if c.OpenWith != "" {
		text, err := readSecret(c.OpenWith)
		if err != nil {
			return nil, fmt.Errorf("open_with: %s: %w", c.OpenWith, pathErr(err))
		}
		ids, err := seal.ParseIdentities(text)
		if err != nil {
			return nil, fmt.Errorf("open_with: %s: %w", c.OpenWith, err)
		}
		open = keyfile.Opener(ids)
	}
	// A grant names its nonce and is good once; this memory finds a nonce that comes
	// again under another decision.
	if s.nonces == nil {
		if s.nonces, err = applepay.NewNonces(0); err != nil {
			return nil, err
		}
	}
	if p.wallets, err = wallets.Load(c.Wallets, wallets.Options{Open: open, Nonces: s.nonces, Now: s.opt.Now()}); err != nil {
		return nil, fmt.Errorf("wallets: %w", err)
	}
	for _, w := range p.wallets.Warnings {
		s.log.Warn("key warning", "counterpart", wallets.Counterpart, "warning", w)
	}
	if p.cards, _, err = wallets.ReadCards(c.Cards, open); err != nil {
		return nil, fmt.Errorf("cards: %s: %w", c.Cards, pathErr(err))
	}
	if c.RefKey != "" {
		key, err := loadRefKey(c.RefKey)
		if err != nil {
			return nil, fmt.Errorf("ref_key: %w", pathErr(err))
		}
		if p.refs, err = secret.NewRefKeys(key); err != nil {
			return nil, err
		}
	}
	if c.GrantKeys != "" {
		if p.grants, _, err = loadKeys(c.GrantKeys, source.Options{}, s.opt.Now()); err != nil {
			return nil, fmt.Errorf("grant_keys: %s: %w", c.GrantKeys, pathErr(err))
		}
	}
	if err := p.decides(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	if err := p.signed(s); err != nil {
		return nil, err
	}
	return p, p.tls()
}

// decides prepares deciding in place.
func (p *payloads) decides() (err error) {
	var pack *rules.Pack
	switch c := p.cfg; c.Pack {
	case "":
		return nil
	case StarterPack:
		pack, err = starter.ProvisionPack()
	default:
		if isDir(c.Pack) {
			pack, err = compile.Dir(c.Pack)
		} else {
			var data []byte
			if data, err = filemode.ReadSmall(c.Pack); err == nil {
				pack, err = compile.Load(data)
			}
		}
	}
	if err != nil {
		return err
	}
	if p.engine, err = engine.New(pack, engine.Options{}); err != nil {
		return err
	}
	p.granter, err = engine.NewGranter(engine.GranterOptions{Refs: p.refs})
	return err
}

// IsSchemeFile tells the name of a file that describes a scheme from that of a preset.
func IsSchemeFile(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") || strings.ContainsAny(name, `/\`)
}

// signed prepares the verification of requests. A scheme that does not sign the body, or
// not when it was signed, lets a stranger play a request again and is refused.
func (p *payloads) signed(s *Server) error {
	c := p.cfg
	if c.Scheme == "" {
		return nil
	}
	scheme, ok := webhook.Preset(c.Scheme)
	if IsSchemeFile(c.Scheme) {
		if err := checkTrusted(c.Scheme, true); err != nil {
			return fmt.Errorf("scheme: %s: %w", c.Scheme, pathErr(err))
		}
		var err error
		if scheme, err = schemefile.Load(c.Scheme); err != nil {
			return fmt.Errorf("scheme: %w", err)
		}
	} else if !ok || scheme.Name == webhook.PismoScheme {
		return fmt.Errorf("scheme: %q is none that signs requests for payloads; issuant verify --list lists them, and a FILE.yaml describes another", c.Scheme)
	}
	if scheme.Coverage() != webhook.CoversBody {
		return fmt.Errorf("scheme: %s does not sign the whole body", scheme.Name)
	}
	if scheme.Timestamp.From == "" && scheme.Claims == nil && scheme.Signature.Form != webhook.RFC9421 && scheme.Signature.Form != webhook.HTTPSignature {
		return fmt.Errorf("scheme: %s does not sign when a request was made: it could be played again", scheme.Name)
	}
	ring, warnings, err := loadKeys(c.SchemeKeys, source.Options{}, s.opt.Now())
	if err != nil {
		return fmt.Errorf("scheme_keys: %s: %w", c.SchemeKeys, pathErr(err))
	}
	for _, w := range warnings {
		s.log.Warn("key warning", "counterpart", wallets.Counterpart, "warning", w)
	}
	p.verifier, err = webhook.New(webhook.Options{Scheme: scheme, Keys: ring, MaxAge: c.MaxAge, Skew: c.Skew, MaxBody: maxProvisionBody, Route: wallets.Counterpart})
	return err
}

func (p *payloads) tls() error {
	c := p.cfg
	if c.TLSCert == "" {
		return nil
	}
	chain, err := readSmall(c.TLSCert)
	if err != nil {
		return fmt.Errorf("tls_cert: %s: %w", c.TLSCert, pathErr(err))
	}
	key, err := readSecret(c.TLSKey)
	if err != nil {
		return fmt.Errorf("tls_key: %s: %w", c.TLSKey, pathErr(err))
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return fmt.Errorf("tls_cert: %s", strings.TrimPrefix(err.Error(), "tls: "))
	}
	p.cert = &pair
	if c.ClientCA == "" {
		return nil
	}
	if err := checkTrusted(c.ClientCA, true); err != nil {
		return fmt.Errorf("client_ca: %s: %w", c.ClientCA, pathErr(err))
	}
	p.clients, err = readPool(c.ClientCA)
	return err
}

// readPool reads PEM certificates: one that cannot be read is an error, where
// x509.CertPool passes over it.
func readPool(name string) (*x509.CertPool, error) {
	data, err := readSmall(name)
	if err != nil {
		return nil, fmt.Errorf("client_ca: %s: %w", name, pathErr(err))
	}
	pool, n := x509.NewCertPool(), 0
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" || !c.IsCA {
			return nil, fmt.Errorf("client_ca: %s: certificate %d cannot be read, or is no certificate authority", name, n+1)
		}
		pool.AddCert(c)
		n++
	}
	if n == 0 {
		return nil, fmt.Errorf("client_ca: %s has no PEM certificate", name)
	}
	return pool, nil
}

// provisionTLS gives each connection the certificates of the present generation. What a
// session remembers of a client is not taken for its certificate.
func (s *Server) provisionTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		p := s.parts.Load().payloads
		if p == nil || p.cert == nil {
			return nil, errors.New("there is no certificate")
		}
		c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*p.cert}, SessionTicketsDisabled: true, Time: s.opt.Now, NextProtos: []string{"h2", "http/1.1"}}
		if p.clients != nil {
			c.ClientCAs, c.ClientAuth = p.clients, tls.RequireAndVerifyClientCert
		}
		return c, nil
	}}
}

// allowed tells whether the certificate of a connection may call.
func (p *payloads) allowed(state *tls.ConnectionState, now time.Time) bool {
	if p.clients == nil {
		return true
	}
	if state == nil || len(state.VerifiedChains) == 0 {
		return false
	}
	leaf := state.VerifiedChains[0][0]
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: p.clients, Intermediates: intermediates(state), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, CurrentTime: now}); err != nil {
		return false // it has expired, or its authority was taken out, since the connection was made
	}
	if len(p.cfg.Clients) == 0 {
		return true
	}
	return slices.Contains(p.cfg.Clients, leaf.Subject.CommonName) || slices.ContainsFunc(leaf.DNSNames, func(n string) bool { return slices.Contains(p.cfg.Clients, n) })
}

func intermediates(state *tls.ConnectionState) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		pool.AddCert(c)
	}
	return pool
}

// once asks the ledger for the right to answer a signed request: the same one again has
// no second effect. It is committed with the record.
func (s *Server) once(ctx context.Context, m *webhook.Message) (*engine.Sighting, error) {
	// What an earlier process answered is not known where its memory ended with it.
	if m.IssuedAt().IsZero() || !s.ledger.Durable() && m.IssuedAt().Before(s.started) {
		return nil, webhook.ErrStale
	}
	sight := &engine.Sighting{Key: wallets.Counterpart + ":" + m.ReplayKey(), Digest: m.Digest(), Route: wallets.Counterpart, IssuedAt: m.IssuedAt()}
	first, _, err := s.ledger.Begin(ctx, *sight, s.opt.Now())
	if err != nil {
		return nil, err
	}
	if !first {
		return nil, engine.ErrReplayed
	}
	return sight, nil
}
