package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/wasm/abi"
)

func TestCallsCarryWhatTheABISays(t *testing.T) {
	opt := options(t)
	opt.Ring = secret.NewBytes([]byte("key of the ring"))
	p := pool(t, opt)
	now := time.UnixMilli(1795392000123)
	request := Request{Now: now, Scheme: "pismo", Method: "POST", Path: "/a?b=\"", Header: map[string][]string{"X-B": {"2"}, "X-A": {"1", "3\x00"}}, Body: []byte("body")}
	const asJSON = `{"now_ms":1795392000123,"scheme":"pismo","method":"POST","path":"/a?b=\"","headers":{"X-A":["1","3\u0000"],"X-B":["2"]},"body_b64":"Ym9keQ=="}`
	for _, c := range []struct {
		name string
		call func() ([]byte, error)
		want string
	}{
		{"Decide", func() ([]byte, error) { return p.Decide(t.Context(), now, []byte(`{"id":"e"}`)) }, `{"now_ms":1795392000123,"event":{"id":"e"}}`},
		{"Explain", func() ([]byte, error) { return p.Explain(t.Context(), now, []byte(`{}`)) }, `{"now_ms":1795392000123,"event":{}}`},
		{"DecideBatch", func() ([]byte, error) { return p.DecideBatch(t.Context(), []byte("a\nb\n")) }, "a\nb\n"},
		{"Open", func() ([]byte, error) { return p.Open(t.Context(), request) }, `{"ring":8,"in":` + asJSON + `}`},
		{"Answer", func() ([]byte, error) { return p.Answer(t.Context(), request) }, `{"pack":7,"ring":8,"in":` + asJSON + `}`},
		{"Info", func() ([]byte, error) { return p.Info(t.Context()) }, `{"flavour":"test"}`},
		{"SelfTest", func() ([]byte, error) { return p.SelfTest(t.Context()) }, `{}`},
		{"Call", func() ([]byte, error) { return p.Call(t.Context(), abi.ExportDecideBatch, []byte("c")) }, "c"},
	} {
		if got, err := c.call(); err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", c.name, err, got, c.want)
		}
	}
	for name, call := range map[string]func(context.Context, []byte) ([]byte, error){"Seal": p.Seal, "Provision": p.Provision, "Compile": p.Compile} {
		if _, err := call(t.Context(), nil); !errors.Is(err, ErrModule) || !strings.Contains(err.Error(), "does not export issuant_"+strings.ToLower(name)) {
			t.Errorf("%s of a module without it: %v", name, err)
		}
	}
	for _, export := range []string{"", "issuant_nothing", abi.ExportLoad, abi.ExportRing, abi.ExportDrop, abi.ExportEntropy, abi.ExportIn, abi.ExportInfo, abi.ExportInitialize} {
		if _, err := p.Call(t.Context(), export, nil); !errors.Is(err, ErrOptions) {
			t.Errorf("Call(%q): %v", export, err)
		}
	}
	if s := p.Stats(); s.Faults != 0 || s.Made != 1 {
		t.Errorf("%+v", s)
	}
}

