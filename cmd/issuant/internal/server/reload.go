package server

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/trust"
	"github.com/issuant/issuant/internal/watch"
	"github.com/issuant/issuant/rules"
)

// parts is one generation of what the configuration names. It is immutable.
type parts struct {
	cfg       *config.Config
	pack      *rules.Pack
	tests     int                          // of the pack that passed before it was taken
	refs      map[string]secret.RefKey     // by counterpart
	keys      map[string]keySource         // by counterpart
	cert      *tls.Certificate             // nil without TLS
	seal      *seal.Recipients             // nil: events are not sealed
	payloads  *payloads                    // nil: no wallet payloads are built here
	approvers map[string]ed25519.PublicKey // by name; nil: packs need no approval
	roots     *roots
	signed    map[string]*trust.Artefact // by place: pack, keys/NAME; those that had to be signed
	hasToken  bool
	token     [sha256.Size]byte
}

func newParts(c *config.Config) *parts {
	return &parts{cfg: c, refs: map[string]secret.RefKey{}, keys: map[string]keySource{}, roots: &roots{}, signed: map[string]*trust.Artefact{}}
}

func (p *parts) clone() *parts {
	next := *p
	next.refs, next.keys, next.signed = maps.Clone(p.refs), maps.Clone(p.keys), maps.Clone(p.signed)
	return &next
}

// sign notes who signed what is in a place; nil: it had not to be signed.
func (p *parts) sign(place string, a *trust.Artefact) {
	if delete(p.signed, place); a != nil {
		p.signed[place] = a
	}
}

// part is something that files hold and that may change while the server runs.
type part struct {
	kind  string // for metrics: config, pack, keys, ref_key, tls, admin_token, seal_to
	name  string // for /readyz; kind and counterpart
	files files
	// load reads the files and puts what they hold into p; with faults p is not used.
	load func(p *parts) []config.Fault

	stat, inForce, tried string
	rest                 string // of a pack: the sum of what are not its lists, as it was tried last
}

// kindNow is the kind of the change that was tried last: of a pack, whether its
// lists alone have changed.
func (p *part) kindNow() string {
	if p.kind != "pack" {
		return p.kind
	}
	before := p.rest
	p.rest = p.restSum()
	if before == p.rest {
		return "list"
	}
	return p.kind
}

func (p *part) restSum() string {
	return files{roots: p.files.roots, subs: []string{"rules", "tests"}}.sum()
}

// begin notes the files as they are before they are loaded for the first time. The
// cheap sign comes first: what is written between the two is then seen as a change.
func (p *part) begin() {
	p.stat = p.files.stat()
	p.inForce = p.files.sum()
	p.tried = p.inForce
	if p.kind == "pack" {
		p.rest = p.restSum()
	}
}

const minToken = 16 // bytes of a bearer token

// loadParts loads everything that a configuration names. trusted are the roots of the
// start; nil at the start itself.
func (s *Server) loadParts(c *config.Config, trusted *roots) (*parts, []config.Fault) {
	p := newParts(c)
	faults := s.checkConfigFile(c)
	if p.roots = trusted; trusted == nil {
		var more []config.Fault
		if p.roots, more = loadRoots(c); len(more) > 0 {
			return p, append(faults, more...) // what they would have refused is not known
		}
	}
	s.watched = s.partsOf(c)
	for _, part := range s.watched {
		part.begin()
		faults = append(faults, part.load(p)...)
	}
	var more []config.Fault
	p.approvers, more = loadApprovers(c)
	faults = append(faults, more...)
	for _, c := range c.Counterparts {
		if !strings.HasPrefix(c.Keys, "https://") {
			continue // it is a file, or a fault already
		}
		keys, err := s.newHTTPS(c)
		if err == nil { // else Parse has said what is wrong with the address
			p.keys[c.Name] = keys
		}
	}
	return p, faults
}

// checkConfigFile: whoever may write the configuration may name keys of his own; one
// that holds the password of a database is a secret.
func (s *Server) checkConfigFile(c *config.Config) []config.Fault {
	name := s.opt.ConfigFile
	if name == "" {
		return nil
	}
	st, err := os.Stat(name)
	if err != nil {
		return nil // a file that may be missing, or one whose loss Load has told
	}
	if err := checkTrusted(name, false); err != nil {
		return []config.Fault{{Place: name, Msg: err.Error()}}
	}
	u, err := url.Parse(c.Store)
	if err != nil || !strings.HasPrefix(c.Place("store"), name+":") {
		return nil
	}
	if _, has := u.User.Password(); has {
		if err := checkSecret(st); err != nil {
			return []config.Fault{{Place: c.Place("store"), Key: "store", Msg: "the URL holds a password, and of the file " + err.Error()}}
		}
	}
	return nil
}

