package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/gatehttp"
)

// Build is what the binary tells of itself.
type Build struct{ Version, Commit, Go string }

// Options of a server. All but Now are required.
type Options struct {
	// Load reads the configuration anew; with faults it is not to be used.
	Load func() (*config.Config, []config.Fault)
	// ConfigFile is watched, "" when there is none.
	ConfigFile string
	Log        *slog.Logger
	Build      Build
	Reload     <-chan struct{}  // asks for a reload, as SIGHUP does; may be nil
	Now        func() time.Time // default time.Now
}

// Server answers webhooks. Check or New makes one, Run runs it once.
type Server struct {
	opt     Options
	log     *slog.Logger
	metrics *metrics
	status  *status
	health  health
	started time.Time
	tracing *tracing

	keeper Keeper
	ledger engine.Ledger // keeper, measured
	parts  atomic.Pointer[parts]
	routes atomic.Pointer[routes]
	limit  atomic.Pointer[limiter]

	nonces   applepay.Nonces // of Apple Pay, for the life of the process
	building chan struct{}   // a place for each payload that is being built

	lists     runtimeLists
	sealing   sync.Mutex // guards sealer
	sealer    *eventSealer
	waits     waiting       // a pack that waits for approvals
	again     chan struct{} // asks for a look at a pack that was not taken
	adminAddr string
	fetchers  sync.WaitGroup
	stopFetch map[string]context.CancelFunc // by counterpart
	fetchCtx  context.Context

	watched []*part // what a reload looks at; for the goroutine that reloads
	conf    *part
}

// FaultError is a configuration that cannot be used.
type FaultError struct{ Faults []config.Fault }

func (e *FaultError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "; ")
}

// ErrStore is wrapped when the store cannot be opened, ErrListen when an address
// cannot be listened on.
var (
	ErrStore  = errors.New("the store cannot be opened")
	ErrListen = errors.New("cannot listen")
)

// Check loads everything that the configuration names, but opens no store, fetches
// nothing and listens nowhere. It returns all faults.
func Check(opt Options) []config.Fault {
	s := newServer(opt)
	c, faults := opt.Load()
	p, more := s.loadParts(c, nil)
	faults = append(faults, more...)
	if faults = append(faults, checkStore(c)...); len(faults) > 0 {
		return faults
	}
	// Routes check what parts mean together; a ledger in memory stands for the store.
	keeper, err := newMemoryKeeper(c, s.started)
	if err != nil {
		return []config.Fault{{Msg: err.Error()}}
	}
	s.keeper, s.ledger = keeper, keeper
	_, faults = s.newRoutes(p)
	return faults
}

func newServer(opt Options) *Server {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	conf := &part{kind: "config", name: "config"}
	if opt.ConfigFile != "" {
		conf.files = fileOf(opt.ConfigFile)
	}
	conf.begin()
	return &Server{
		conf: conf, opt: opt, again: make(chan struct{}, 1), log: opt.Log, metrics: newMetrics(opt.Build), status: newStatus(),
		// Messages are dated in whole seconds: one of the second of the start was not
		// answered by an earlier process in another way than by chance of a fast restart.
		started: opt.Now().Truncate(time.Second), stopFetch: map[string]context.CancelFunc{},
	}
}

