package host

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/wasm/abi"
)

// Pool runs a module in at most Options.Size instances. It is safe for concurrent use.
type Pool struct {
	opt     Options       // without Module, Pack and Ring, which generations hold
	profile profile       // ours, but in tests
	permits chan struct{} // one for each call that runs
	swaps   chan struct{} // one Swap at a time
	closing chan struct{} // closed by Close: nobody waits any more
	drained chan struct{} // closed when nothing runs after Close

	mu     sync.Mutex
	gen    *generation
	busy   int // calls and swaps that have begun
	closed bool
	stats  Stats
}

// Stats are counts since Open.
type Stats struct {
	// Generation counts from 1 and grows by one with each Swap; Module is the digest of
	// what it runs, in hexadecimal.
	Generation uint64
	Module     string
	// Running calls and Idle instances, now.
	Running, Idle int
	// Made are all instances ever made, Faults those that were closed because a call did
	// not come back or answered code 500, Worn those that a bound of Options closed.
	Made, Faults, Worn uint64
	// MakeTime is how long the latest instance took to make: initialised and loaded.
	MakeTime time.Duration
}

// generation is what is served at one time. Its fields but idle, users and retired do not
// change; those are guarded by Pool.mu.
type generation struct {
	*compiled
	number uint64
	pack   []byte
	ring   secret.Bytes // a copy of its own

	idle    []*instance // the one used last is the next one: the others grow old and go
	users   int         // calls, and one while it serves
	retired bool
}

// Open compiles and checks a module and makes the first instances. It fails with
// ErrOptions, ErrModule, ErrABI, ErrRuntime, ErrCacheDir, with a *FaultError where the
// module traps, and with a *GuestError where it refuses the pack or the ring. Close the
// pool after use.
func Open(ctx context.Context, opt Options) (*Pool, error) { return open(ctx, opt, ours) }

func open(ctx context.Context, opt Options, prof profile) (*Pool, error) {
	if err := opt.fill(); err != nil {
		return nil, err
	}
	p := &Pool{
		opt: opt, profile: prof,
		permits: make(chan struct{}, opt.Size), swaps: make(chan struct{}, 1),
		closing: make(chan struct{}), drained: make(chan struct{}),
	}
	p.opt.Module, p.opt.Pack, p.opt.Ring = nil, nil, secret.Bytes{}
	if err := p.Swap(ctx, Change{Module: opt.Module, SHA256: opt.SHA256, Pack: opt.Pack, Ring: opt.Ring}); err != nil {
		return nil, err
	}
	return p, nil
}

// Swap serves something else from now on: see Change. It returns when new calls get the
// new generation; calls that run end in the old one. Swaps wait for each other. Errors as
// of Open, and ErrClosed; after one, what served before serves on.
func (p *Pool) Swap(ctx context.Context, change Change) error {
	select {
	case p.swaps <- struct{}{}:
	case <-p.closing:
		return ErrClosed
	case <-ctx.Done():
		return waited(ctx)
	}
	defer func() { <-p.swaps }()

	p.mu.Lock()
	old := p.gen
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	p.busy++
	if old != nil {
		old.users++
	}
	p.mu.Unlock()
	if old != nil {
		defer p.leave(ctx, old)
	} else {
		defer p.rest()
	}

	next, err := p.newGeneration(ctx, old, change)
	if err != nil {
		return err
	}
	p.mu.Lock()
	closed := p.closed
	if !closed {
		p.gen = next
		p.stats.Generation, p.stats.Module = next.number, next.digest
	}
	p.mu.Unlock()
	if closed {
		p.retire(ctx, next)
		return ErrClosed
	}
	if old != nil {
		p.retire(ctx, old)
	}
	return nil
}