// partsOf lists what a configuration names in files.
func (s *Server) partsOf(c *config.Config) []*part {
	list := []*part{{kind: "pack", name: "pack", files: packFiles(c.Pack), load: func(p *parts) []config.Fault {
		pack, tests, a, faults := loadPack(p.roots, c.Pack, c.Place("pack"), s.opt.Now())
		if len(faults) == 0 {
			p.pack, p.tests = pack, tests
			p.sign(placeOfPack, a)
		}
		return faults
	}}}
	if c.TLSCert != "" && c.TLSKey != "" {
		list = append(list, tlsPart(c))
	}
	if c.AdminToken != "" {
		list = append(list, &part{kind: "admin_token", name: "admin_token", files: fileOf(c.AdminToken), load: func(p *parts) []config.Fault {
			text, err := readSecret(c.AdminToken)
			token := strings.TrimSpace(string(text))
			if err == nil && len(token) < minToken {
				err = fmt.Errorf("the token has fewer than %d characters; make one with: (umask 077; openssl rand -hex 32 > admin.token)", minToken)
			}
			if err != nil {
				return []config.Fault{secretFault(c.Place("admin_token"), "admin_token", c.AdminToken, err)}
			}
			p.hasToken, p.token = true, sha256.Sum256([]byte(token))
			return nil
		}})
	}
	if c.SealTo != "" {
		list = append(list, sealPart(c))
	}
	if c.Provision != nil {
		list = append(list, s.provisionPart(c))
	}
	for _, counterpart := range c.Counterparts {
		list = append(list, s.counterpartParts(counterpart)...)
	}
	return list
}

// sealPart: recipients are no secret, but who may write them may read every event.
func sealPart(c *config.Config) *part {
	return &part{kind: "seal_to", name: "seal_to", files: fileOf(c.SealTo), load: func(p *parts) []config.Fault {
		text, err := readSmall(c.SealTo)
		if err == nil {
			err = checkTrusted(c.SealTo, true)
		}
		if err == nil {
			p.seal, err = seal.ParseRecipients(text)
		}
		if err != nil {
			return []config.Fault{fileFault(c.Place("seal_to"), "seal_to", c.SealTo, err)}
		}
		return nil
	}}
}

// tlsPart: of its two files each may change first; a pair that does not match is not
// taken, and the look after the second change finds one that does.
func tlsPart(c *config.Config) *part {
	return &part{kind: "tls", name: "tls", files: files{roots: []string{c.TLSCert, c.TLSKey}}, load: func(p *parts) []config.Fault {
		bad := func(key, name string, err error) []config.Fault {
			return []config.Fault{fileFault(c.Place(key), key, name, err)}
		}
		chain, err := readSmall(c.TLSCert)
		if err != nil {
			return bad("tls_cert", c.TLSCert, err)
		}
		key, err := readSecret(c.TLSKey)
		if err != nil {
			return bad("tls_key", c.TLSKey, err)
		}
		pair, err := tls.X509KeyPair(chain, key)
		if err != nil {
			return bad("tls_cert", c.TLSCert, errors.New(strings.TrimPrefix(err.Error(), "tls: ")))
		}
		p.cert = &pair
		return nil
	}}
}

func (s *Server) counterpartParts(c *config.Counterpart) []*part {
	var list []*part
	if c.Keys != "" && !isURL(c.Keys) {
		list = append(list, &part{kind: "keys", name: "keys/" + c.Name, files: fileOf(c.Keys), load: func(p *parts) []config.Fault {
			ring, warnings, a, err := p.roots.loadRing(c, s.opt.Now())
			if err != nil {
				return []config.Fault{keyFault(c, err)}
			}
			p.sign(placeOfRing(c.Name), a)
			for _, w := range warnings {
				s.log.Warn("key warning", "counterpart", c.Name, "warning", w)
			}
			p.keys[c.Name] = newFileKeys(ring, c.MaxStale, s.opt.Now)
			return nil
		}})
	}
	if c.RefKey == "" {
		list = append(list, &part{kind: "ref_key", name: "ref_key/" + c.Name, load: func(p *parts) []config.Fault {
			if _, ok := p.refs[c.Name]; !ok {
				p.refs[c.Name] = throwAwayRefKey()
			}
			return nil
		}})
		return list
	}
	return append(list, &part{kind: "ref_key", name: "ref_key/" + c.Name, files: fileOf(c.RefKey), load: func(p *parts) []config.Fault {
		ref, err := loadRefKey(c.RefKey)
		if err != nil {
			return []config.Fault{secretFault(c.Place("ref_key"), "counterparts."+c.Name+".ref_key", c.RefKey, err)}
		}
		p.refs[c.Name] = ref
		return nil
	}})
}