// Run serves until ctx ends, and then until what is in flight has been answered. A
// *FaultError says that the configuration is wrong; other errors wrap ErrStore or
// ErrListen. It returns nil when everything was answered.
func Run(ctx context.Context, opt Options) error {
	s := newServer(opt)
	c, faults := opt.Load()
	p, more := s.loadParts(c, nil)
	if faults = append(faults, more...); len(faults) > 0 {
		return &FaultError{faults}
	}
	opening, cancel := context.WithTimeout(ctx, openTimeout)
	keeper, err := openKeeper(opening, c, s.started)
	cancel()
	if faults, ok := storeFault(c, err); ok {
		return &FaultError{faults}
	} else if err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	defer s.closeKeeper(keeper)
	s.keeper, s.ledger = keeper, measured{keeper, s.metrics}
	if s.tracing, err = newTracing(ctx, c, opt.Build); err != nil {
		return &FaultError{[]config.Fault{{Place: c.Place("otlp"), Key: "otlp", Msg: err.Error()}}}
	}
	defer s.tracing.close()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { s.log.Debug("traces could not be sent", "error", err) }))
	if faults := s.follow(ctx, p, false); len(faults) > 0 {
		return &FaultError{faults}
	}
	if faults := s.approvedAtStart(ctx, p); len(faults) > 0 {
		return &FaultError{faults}
	}
	next, faults := s.newRoutes(p)
	if len(faults) > 0 {
		return &FaultError{faults}
	}
	if err := s.readLists(ctx); err != nil { // a kill switch holds from the first message on
		return fmt.Errorf("%w: its runtime lists: %w", ErrStore, err)
	}
	if faults := s.follow(ctx, p, true); len(faults) > 0 {
		return &FaultError{faults}
	}
	if err := s.install(p, next); err != nil {
		return &FaultError{listFaults(err)}
	}
	s.logSigned(p, p.signedPlaces()...)
	s.expiries()
	s.metrics.pack(p.pack)
	s.metrics.watch(s)
	return s.run(ctx, c, p)
}

func (s *Server) closeKeeper(k Keeper) {
	if err := k.Close(); err != nil {
		s.log.Error("the store did not close well", "error", err)
	}
}

// run listens, reloads and drains.
func (s *Server) run(ctx context.Context, c *config.Config, p *parts) error {
	hooks, adminL, wallet, err := s.listen(c)
	if err != nil {
		return err
	}
	s.adminAddr = adminL.Addr().String()
	work, stop := context.WithCancel(context.WithoutCancel(ctx)) // it goes on while we drain
	s.fetchCtx = work
	var side sync.WaitGroup
	defer func() {
		stop()
		s.fetchers.Wait()
		side.Wait()
	}()
	s.fetch(nil, p)
	web, adm := s.servers(c, hooks)
	pay := s.provisionServer(c, wallet)
	failed := make(chan error, 3)
	if hooks != nil {
		side.Go(func() { failed <- serve(web, hooks, c.TLSCert != "") })
	}
	if wallet != nil {
		side.Go(func() { failed <- serve(pay, wallet, c.Provision.TLSCert != "") })
	}
	side.Go(func() { failed <- adm.Serve(adminL) })
	side.Go(func() { s.reloads(work) })
	side.Go(func() { s.followLists(work) })
	s.announce(c, hooks, adminL, wallet)
	select {
	case <-ctx.Done():
	case err = <-failed: // a listener broke: what is in flight is answered all the same
		s.log.Error("a listener broke", "error", err)
	}
	derr := s.drain(c, web, pay)
	_ = adm.Close()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrListen, err)
	}
	return derr
}

func serve(web *http.Server, l net.Listener, withTLS bool) error {
	if withTLS {
		return web.ServeTLS(l, "", "")
	}
	return web.Serve(l)
}

// listen opens the addresses: hooks is nil where there are no webhooks, wallet where no
// payloads are built.
func (s *Server) listen(c *config.Config) (hooks, adm, wallet net.Listener, err error) {
	var open []net.Listener
	on := func(name, address string, max int, plain bool) *limiter {
		if err != nil {
			return nil
		}
		var l net.Listener
		if l, err = net.Listen("tcp", address); err != nil {
			err = fmt.Errorf("%w on %s: %w", ErrListen, name, err)
			return nil
		}
		open = append(open, l)
		return newLimiter(l, max, plain, s.metrics.refusedConns.Inc)
	}
	if c.Provision == nil || !c.Provision.Only {
		lim := on("listen", c.Listen, c.MaxConnections, c.TLSCert == "")
		s.limit.Store(lim)
		hooks = lim
	}
	if p := c.Provision; p != nil {
		wallet = on("provision.listen", p.Listen, c.MaxConnections, p.TLSCert == "")
	}
	adm = on("admin", c.Admin, maxAdminConnections, true)
	if err != nil {
		for _, l := range open {
			_ = l.Close()
		}
		return nil, nil, nil, err
	}
	return hooks, adm, wallet, nil
}

