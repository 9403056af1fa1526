package house_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/issuant/issuant/internal/testutil"
)

// maxCore bounds the core as a WASM reactor, in bytes, before compression:
// verification, codec, decision and record, with rules that are lowered (no
// expr, no YAML, no net/http, no x509). It stood at 4.9 MB with RSA and HMAC alone,
// and at 5.6 MB with the kinds of keys that other schemes sign with: to import
// crypto/ecdsa, crypto/ed25519 and crypto/ecdh links their self-tests and with them
// all curves, and at 6.5 MB with lowered conditions and their index. What breaks the
// bound is nearly always a new import.
const maxCore = 7_000_000

// TestCoreStaysSmall builds what the WASM module will link, for wasip1, and
// weighs it. It also proves that the core builds there.
func TestCoreStaysSmall(t *testing.T) {
	out := filepath.Join(t.TempDir(), "core.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./internal/house/core")
	cmd.Dir = testutil.Root(t)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	info, err := os.Stat(out)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("core: %d bytes", info.Size())
	if info.Size() > maxCore {
		t.Errorf("the core is %d bytes as WASM, more than %d: look for a new import", info.Size(), maxCore)
	}
}