// throwAwayRefKey is for the store memory, which forgets what it named anyway.
func throwAwayRefKey() secret.RefKey {
	random := make([]byte, secret.MinRefKeyBytes)
	_, _ = rand.Read(random) // it never fails
	ref, err := secret.NewRefKey("trial", random)
	if err != nil {
		panic(err) // id and length are right
	}
	return ref
}

func (s *Server) newHTTPS(c *config.Counterpart) (*source.HTTPS, error) {
	return source.NewHTTPS(c.Keys, source.HTTPSOptions{MaxStale: c.MaxStale, Now: s.opt.Now, Log: func(event string, attrs ...any) {
		switch event {
		case "keys_refreshed":
			s.metrics.fetches.WithLabelValues(c.Name, "ok").Inc()
			s.log.Debug(event, append(attrs, "counterpart", c.Name)...)
		case "keys_refresh_failed":
			s.metrics.fetches.WithLabelValues(c.Name, "failed").Inc()
			s.log.Warn(event, append(attrs, "counterpart", c.Name)...)
		default:
			s.log.Warn(event, append(attrs, "counterpart", c.Name)...)
		}
	}})
}

// fetch starts fetching where next has other https keys than before, and stops what
// is not used any more.
func (s *Server) fetch(before, next *parts) {
	for name, stop := range s.stopFetch {
		if before != nil && before.keys[name] != next.keys[name] {
			stop()
			delete(s.stopFetch, name)
		}
	}
	for _, c := range next.cfg.Counterparts {
		keys, ok := next.keys[c.Name].(*source.HTTPS)
		if !ok || s.stopFetch[c.Name] != nil {
			continue
		}
		ctx, stop := context.WithCancel(s.fetchCtx)
		s.stopFetch[c.Name] = stop
		s.fetchers.Go(func() { runHTTPS(ctx, keys, c.Refresh) })
	}
}

// reloads looks at the files when the system tells of a change, when somebody asks,
// and from time to time.
func (s *Server) reloads(ctx context.Context) {
	watcher, err := watch.New()
	var events <-chan struct{}
	if err != nil {
		s.log.Warn("the system cannot watch files; they are looked at from time to time", "error", err)
	} else {
		defer watcher.Close()
		events = watcher.Events()
	}
	for {
		if watcher != nil {
			if err := watcher.Set(s.paths()); err != nil {
				s.log.Debug("a folder cannot be watched", "error", err)
			}
		}
		poll := time.NewTimer(s.parts.Load().cfg.Poll)
		select {
		case <-ctx.Done():
			poll.Stop()
			return
		case <-events:
			s.look(true)
		case <-s.opt.Reload:
			s.look(true)
		case <-s.again:
			s.lookAgain()
		case <-poll.C:
			s.look(false)
		}
		poll.Stop()
	}
}

func (s *Server) paths() []string {
	var list []string
	if s.opt.ConfigFile != "" {
		list = append(list, s.opt.ConfigFile)
	}
	for _, p := range s.watched {
		list = append(list, p.files.roots...)
	}
	return list
}

// look takes what has changed. Without force, files whose size and time are as they
// were are taken to be the same.
func (s *Server) look(force bool) {
	defer s.expiries()
	if s.conf.changed(force) {
		s.reloadConfig()
	} else if s.conf.inForce == s.conf.tried && s.status.cleared("config") {
		s.waits.end("config")
		s.log.Info("the configuration is again the one in force")
	}
	next := s.parts.Load().clone()
	taken := map[*part]string{} // and the kind of its change
	for _, p := range s.watched {
		if !p.changed(force) {
			s.unchanged(p)
			continue
		}
		trial, kind := next.clone(), p.kindNow()
		if faults := p.load(trial); len(faults) > 0 {
			s.waits.end(p.kind)
			s.refuse(p, kind, faults)
			continue
		}
		if faults := s.follow(s.fetchCtx, trial, false); len(faults) > 0 {
			s.refuse(p, kind, faults)
			continue
		}
		if p.kind == "pack" {
			if faults := s.awaitApproval(trial, p.kind); len(faults) > 0 {
				s.refuse(p, kind, faults)
				continue
			}
		}
		if p.files.sum() != p.tried {
			p.stat, p.tried = "", "" // it was written to meanwhile: look again soon
			continue
		}
		next, taken[p] = trial, kind
	}
	if len(taken) > 0 {
		s.take(next, taken)
	}
}