// newGeneration builds what serves next, warm.
func (p *Pool) newGeneration(ctx context.Context, old *generation, change Change) (*generation, error) {
	g := &generation{number: 1, pack: change.Pack, ring: secret.NewBytes(change.Ring.Reveal()), users: 1}
	if old != nil {
		g.number, g.compiled = old.number+1, old.compiled
		if g.ring.Len() == 0 {
			g.ring = secret.NewBytes(old.ring.Reveal())
		}
	}
	if old == nil || change.Module != nil {
		digest, err := checkDigest(change.Module, change.SHA256, p.opt.UnsafeAnyModule)
		if err != nil {
			return nil, err
		}
		if g.compiled, err = newCompiled(ctx, change.Module, digest, &p.opt, p.profile); err != nil {
			return nil, err
		}
	}
	// A module that brings its pack along was made for that one.
	if old != nil && g.pack == nil && g.image == nil {
		g.pack = old.pack
	}
	p.mu.Lock()
	g.compiled.users++
	p.mu.Unlock()
	err := p.warm(ctx, g)
	if err == nil && old != nil && old.hasPack() && !g.hasPack() {
		err = code.Wrap(ErrOptions, "the pack that is served goes with its module: name one in Change.Pack")
	}
	if err != nil {
		p.retire(ctx, g)
		return nil, err
	}
	return g, nil
}

func (g *generation) hasPack() bool { return g.pack != nil || g.image != nil }

// warm makes the first instances; under PerCall one, which shows that all is well.
func (p *Pool) warm(ctx context.Context, g *generation) error {
	n := p.opt.Warm
	if p.opt.Isolation == PerCall {
		n = 1
	}
	for range n {
		in, err := p.make(ctx, g, needsAll)
		if err != nil {
			return err
		}
		if p.opt.Isolation == PerCall {
			in.close(ctx)
		} else {
			g.idle = append(g.idle, in)
		}
	}
	return nil
}

// Close refuses further calls, waits for those that run, and gives everything back. When
// ctx ends first, its error is returned and the rest is given back as the calls end. It
// may be called more than once.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	first := !p.closed
	p.closed = true
	p.mu.Unlock()
	if first {
		close(p.closing)
		p.retire(ctx, p.gen)
	}
	select {
	case <-p.drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stats returns the counts of this moment.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Running = len(p.permits)
	if p.gen != nil {
		s.Idle = len(p.gen.idle)
	}
	return s
}

// with runs f with an instance that nobody else has.
func (p *Pool) with(ctx context.Context, want needs, f func(*instance) ([]byte, error)) ([]byte, error) {
	in, err := p.take(ctx, want)
	if err != nil {
		return nil, err
	}
	returned := false
	defer func() {
		in.broken = in.broken || !returned // a panic of ours went through f
		p.give(ctx, in)
	}()
	reply, err := f(in)
	in.uses++
	returned = true
	return reply, err
}

// take waits for a permit, then takes an idle instance or makes one.
func (p *Pool) take(ctx context.Context, want needs) (*instance, error) {
	if ctx.Err() != nil {
		return nil, waited(ctx)
	}
	select {
	case p.permits <- struct{}{}:
	case <-p.closing:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, waited(ctx)
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		<-p.permits
		return nil, ErrClosed
	}
	g := p.gen
	g.users++
	p.busy++
	var in *instance
	if n := len(g.idle); n > 0 {
		in, g.idle[n-1] = g.idle[n-1], nil
		g.idle = g.idle[:n-1]
	}
	p.mu.Unlock()
	if in != nil {
		return in, nil
	}
	if p.opt.Isolation == Pooled {
		want = needsAll // the next call may need what this one does not
	}
	in, err := p.make(ctx, g, want)
	if err != nil {
		p.leave(ctx, g)
		<-p.permits
		return nil, err
	}
	return in, nil
}

func waited(ctx context.Context) error { return fmt.Errorf("%w: %w", ErrBusy, ctx.Err()) }

// make makes an instance and counts it.
func (p *Pool) make(ctx context.Context, g *generation, want needs) (*instance, error) {
	start := time.Now()
	in, err := g.newInstance(ctx, want)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.stats.Faults++
		return nil, err
	}
	p.stats.Made++
	p.stats.MakeTime = time.Since(start)
	return in, nil
}