// provisionServer answers requests for payloads; an idle one where there are none.
func (s *Server) provisionServer(c *config.Config, l net.Listener) *http.Server {
	srv := gatehttp.NewServer("", http.HandlerFunc(s.provisionHandler))
	srv.ErrorLog = log.New(io.Discard, "", 0) // its lines quote what strangers sent
	if l == nil {
		return srv
	}
	s.building = make(chan struct{}, c.Provision.MaxInFlight)
	srv.WriteTimeout += gatehttp.MaxDeadline
	srv.ConnState = l.(*limiter).state
	srv.TLSConfig = s.provisionTLS()
	srv.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 100}
	return srv
}

const maxAdminConnections = 64

// servers are the two HTTP servers with all their bounds.
func (s *Server) servers(c *config.Config, hooks net.Listener) (web, adm *http.Server) {
	web = gatehttp.NewServer("", s)
	// The handler bounds each body by the deadline of its day; an answer fits into the
	// buffer of its connection, so that nobody can hold one for as long as this.
	web.WriteTimeout += gatehttp.MaxDeadline
	if l, ok := hooks.(*limiter); ok {
		web.ConnState = l.state
	}
	web.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return s.parts.Load().cert, nil
	}}
	web.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 100}
	adm = gatehttp.NewServer("", s.admin())
	quiet := log.New(io.Discard, "", 0) // its lines quote what strangers sent
	web.ErrorLog, adm.ErrorLog = quiet, quiet
	return web, adm
}

func (s *Server) connections() int {
	if l := s.limit.Load(); l != nil {
		return l.count()
	}
	return 0
}

// announce is the one line that says where the server listens.
func (s *Server) announce(c *config.Config, hooks, adm, wallet net.Listener) {
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	urls := make([]string, len(c.Counterparts))
	for i, p := range c.Counterparts {
		urls[i] = scheme + "://" + hooks.Addr().String() + webhookPath(p.Name)
	}
	attrs := []any{"webhooks", strings.Join(urls, " "), "admin", "http://" + adm.Addr().String()}
	if wallet != nil {
		scheme := "http"
		if c.Provision.TLSCert != "" {
			scheme = "https"
		}
		attrs = append(attrs, "provision", scheme+"://"+wallet.Addr().String()+provisionPath)
	}
	if c.Store == config.MemoryStore {
		s.log.Warn("UNSAFE for production: records, replays and counts are in memory and lost when the process ends")
	}
	if u, err := url.Parse(c.Store); err == nil && c.Place("store") == "--store" {
		if _, has := u.User.Password(); has {
			s.log.Warn("the command line shows the store's password to everybody on this machine; use ISSUANT_STORE or a password file")
		}
	}
	if c.Durability == "off" {
		s.log.Warn("durability is off: a crash of the machine can lose records whose answers have left")
	}
	s.logPack(s.parts.Load())
	s.log.Info("serving", attrs...)
}

// drain: /readyz says no at once, requests are still answered for drain_wait, then
// those in flight end. An error says that some did not in time.
func (s *Server) drain(c *config.Config, servers ...*http.Server) error {
	s.status.drain()
	s.log.Info("draining", "wait", c.DrainWait.String())
	time.Sleep(c.DrainWait)
	ctx, cancel := context.WithTimeout(context.Background(), c.DrainTimeout)
	defer cancel()
	var late error
	for _, srv := range servers {
		if err := srv.Shutdown(ctx); err != nil {
			_ = srv.Close()
			late = fmt.Errorf("requests in flight did not end within %v", c.DrainTimeout)
		}
	}
	if late != nil {
		return late
	}
	s.log.Info("drained")
	return nil
}