// unchanged confirms keys that are as they are in force, and forgets a problem whose
// files are again what is in force.
func (s *Server) unchanged(p *part) {
	if p.tried != p.inForce {
		return
	}
	if p.kind == "pack" {
		s.waits.end(p.kind)
	}
	if p.kind == "keys" {
		if k, ok := s.parts.Load().keys[strings.TrimPrefix(p.name, "keys/")].(*fileKeys); ok {
			k.confirm()
		}
	}
	if s.status.cleared(p.name) {
		s.log.Info("again the one in force", "part", p.name)
	}
}

// changed looks at the files, and tells whether they are others than those that were
// tried last.
func (p *part) changed(force bool) bool {
	stat := p.files.stat()
	if stat == p.stat && !force {
		return false
	}
	p.stat = stat
	sum := p.files.sum()
	if sum == p.tried {
		return false
	}
	p.tried = sum
	return sum != p.inForce
}

// take makes a generation of next; when it does not fit together, nothing changes.
func (s *Server) take(next *parts, taken map[*part]string) {
	generation, faults := s.newRoutes(next)
	if len(faults) == 0 {
		faults = s.put(next, generation)
	}
	if len(faults) > 0 {
		for p, kind := range taken {
			s.refuse(p, kind, faults)
		}
		return
	}
	for p, kind := range taken {
		p.inForce = p.tried
		s.status.cleared(p.name)
		s.metrics.reload(kind, true, s.opt.Now())
		s.log.Info("reloaded", "part", p.name)
	}
}

// put puts a generation in force; with faults nothing changes.
func (s *Server) put(next *parts, generation *generation) []config.Fault {
	before := s.parts.Load()
	if faults := s.follow(s.fetchCtx, next, true); len(faults) > 0 {
		return faults
	}
	if err := s.install(next, generation); err != nil {
		return listFaults(err)
	}
	if before.pack != next.pack {
		s.metrics.pack(next.pack)
		s.logPack(next)
	}
	for _, place := range next.signedPlaces() {
		if next.signed[place] != before.signed[place] {
			s.logSigned(next, place)
		}
	}
	s.fetch(before, next)
	return nil
}

// refuse keeps what is in force and says why.
func (s *Server) refuse(p *part, kind string, faults []config.Fault) {
	msg := faults[0].String()
	if n := len(faults) - 1; n > 0 {
		msg += fmt.Sprintf(" (and %d more)", n)
	}
	s.status.failed(p.name, msg+"; the last good one stays", s.opt.Now())
	s.metrics.reload(kind, false, s.opt.Now())
	for _, f := range faults {
		s.log.Warn("not reloaded; the last good one stays", "part", p.name, "error", f.String())
	}
}

// reloadConfig takes a changed configuration as a whole, with everything that it
// names, or not at all.
func (s *Server) reloadConfig() {
	old := s.parts.Load()
	c, faults := s.opt.Load()
	if len(faults) > 0 {
		s.refuse(s.conf, "config", faults)
		return
	}
	waiting := keepFixed(old.cfg, c)
	scratch := newServer(s.opt)
	scratch.metrics, scratch.status, scratch.nonces = s.metrics, s.status, s.nonces
	next, faults := scratch.loadParts(c, old.roots)
	if len(faults) > 0 {
		s.refuse(s.conf, "config", faults)
		return
	}
	s.keepSources(old, next)
	next.approvers = old.approvers
	if faults = s.follow(s.fetchCtx, next, false); len(faults) > 0 {
		s.refuse(s.conf, "config", faults)
		return
	}
	if faults = s.awaitApproval(next, "config"); len(faults) > 0 {
		s.refuse(s.conf, "config", faults)
		return
	}
	generation, faults := s.newRoutes(next)
	if len(faults) == 0 {
		faults = s.put(next, generation)
	}
	if len(faults) > 0 {
		s.refuse(s.conf, "config", faults)
		return
	}
	s.conf.inForce, s.watched = s.conf.tried, scratch.watched
	s.status.needsRestart(waiting)
	for _, name := range slices.Sorted(maps.Keys(waiting)) {
		s.log.Warn("the setting needs a restart", "setting", name, "message", waiting[name])
	}
	for _, p := range append(s.watched, s.conf) {
		s.status.cleared(p.name)
	}
	s.metrics.reload("config", true, s.opt.Now())
	s.log.Info("reloaded", "part", "config")
}

