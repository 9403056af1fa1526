package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/store"
)

// Finding is what one check of Examine found.
type Finding struct {
	Check   string `json:"check"` // config, clock, pack, keys/NAME, ref_key/NAME, tls, admin_token, store, chain
	Status  Status `json:"status"`
	Message string `json:"message"`
}

// Status is how a check ended.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warning Status = "warning" // it works, but not for long or not as it should
	Failed  Status = "failed"
)

const (
	clockWarning = 5 * time.Second
	chainTimeout = time.Minute
)

// Examine looks at everything that a server needs: its configuration and files, and
// unlike Check also at the clock, the address of the keys and the store, which it
// opens for reading alone.
func Examine(ctx context.Context, opt Options) []Finding {
	s := newServer(opt)
	c, faults := opt.Load()
	e := &examination{s: s, c: c, now: s.opt.Now()}
	e.config(faults)
	p := e.parts()
	e.clock(ctx)
	for _, counterpart := range c.Counterparts {
		e.keys(ctx, counterpart, p)
	}
	e.trust(ctx, p)
	e.approvals(ctx, p)
	e.store(ctx)
	return e.findings
}

type examination struct {
	s        *Server
	c        *config.Config
	now      time.Time
	findings []Finding
}

func (e *examination) add(check string, status Status, format string, args ...any) {
	e.findings = append(e.findings, Finding{check, status, fmt.Sprintf(format, args...)})
}

func (e *examination) faults(check string, faults []config.Fault) {
	for _, f := range faults {
		e.add(check, Failed, "%s", f)
	}
}

func (e *examination) config(faults []config.Fault) {
	faults = append(faults, e.s.checkConfigFile(e.c)...)
	if len(faults) > 0 {
		e.faults("config", faults)
		return
	}
	names := make([]string, len(e.c.Counterparts))
	for i, c := range e.c.Counterparts {
		names[i] = c.Name
	}
	from := "from flags and variables"
	if _, err := os.Stat(e.s.opt.ConfigFile); err == nil {
		from = "in " + e.s.opt.ConfigFile
	}
	e.add("config", OK, "in order %s: %s", from, strings.Join(names, ", "))
}

// parts loads what stands in files; keys are judged by keys.
func (e *examination) parts() *parts {
	p := newParts(e.c)
	trusted, faults := loadRoots(e.c)
	if p.roots = trusted; len(faults) > 0 {
		e.faults(config.TrustKey, faults)
		return p // what they would have refused is not known
	}
	for _, part := range e.s.partsOf(e.c) {
		if faults := part.load(p); len(faults) > 0 {
			e.faults(part.name, faults)
			continue
		}
		switch part.kind {
		case "pack":
			man := p.pack.Manifest()
			e.add("pack", OK, "%s %s: %d rules, %d tests passed, id %s", man.Name, man.Version, len(man.Rules), p.tests, p.pack.ID())
		case "tls":
			e.tls(p)
		case "keys":
		default:
			if len(part.files.roots) > 0 {
				e.add(part.name, OK, "readable, and for its owner alone")
			}
		}
	}
	return p
}

func (e *examination) tls(p *parts) {
	end := p.cert.Leaf.NotAfter
	switch left := end.Sub(e.now); {
	case left < 0:
		e.add("tls", Failed, "the certificate ended at %s", end.UTC().Format(time.RFC3339))
	case left < expirySoon:
		e.add("tls", Warning, "the certificate ends at %s", end.UTC().Format(time.RFC3339))
	default:
		e.add("tls", OK, "the certificate is good until %s", end.UTC().Format(time.RFC3339))
	}
}

// clock compares with the clocks of the key servers; without one it can only see
// whether ours is set at all.
func (e *examination) clock(ctx context.Context) {
	compared := false
	for _, c := range e.c.Counterparts {
		if !strings.HasPrefix(c.Keys, "https://") {
			continue
		}
		there, err := serverTime(ctx, c.Keys)
		if err != nil {
			continue // keys tells about the address
		}
		compared = true
		// The header has whole seconds, and the answer took its time.
		off := time.Until(there).Abs().Truncate(time.Second)
		switch {
		case off > c.Skew:
			e.add("clock", Failed, "it differs by %s from the key server of %s, more than skew (%s): genuine messages will be refused", off, c.Name, c.Skew)
		case off > clockWarning:
			e.add("clock", Warning, "it differs by %s from the key server of %s", off, c.Name)
		default:
			e.add("clock", OK, "it agrees with the key server of %s", c.Name)
		}
	}
	if compared {
		return
	}
	if year := e.now.Year(); year < 2026 {
		e.add("clock", Failed, "it is not set: it says %s", e.now.UTC().Format(time.RFC3339))
		return
	}
	e.add("clock", OK, "it says %s; there is no https address of keys to compare it with", e.now.UTC().Format(time.RFC3339))
}

