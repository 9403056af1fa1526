package host

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero/sys"

	"github.com/issuant/issuant/internal/code"
)

// TestFaultsPoisonTheInstance: whatever a module can do wrong, the caller gets an error
// with a code, the instance answers nobody again, and the pool serves on.
func TestFaultsPoisonTheInstance(t *testing.T) {
	for _, c := range []struct {
		event  string
		code   code.Code
		says   string // part of the error's text
		stderr string // part of what was attached
	}{
		{"panic", code.Internal, "issuant_decide refused: internal (500)", ""},
		{"nil", code.Internal, "internal", ""},
		{"exit", code.Fault, "exit_code(7)", ""},
		{"goroutine", code.Fault, "unreachable", "panic: in a goroutine"},
		{"recursion", code.Fault, "unreachable", "out of memory"}, // of the 64 MiB, before Go's own bound,
		{"memory", code.Fault, "unreachable", "out of memory"},
		{"deadlock", code.Fault, "unreachable", "all goroutines are asleep - deadlock!"},
		{"outside", code.Fault, "outside of its memory", ""},
		{"short", code.Fault, "outside of its memory", ""},
		{"stderr", code.Fault, `"first line"`, "[...]"},
	} {
		t.Run(c.event, func(t *testing.T) {
			opt := options(t)
			opt.Size = 1
			p := pool(t, opt)
			if got := must(t, p, "calls"); got != "1" {
				t.Fatalf("calls before: %s", got)
			}
			_, err := say(t, p, c.event)
			if code.Of(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error: %v, code %v", err, code.Of(err))
			}
			if fault := (*FaultError)(nil); errors.As(err, &fault) {
				if fault.Export != "issuant_decide" || !strings.Contains(fault.Stderr, c.stderr) {
					t.Errorf("fault of %s, standard error:\n%s", fault.Export, fault.Stderr)
				}
				if strings.Count(err.Error(), "\n") > 0 || len(err.Error()) > 600 {
					t.Errorf("the error's text is long: %q", err)
				}
			}
			if got := must(t, p, "calls"); got != "1" {
				t.Errorf("the instance lived on: it has answered %s calls", got)
			}
			if s := p.Stats(); s.Faults != 1 || s.Made != 2 || s.Idle != 1 || s.Running != 0 {
				t.Errorf("stats: %+v", s)
			}
		})
	}
}

// TestStandardErrorShowsNoMemory: Go dumps words of the stack when it dies, and prints
// the arguments of functions.
func TestStandardErrorShowsNoMemory(t *testing.T) {
	for _, event := range []string{"recursion", "goroutine", "deadlock", "memory"} {
		_, err := say(t, pool(t, options(t)), event)
		var fault *FaultError
		if !errors.As(err, &fault) || !strings.Contains(fault.Stderr, "goroutine") {
			t.Fatalf("%s: %v", event, err)
		}
		for _, word := range []string{"(0x", "{0x", "00000000", "stack: frame", "..."} {
			text := strings.NewReplacer("(...)", "", "[...]", "", "additional frames elided...", "").Replace(fault.Stderr)
			if strings.Contains(text, word) {
				t.Errorf("%s: standard error holds %q:\n%s", event, word, fault.Stderr)
			}
		}
	}
}

func TestStandardErrorIsCut(t *testing.T) {
	var s stderr
	for _, n := range []int{1, 100, stderrHead, stderrTail, 3 * stderrTail, 1} {
		text := strings.Repeat("x", n)
		if got, err := s.Write([]byte("<" + text + ">\n")); got != n+3 || err != nil {
			t.Fatal(got, err)
		}
		if got := s.String(); len(got) > stderrHead+stderrTail+7 || !strings.HasPrefix(got, "<x>\n") || !strings.HasSuffix(got, "x>\n") {
			t.Errorf("after %d: %d bytes: %.20q ... %q", n, len(got), got, got[len(got)-3:])
		}
	}
	s.reset()
	s.Write([]byte("panic: 4929123123123127 and 4929 1231 2312 3127, code 500\n"))
	if got := s.String(); got != "panic: [digits] and [digits], code 500\n" {
		t.Errorf("%q", got)
	}
}

func TestExitIsSeen(t *testing.T) {
	_, err := say(t, pool(t, options(t)), "exit")
	var exit *sys.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("error: %v", err)
	}
}

func TestARefusalKeepsTheInstance(t *testing.T) {
	opt := options(t)
	opt.Size = 1
	p := pool(t, opt)
	_, err := say(t, p, "refuse")
	var refused *GuestError
	if !errors.As(err, &refused) || refused.Code() != 401 || refused.Export != "issuant_decide" || string(refused.Reply) != `{"error":"event","message":"engine: no event"}` ||
		refused.Error() != "host: issuant_decide refused: event (401): engine: no event" {
		t.Fatalf("error: %v", err)
	}
	if got := must(t, p, "calls"); got != "2" {
		t.Errorf("calls: %s", got)
	}
}

// TestEndlessWorkEndsWithItsContext: that is what UntrustedModule is for.
func TestEndlessWorkEndsWithItsContext(t *testing.T) {
	opt := options(t)
	opt.UntrustedModule = true
	p := pool(t, opt)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := p.Decide(ctx, time.UnixMilli(1), []byte(`"endless"`))
	if !errors.Is(err, context.DeadlineExceeded) || code.Of(err) != code.Fault {
		t.Errorf("error: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	go func() { time.Sleep(50 * time.Millisecond); cancel() }()
	if _, err = p.Decide(ctx, time.UnixMilli(1), []byte(`"endless"`)); !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
	if got := must(t, p, "calls"); got != "1" {
		t.Errorf("the instance lived on: %s", got)
	}
}

// TestATrustedCallIsNotInterrupted: a context that ends while a call runs changes nothing;
// the call's own bounds do.
func TestATrustedCallIsNotInterrupted(t *testing.T) {
	p := pool(t, options(t))
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := p.with(ctx, needsPack, func(in *instance) ([]byte, error) {
		cancel()
		return in.send(ctx, "issuant_decide", []uint32{in.pack}, []byte(`"event":"calls"}`))
	}); err != nil {
		t.Error(err)
	}
	if s := p.Stats(); s.Faults != 0 {
		t.Errorf("%+v", s)
	}
}

func TestInstancesAreReplacedByBounds(t *testing.T) {
	for _, c := range []struct {
		name  string
		bound func(*Options)
		event string
		worn  uint64
	}{
		{"size", func(o *Options) { o.MaxGrowth = 8 << 20 }, "grow", 1},
		{"uses", func(o *Options) { o.MaxUses = 3 }, "calls", 3},
		{"age", func(o *Options) { o.MaxAge = 1 }, "calls", 10},
		{"none", func(*Options) {}, "calls", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			opt := options(t)
			c.bound(&opt)
			p := pool(t, opt)
			must(t, p, c.event)
			for range 9 {
				must(t, p, "calls")
			}
			if s := p.Stats(); s.Worn != c.worn || s.Faults != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestPerCallSharesNothing(t *testing.T) {
	opt := options(t)
	opt.Isolation = PerCall
	p := pool(t, opt)
	for range 5 {
		if got := must(t, p, "calls"); got != "1" {
			t.Fatalf("an instance answered %s calls", got)
		}
	}
	if s := p.Stats(); s.Made != 6 || s.Idle != 0 || s.Worn != 0 {
		t.Errorf("%+v", s)
	}
}