func TestPackAndRingAreNeeded(t *testing.T) {
	opt := options(t)
	opt.Pack = nil
	p := pool(t, opt)
	for name, err := range map[string]error{
		"Decide": second(p.Decide(t.Context(), time.Now(), []byte(`{}`))),
		"Open":   second(p.Open(t.Context(), Request{})),
		"Answer": second(p.Answer(t.Context(), Request{})),
	} {
		if !errors.Is(err, ErrOptions) || code.Of(err) != code.Config {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second(_ []byte, err error) error { return err }

func TestTooLargeAnInputIsRefusedAlone(t *testing.T) {
	p := pool(t, options(t))
	if _, err := p.DecideBatch(t.Context(), make([]byte, abi.MaxTray)); err != nil {
		t.Error(err)
	}
	for _, n := range []int{abi.MaxTray + 1, abi.MaxTray * 3} {
		if _, err := p.DecideBatch(t.Context(), make([]byte, n)); code.Of(err) != code.TooLarge {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if s := p.Stats(); s.Faults != 0 {
		t.Errorf("%+v", s)
	}
}

// TestTheInstanceGetsRandomnessAndNothingElse: what a module can see of its host.
func TestTheInstanceGetsRandomnessAndNothingElse(t *testing.T) {
	opt := options(t)
	opt.Size, opt.Warm = 2, 2
	p, q := pool(t, opt), pool(t, opt)
	if a, b := must(t, p, "entropy"), must(t, q, "entropy"); len(a) != 2*entropyBytes || a == b {
		t.Errorf("entropy %q and %q", a, b)
	}
	if a, b := must(t, p, "random"), must(t, q, "random"); a == b || len(a) != 32 {
		t.Errorf("random %q and %q", a, b)
	}
	var ms int64
	if _, err := fmt.Sscan(must(t, p, "clock"), &ms); err != nil || time.Since(time.UnixMilli(ms)).Abs() > time.Hour {
		t.Errorf("the clock stands at %d: %v", ms, err)
	}
	// No argument, no variable, no folder, no file.
	if got := must(t, p, "surround"); got != "0 0 true true" {
		t.Errorf("surroundings: %s", got)
	}
}

func TestARingIsWipedFromTheTray(t *testing.T) {
	const key = "key of the ring"
	opt := options(t)
	opt.Ring = secret.NewBytes([]byte(key))
	p := pool(t, opt)
	if got := must(t, p, "ring"); got != key {
		t.Fatalf("ring: %q", got)
	}
	// The guest's tray is 64 KiB, so what was behind the call's input is still there.
	if got := must(t, p, "tray"); got != "false" {
		t.Error("the key is still in the tray")
	}
	if got := string(opt.Ring.Reveal()); got != key {
		t.Errorf("the caller's ring was changed: %q", got)
	}
	opt.Ring.Wipe()
	if err := p.Swap(t.Context(), Change{Pack: []byte("other")}); err != nil {
		t.Fatal(err)
	}
	if got := must(t, p, "ring"); got != key {
		t.Errorf("the ring after the caller wiped his: %q", got)
	}
	var in *instance
	if _, err := p.with(t.Context(), needsAll, func(i *instance) ([]byte, error) { in = i; i.broken = true; return nil, nil }); err != nil {
		t.Fatal(err)
	}
	if in.gen.ring.Len() == 0 {
		t.Error("the ring of a generation that serves was wiped")
	}
	if err := p.Close(t.Context()); err != nil || in.gen.ring.Len() != 0 {
		t.Errorf("%v; the ring has %d bytes after Close", err, in.gen.ring.Len())
	}
}

// TestManyCallersGetTheirOwnAnswers: two calls never run in one instance, and no answer
// goes to another caller. Run with -race.
func TestManyCallersGetTheirOwnAnswers(t *testing.T) {
	p := pool(t, options(t))
	var most atomic.Int64
	hammer(t, 100, 20, func(i, j int) error {
		event := fmt.Sprintf(`{"id":"%d-%d"}`, i, j)
		reply, err := p.Decide(t.Context(), time.UnixMilli(1), []byte(event))
		if s := p.Stats(); int64(s.Running) > most.Load() {
			most.Store(int64(s.Running))
		}
		if want := `{"now_ms":1,"event":` + event + `}`; err == nil && string(reply) != want {
			return fmt.Errorf("got %s, want %s", reply, want)
		}
		return err
	})
	if s := p.Stats(); most.Load() > 2 || s.Made > 2 || s.Faults != 0 {
		t.Errorf("at most %d ran at once; %+v", most.Load(), s)
	}
}

// TestFaultsOfOthersTouchNobody: one caller in four brings a fault.
func TestFaultsOfOthersTouchNobody(t *testing.T) {
	p := pool(t, options(t))
	faults := []string{"exit", "goroutine", "deadlock", "outside"}
	hammer(t, 16, 8, func(i, j int) error {
		if i%4 == 0 {
			if _, err := say(t, p, faults[j%4]); code.Of(err) != code.Fault {
				return fmt.Errorf("%s: %v", faults[j%4], err)
			}
			return nil
		}
		event := fmt.Sprintf("%d-%d", i, j)
		reply, err := say(t, p, event)
		if err == nil && !strings.Contains(reply, event) {
			return fmt.Errorf("got %s for %s", reply, event)
		}
		return err
	})
	if s := p.Stats(); s.Faults != 32 {
		t.Errorf("%+v", s)
	}
}

// hammer calls f from n goroutines, m times each, and reports the first errors.
func hammer(t *testing.T, n, m int, f func(i, j int) error) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for j := range m {
				if err := f(i, j); err != nil {
					t.Errorf("caller %d, call %d: %v", i, j, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestSwapDropsNoCall swaps the pack, and the whole module, under load.
func TestSwapDropsNoCall(t *testing.T) {
	opt := options(t)
	p := pool(t, opt)
	ctx, stop := context.WithCancel(t.Context())
	var calls atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := 0; ctx.Err() == nil; j++ {
				event := fmt.Sprintf("%d-%d", i, j)
				if reply, err := say(t, p, event); err != nil || !strings.Contains(reply, event) {
					t.Errorf("call %s: %q, %v", event, reply, err)
					return
				}
				calls.Add(1)
			}
		})
	}
	for i := range 12 {
		change := Change{Pack: fmt.Appendf(nil, "pack %d", i)}
		if i%4 == 3 {
			change.Module, change.SHA256 = opt.Module, opt.SHA256
		}
		if err := p.Swap(t.Context(), change); err != nil {
			t.Error(err)
		}
	}
	stop()
	wg.Wait()
	if s := p.Stats(); s.Generation != 13 || s.Faults != 0 || s.Idle > opt.Size {
		t.Errorf("%+v", s)
	}
	t.Logf("%d calls", calls.Load())
}

func TestASwapThatFailsChangesNothing(t *testing.T) {
	opt := options(t)
	p := pool(t, opt)
	must(t, p, "calls")
	for name, c := range map[string]struct {
		change Change
		want   code.Code
	}{
		"digest":    {Change{Module: opt.Module, SHA256: strings.Repeat("0", 64)}, code.Module},
		"no digest": {Change{Module: opt.Module}, code.Config},
		"no module": {Change{Module: []byte("nothing"), SHA256: digest.Of([]byte("nothing"))}, code.Module},
		"refused":   {Change{Pack: []byte("refused")}, code.PackFile},
		"trap":      {Change{Pack: []byte("trap")}, code.Fault},
		"no handle": {Change{Pack: []byte("no handle")}, code.Fault},
		"too large": {Change{Pack: make([]byte, abi.MaxTray+1)}, code.TooLarge},
	} {
		if err := p.Swap(t.Context(), c.change); code.Of(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := must(t, p, "calls"); got != "2" || p.Stats().Generation != 1 {
		t.Errorf("calls: %s, %+v", got, p.Stats())
	}
}

// TestAnOldGenerationServesItsCalls: a call that began before a swap ends where it began.
func TestAnOldGenerationServesItsCalls(t *testing.T) {
	opt := options(t)
	opt.Size = 2
	p := pool(t, opt)
	var old *generation
	_, err := p.with(t.Context(), needsPack, func(in *instance) ([]byte, error) {
		old = in.gen
		if err := p.Swap(t.Context(), Change{Module: opt.Module, SHA256: opt.SHA256}); err != nil {
			return nil, err
		}
		if got := must(t, p, "calls"); got != "1" {
			t.Errorf("the new generation has answered %s calls", got)
		}
		return in.send(t.Context(), abi.ExportDecide, []uint32{in.pack}, []byte(`{"event":"calls"}`))
	})
	if err != nil {
		t.Fatal(err)
	}
	if old.users != 0 || old.compiled.users != 0 {
		t.Errorf("the old generation is still held: %d, %d", old.users, old.compiled.users)
	}
	if _, err := old.instantiate(t.Context(), &stderr{}); err == nil {
		t.Error("the old generation's runtime is still open")
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	opt := options(t)
	opt.Size = 1
	p := pool(t, opt)
	_, err := p.with(t.Context(), 0, func(*instance) ([]byte, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := p.Info(ctx)
		return nil, err
	})
	if !errors.Is(err, ErrBusy) || !errors.Is(err, context.DeadlineExceeded) || code.Of(err) != code.Busy {
		t.Errorf("error: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Info(ended); !errors.Is(err, ErrBusy) {
		t.Errorf("a context that had ended: %v", err)
	}
}

// TestCloseWaitsForCalls: those that run end well, later ones and those that wait get
// ErrClosed.
func TestCloseWaitsForCalls(t *testing.T) {
	opt := options(t)
	opt.Size = 1
	p := pool(t, opt)
	closed := make(chan error, 1)
	waiting := make(chan error, 1)
	_, err := p.with(t.Context(), needsPack, func(in *instance) ([]byte, error) {
		go func() { waiting <- second(p.Info(t.Context())) }()
		go func() { closed <- p.Close(t.Context()) }()
		if err := <-waiting; !errors.Is(err, ErrClosed) {
			t.Errorf("the call that waited: %v", err)
		}
		select {
		case err := <-closed:
			t.Errorf("Close did not wait: %v", err)
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := p.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second Close: %v", err)
		}
		return in.send(t.Context(), abi.ExportDecide, []uint32{in.pack}, []byte(`{"event":"calls"}`))
	})
	if err != nil {
		t.Errorf("the call that ran: %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
	if _, err := p.Info(t.Context()); !errors.Is(err, ErrClosed) || code.Of(err) != code.Closed {
		t.Errorf("a call after Close: %v", err)
	}
	if err := p.Swap(t.Context(), Change{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Swap after Close: %v", err)
	}
}

func TestCloseUnderLoad(t *testing.T) {
	for range 3 {
		p := pool(t, options(t))
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					if _, err := p.Info(t.Context()); err != nil {
						if !errors.Is(err, ErrClosed) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		wg.Go(func() {
			for {
				if err := p.Swap(t.Context(), Change{Pack: []byte("p")}); err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
			}
		})
		time.Sleep(20 * time.Millisecond)
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		wg.Wait()
	}
}
