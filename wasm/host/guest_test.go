package host

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/internal/digest"
)

// scratch is one folder for all tests of this package: modules are built and compiled
// once each.
var scratch = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "issuant-host")
	if err != nil {
		panic(err)
	}
	return dir
})

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(scratch())
	os.Exit(code)
}

func cacheDir() string { return filepath.Join(scratch(), "cache") }

// misbehaving builds testdata/guest, which does what an event's text says.
var misbehaving = sync.OnceValues(func() ([]byte, error) { return buildMisbehaving() })

func buildMisbehaving() ([]byte, error) {
	out := filepath.Join(scratch(), "guest.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, "./testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		os.Stderr.Write(text)
		return nil, err
	}
	return os.ReadFile(out)
}

// options are those of a pool around the misbehaving guest.
func options(t testing.TB) Options {
	t.Helper()
	module, err := misbehaving()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Module: module, SHA256: digest.Of(module), CacheDir: cacheDir(), Size: 2, Pack: []byte("pack"), MaxMemory: 64 << 20}
}

// pool opens one that is closed, and has nothing left, when the test ends.
func pool(t testing.TB, opt Options) *Pool {
	t.Helper()
	return poolWith(t, opt, ours)
}

func poolWith(t testing.TB, opt Options, prof profile) *Pool {
	t.Helper()
	p, err := open(t.Context(), opt, prof)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := p.Close(ctx); err != nil {
			t.Errorf("Close: %v: a call never ended", err)
		}
		if s := p.Stats(); s.Running != 0 || s.Idle != 0 {
			t.Errorf("after Close: %+v", s)
		}
	})
	return p
}

// say sends an event that is one word.
func say(t testing.TB, p *Pool, event string) (string, error) {
	t.Helper()
	reply, err := p.Decide(t.Context(), time.UnixMilli(1), []byte(`"`+event+`"`))
	return string(reply), err
}

// must is say where nothing may go wrong.
func must(t testing.TB, p *Pool, event string) string {
	t.Helper()
	reply, err := say(t, p, event)
	if err != nil {
		t.Fatalf("%s: %v", event, err)
	}
	return reply
}