// give takes an instance back, or closes it.
func (p *Pool) give(ctx context.Context, in *instance) {
	g := in.gen
	worn := !in.broken && in.worn(&p.opt)
	p.mu.Lock()
	keep := !in.broken && !worn && !g.retired && p.opt.Isolation == Pooled
	switch {
	case in.broken:
		p.stats.Faults++
	case worn:
		p.stats.Worn++
	}
	if keep {
		g.idle = append(g.idle, in)
	}
	p.mu.Unlock()
	if !keep {
		in.close(ctx)
	}
	p.leave(ctx, g)
	<-p.permits
}

// retire ends a generation: it is closed when its last call has left.
func (p *Pool) retire(ctx context.Context, g *generation) {
	p.mu.Lock()
	g.retired = true
	idle := g.idle
	g.idle = nil
	p.busy++ // of the leave below
	p.mu.Unlock()
	for _, in := range idle {
		in.close(ctx)
	}
	p.leave(ctx, g)
}

// leave ends one use of a generation.
func (p *Pool) leave(ctx context.Context, g *generation) {
	p.mu.Lock()
	g.users--
	last := g.users == 0
	lastOfModule := false
	if last {
		g.compiled.users--
		lastOfModule = g.compiled.users == 0
	}
	p.mu.Unlock()
	if last {
		g.ring.Wipe()
	}
	if lastOfModule {
		g.compiled.close(ctx)
	}
	p.rest()
}

// rest ends one piece of work; after Close, the last one lets Close return.
func (p *Pool) rest() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy--
	if p.closed && p.busy == 0 {
		close(p.drained)
	}
}

// Call hands input to an export of wasm/ABI.md that takes one, as it stands there, and
// returns the JSON of its answer, copied; the handles of the pack and the ring are put in
// where the export takes them. It is for hosts that speak the ABI's JSON themselves; the
// other methods build that JSON.
//
// What all calls answer: a *GuestError where the module refuses, a *FaultError where it
// fails, ErrOptions where the pool has no pack or ring that the export needs, ErrModule
// where this flavour of the module has no such export, ErrBusy with the context's error
// where ctx ends before an instance is free, and ErrClosed.
func (p *Pool) Call(ctx context.Context, export string, input []byte) ([]byte, error) {
	return p.call(ctx, export, input)
}

// takes are the exports that calls may name, and the handles that come before the length.
// Those that change an instance for good (load, ring, drop, entropy) are the pool's own.
var takes = map[string]needs{
	abi.ExportDecide: needsPack, abi.ExportExplain: needsPack, abi.ExportDecideBatch: needsPack,
	abi.ExportOpen: needsRing, abi.ExportAnswer: needsPack | needsRing,
	abi.ExportProvision: needsRing, abi.ExportSeal: needsRing, abi.ExportCompile: 0,
}

func (p *Pool) call(ctx context.Context, export string, parts ...[]byte) ([]byte, error) {
	return p.callWith(ctx, export, func(*instance) [][]byte { return parts })
}

// callWith is call with an input that depends on the module's version.
func (p *Pool) callWith(ctx context.Context, export string, input func(*instance) [][]byte) ([]byte, error) {
	want, ok := takes[export]
	if !ok {
		return nil, code.Wrap(ErrOptions, fmt.Sprintf("%q is not an export that takes input", export))
	}
	return p.with(ctx, want, func(in *instance) ([]byte, error) {
		handles := make([]uint32, 0, 2)
		if want&needsPack != 0 {
			if in.pack == 0 {
				return nil, code.Wrap(ErrOptions, export+" needs a Pack")
			}
			handles = append(handles, in.pack)
		}
		if want&needsRing != 0 {
			if in.ring == 0 {
				return nil, code.Wrap(ErrOptions, export+" needs a Ring")
			}
			handles = append(handles, in.ring)
		}
		return in.send(ctx, export, handles, input(in)...)
	})
}

// Exports lists the names that Call takes, sorted.
func Exports() []string {
	names := make([]string, 0, len(takes))
	for name := range takes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
