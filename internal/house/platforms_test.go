package house_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/compile/compiletest"
)

// TestPlatformsAgree compares this platform with a 32-bit and a big-endian one: the
// bytes that a pack compiles to, and what packs say of generated events. It belongs to
// the soak; the big-endian program runs under qemu's user-mode emulation.
func TestPlatformsAgree(t *testing.T) {
	if os.Getenv("ISSUANT_SOAK") == "" {
		t.Skip("platforms are compared in make soak")
	}
	files := loweredPacks(t)
	want := fingerprint(t, "", files)
	for arch, emulator := range map[string]string{"386": "", "s390x": "qemu-s390x-static"} {
		if emulator != "" {
			path, err := exec.LookPath(emulator)
			if err != nil {
				t.Errorf("%s: install qemu-user-static: %v", arch, err)
				continue
			}
			emulator = path
		}
		if got := fingerprint(t, arch, files, emulator); got != want {
			t.Errorf("on %s:\n%swant:\n%s", arch, got, want)
		}
	}
}

// loweredPacks writes generated packs that need no compiler.
func loweredPacks(t *testing.T) (files []string) {
	t.Helper()
	dir := t.TempDir()
	for seed := uint64(1); len(files) < 20; seed++ {
		p, err := compile.FS(compiletest.New(seed).Pack(6, "worst"), compile.Options{Schemas: []*rules.Schema{compiletest.Schema()}})
		if err != nil {
			t.Fatal(err)
		}
		b := p.Encode()
		if _, err := rules.Load(b, nil); err != nil {
			continue // some condition cannot be lowered
		}
		name := filepath.Join(dir, fmt.Sprint(seed))
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	return files
}

// fingerprint builds the program for an architecture, "" for our own, and runs it.
func fingerprint(t *testing.T, arch string, files []string, emulator ...string) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "fingerprint")
	build := exec.Command("go", "build", "-o", exe, "./internal/house/fingerprint")
	build.Dir = testutil.Root(t)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if arch != "" {
		build.Env = append(build.Env, "GOARCH="+arch)
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", arch, err, out)
	}
	command := append([]string{exe}, files...)
	if len(emulator) > 0 && emulator[0] != "" {
		command = append(emulator, command...)
	}
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", arch, err, out)
	}
	return string(out)
}
