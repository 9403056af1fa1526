package host

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/wasm/abi"
)

// Hosts that are not this one, as wazero's configuration. What a module gets of them is
// the reason for issuant_entropy and for now_ms.
var (
	// wazeroDefaults are those of a program that sets nothing.
	wazeroDefaults = profile{[]string{"_start"}, same, true}
	// wazeroInitialized is the same with the one start function that a reactor needs.
	wazeroInitialized = profile{[]string{abi.ExportInitialize}, same, true}
	// traefik is how Traefik 3.7.13 sets up http-wasm-host-go v0.7.0 for its WASM
	// middleware: both start functions and the system's wall clock, nothing else.
	traefik = profile{[]string{"_start", abi.ExportInitialize}, wazero.ModuleConfig.WithSysWalltime, true}
)

func same(c wazero.ModuleConfig) wazero.ModuleConfig { return c }

// TestHostProfiles is the table of wasm/README.md: what a host gives as randomness, as
// clocks and as initialiser.
func TestHostProfiles(t *testing.T) {
	for _, c := range []struct {
		name                   string
		profile                profile
		initialises, realClock bool
		realRandom             bool
	}{
		{"wasm/host", ours, true, true, true},
		{"wazero defaults", wazeroDefaults, false, false, false},
		{"wazero defaults, initialised", wazeroInitialized, true, false, false},
		{"Traefik", traefik, true, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			opt := options(t)
			p, err := open(t.Context(), opt, c.profile)
			if !c.initialises {
				if code.Of(err) != code.Fault || !strings.Contains(err.Error(), "issuant_") {
					t.Errorf("a module that was not initialised: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close(t.Context())
			q := poolWith(t, opt, c.profile)
			if differs := must(t, p, "random") != must(t, q, "random"); differs != c.realRandom {
				t.Errorf("two instances draw other random bytes: %v", differs)
			}
			var ms, elapsed int64
			if _, err := fmt.Sscan(must(t, p, "clock")+" "+must(t, p, "elapsed"), &ms, &elapsed); err != nil {
				t.Fatal(err)
			}
			if real := time.Since(time.UnixMilli(ms)).Abs() < time.Hour; real != c.realClock {
				t.Errorf("the clock stands at %v", time.UnixMilli(ms).UTC())
			}
			t.Logf("clock %v, two looks at the monotonic one are %v apart", time.UnixMilli(ms).UTC(), time.Duration(elapsed))
		})
	}
}

// TestHostProfileOfNode: node:wasi gives both.
func TestHostProfileOfNode(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: its profile is not looked at")
	}
	if _, err := misbehaving(); err != nil {
		t.Fatal(err)
	}
	run := func() (random string, ms int64, surroundings string) {
		out, err := exec.Command(node, "--no-warnings", "testdata/profile.mjs", scratch()+"/guest.wasm").Output()
		if err == nil {
			_, err = fmt.Sscanf(string(out), "%s %d %q", &random, &ms, &surroundings)
		}
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	random, ms, surroundings := run()
	if again, _, _ := run(); again == random || len(random) != 32 {
		t.Errorf("random: %s, then %s", random, again)
	}
	if time.Since(time.UnixMilli(ms)).Abs() > time.Hour || surroundings != "0 0 true true" {
		t.Errorf("clock %d, surroundings %q", ms, surroundings)
	}
}