func serverTime(ctx context.Context, url string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, source.DefaultTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return time.Time{}, err
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return time.Time{}, err
	}
	defer res.Body.Close()
	return http.ParseTime(res.Header.Get("Date"))
}

func (e *examination) keys(ctx context.Context, c *config.Counterpart, p *parts) {
	check := "keys/" + c.Name
	keys := p.keys[c.Name]
	if strings.HasPrefix(c.Keys, "https://") {
		fetched, err := e.s.newHTTPS(c)
		if err != nil {
			return // config has told
		}
		if err := fetched.Refresh(ctx); err != nil {
			e.add(check, Failed, "%v", err)
			return
		}
		keys = fetched
	}
	if keys == nil {
		return // what is wrong with the file has been told
	}
	ring := keys.Ring()
	usable, end := ring.Valid(e.now), lastExpiry(ring, e.now)
	refused := ring.Len() - usable
	text := fmt.Sprintf("%d usable", usable)
	if refused > 0 {
		text += fmt.Sprintf(", %d refused or out of date (%s)", refused, firstUnusable(ring, e.now))
	}
	switch {
	case usable == 0:
		e.add(check, Failed, "%s", text)
	case !end.IsZero() && end.Sub(e.now) < expirySoon:
		e.add(check, Warning, "%s; the last ends at %s", text, end.UTC().Format(time.RFC3339))
	case !end.IsZero():
		e.add(check, OK, "%s; the last is good until %s", text, end.UTC().Format(time.RFC3339))
	default:
		e.add(check, OK, "%s", text)
	}
}

// firstUnusable names one key that cannot be used, and why.
func firstUnusable(ring *keyring.Ring, now time.Time) string {
	for _, k := range ring.All() {
		if k.Refused != "" {
			return fmt.Sprintf("key %q: %s", k.ID, strings.TrimPrefix(k.Refused, "keyring: "))
		}
	}
	for _, k := range ring.All() {
		if !k.ValidAt(now) {
			return fmt.Sprintf("key %q is out of date", k.ID)
		}
	}
	return "none"
}

func (e *examination) store(ctx context.Context) {
	c := e.c
	if c.Store == config.MemoryStore {
		e.add("store", Warning, "memory: records, replays and counts are lost when the process ends")
		return
	}
	path := strings.TrimPrefix(c.Store, "sqlite:")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && !strings.Contains(c.Store, "://") {
		e.add("store", OK, "%s is not there yet; serve makes it", path)
		return
	}
	opt, err := storeOptions(c)
	if err != nil {
		return // config has told
	}
	opt.ReadOnly = true
	opening, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	db, err := store.Open(opening, c.Store, opt)
	if err != nil {
		if faults, ok := storeFault(c, err); ok {
			e.faults("store", faults)
			return
		}
		e.add("store", Failed, "%v", err)
		return
	}
	defer db.Close()
	if err := db.Health(opening); err != nil {
		e.add("store", Failed, "%v", err)
		return
	}
	e.add("store", OK, "%s can be read", store.Redacted(c.Store))
	e.chain(ctx, db)
}

func (e *examination) chain(ctx context.Context, db store.Store) {
	ctx, cancel := context.WithTimeout(ctx, chainTimeout)
	defer cancel()
	end, err := db.Verify(ctx)
	switch {
	case ctx.Err() != nil:
		e.add("chain", Warning, "good up to record %d; the rest would take longer than %s: use issuant records verify", end.Seq, chainTimeout)
	case err != nil:
		e.add("chain", Failed, "good up to record %d, then: %v", end.Seq, err)
	default:
		e.add("chain", OK, "good up to its end, record %d, %s", end.Seq, end.Hash)
	}
}