// keepSources keeps fetched keys whose address and bounds are as before, and
// throw-away keys: a new one would start every count anew.
func (s *Server) keepSources(old, next *parts) {
	for _, c := range next.cfg.Counterparts {
		for _, was := range old.cfg.Counterparts {
			if was.Name != c.Name {
				continue
			}
			if _, ok := old.keys[c.Name].(*source.HTTPS); ok && was.Keys == c.Keys && was.MaxStale == c.MaxStale && was.Refresh == c.Refresh {
				next.keys[c.Name] = old.keys[c.Name]
			}
			if was.RefKey == "" && c.RefKey == "" {
				next.refs[c.Name] = old.refs[c.Name]
			}
		}
	}
}

// keepFixed puts settings back that only a restart changes, and names them.
func keepFixed(old, next *config.Config) map[string]string {
	waiting := map[string]string{}
	fixed(waiting, next, "listen", old.Listen, &next.Listen)
	fixed(waiting, next, "admin", old.Admin, &next.Admin)
	fixed(waiting, next, "store", old.Store, &next.Store)
	fixed(waiting, next, "durability", old.Durability, &next.Durability)
	fixed(waiting, next, "retain", old.Retain, &next.Retain)
	fixed(waiting, next, "card", old.Card, &next.Card)
	fixed(waiting, next, "max_connections", old.MaxConnections, &next.MaxConnections)
	fixed(waiting, next, "log_level", old.LogLevel, &next.LogLevel)
	fixed(waiting, next, "log_format", old.LogFormat, &next.LogFormat)
	fixed(waiting, next, "otlp", old.OTLP, &next.OTLP)
	fixed(waiting, next, "otlp_sample", old.OTLPSample, &next.OTLPSample)
	fixed(waiting, next, "drain_wait", old.DrainWait, &next.DrainWait)
	fixed(waiting, next, "drain_timeout", old.DrainTimeout, &next.DrainTimeout)
	if !old.Approvals.Equal(next.Approvals) {
		waiting[config.ApprovalsKey] = "changed at " + cmp.Or(next.Place(config.ApprovalsKey), "its default") + "; it needs a restart"
		next.Approvals = old.Approvals
	}
	if !old.Trust.Packs.Equal(next.Trust.Packs) || !old.Trust.Rings.Equal(next.Trust.Rings) {
		waiting[config.TrustKey] = "changed at " + cmp.Or(next.Place(config.TrustKey), "its default") + "; it needs a restart"
		next.Trust = old.Trust
	}
	keepProvision(waiting, old, next)
	fixed(waiting, next, "open_with", old.OpenWith, &next.OpenWith)
	if (old.TLSCert == "") != (next.TLSCert == "") {
		waiting["tls_cert"] = "TLS is switched on or off at a restart"
		next.TLSCert, next.TLSKey = old.TLSCert, old.TLSKey
	}
	return waiting
}

// keepProvision: a listener is opened at the start alone, and what it keeps in memory of
// requests is as long as it was asked for then.
func keepProvision(waiting map[string]string, old, next *config.Config) {
	o, n := old.Provision, next.Provision
	if (o == nil) != (n == nil) {
		waiting[config.ProvisionKey] = "the provision routes are switched on or off at a restart"
		next.Provision = o
		return
	}
	if o != nil && (o.Listen != n.Listen || o.Only != n.Only || (o.TLSCert == "") != (n.TLSCert == "") || o.MaxInFlight != n.MaxInFlight || o.MaxAge != n.MaxAge || o.Skew != n.Skew) {
		waiting[config.ProvisionKey] = "listen, only, max_in_flight, max_age, skew and whether there is TLS need a restart"
		next.Provision = o
	}
}

func fixed[T comparable](waiting map[string]string, c *config.Config, name string, old T, now *T) {
	if *now != old {
		waiting[name] = "changed at " + cmp.Or(c.Place(name), "its default") + "; it needs a restart"
		*now = old
	}
}

func (s *Server) logPack(p *parts) {
	man := p.pack.Manifest()
	s.log.Info("pack", "pack_id", p.pack.ID(), "name", man.Name, "version", man.Version, "rules", len(man.Rules), "tests_passed", p.tests)
	if p.tests == 0 {
		s.log.Warn("the pack brings no tests that were run; nothing has tried it")
	}
}
