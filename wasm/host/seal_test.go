package host

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/wasm/abi"
)

// sealing are options for the full flavour with a ring that seals, and who opens.
func sealing(t *testing.T, build string) (Options, *seal.Identities) {
	t.Helper()
	identity, to, err := seal.NewKeyFile(theNow)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := seal.ParseIdentities(identity)
	if err != nil {
		t.Fatal(err)
	}
	opt := realOptions(t, abi.FlavourFull, build)
	opt.Pack = newWorld(t).pack
	opt.Ring = secret.NewBytes(fmt.Appendf(nil, `{"format":1,"keys":[],"recipients":[%q]}`, to))
	return opt, ids
}

const plain = "what only the auditor reads"

var sealInput = []byte(`{"plain_b64":"` + base64.StdEncoding.EncodeToString([]byte(plain)) + `"}`)

// TestSealedTextsOpen: what every runtime seals, the library opens, and nothing is sealed
// to the same bytes twice.
func TestSealedTextsOpen(t *testing.T) {
	for _, e := range engines {
		opt, ids := sealing(t, e.build)
		opt.Runtime, opt.Pack = e.runtime, nil
		p := pool(t, opt)
		seen := map[string]bool{}
		for range 2 {
			reply, err := p.Seal(t.Context(), bytes.Clone(sealInput))
			if err != nil {
				t.Fatalf("%s: %v", e.name, err)
			}
			var out struct {
				Sealed string `json:"sealed"`
			}
			if err := json.Unmarshal(reply, &out); err != nil {
				t.Fatal(err)
			}
			if got, err := seal.Open(ids, out.Sealed); err != nil || string(got) != plain {
				t.Errorf("%s: opened to %q, %v", e.name, got, err)
			}
			seen[out.Sealed] = true
		}
		if len(seen) != 2 {
			t.Errorf("%s: two texts were sealed to the same bytes", e.name)
		}
	}
}

// TestPoorHostsCannotSeal: a host that hands over no randomness is refused, and one that
// does so although its own is fixed as well. Deciding needs none, but an instant that is
// not before the module itself: the clock of wazero's defaults stands in 2022.
func TestPoorHostsCannotSeal(t *testing.T) {
	for name, prof := range map[string]profile{"wazero defaults, initialised": wazeroInitialized, "Traefik": traefik, "ours, deaf": {ours.starts, ours.config, true}} {
		opt, _ := sealing(t, "")
		p := poolWith(t, opt, prof)
		if _, err := p.Seal(t.Context(), bytes.Clone(sealInput)); code.Of(err) != code.Entropy {
			t.Errorf("%s: sealed without entropy: %v", name, err)
		}
		if _, err := p.Decide(t.Context(), theNow, []byte(`{"id":"e"}`)); err != nil {
			t.Errorf("%s: decide: %v", name, err)
		}
		if _, err := p.Decide(t.Context(), time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC), []byte(`{"id":"e"}`)); code.Of(err) != code.Clock {
			t.Errorf("%s: an old clock: %v", name, err)
		}
		if name == "ours, deaf" {
			continue
		}
		prof.deaf = false
		if _, err := open(t.Context(), opt, prof); code.Of(err) != code.Randomness {
			t.Errorf("%s: entropy over a fixed source: %v", name, err)
		}
	}
}

// TestCompileGivesTheLibrarysPack: of the starter pack's source, and of sources with a
// mistake, byte for byte.
func TestCompileGivesTheLibrarysPack(t *testing.T) {
	files := map[string]string{}
	for _, pattern := range []string{"*.yaml", "rules/*.yaml", "lists/*"} {
		for _, path := range testutil.Files(t, "/rules/starter/"+pattern) {
			_, name, _ := strings.Cut(path, "rules/starter/")
			files[name] = string(testutil.Read(t, path))
		}
	}
	source, err := json.Marshal(map[string]any{"files": files})
	if err != nil {
		t.Fatal(err)
	}
	tw := newTwins(t, abi.FlavourFull, "", RuntimeCompiler)
	if c, reply := tw.ask(t, abi.ExportCompile, nil, source); c != code.OK {
		t.Fatalf("%v %s", c, reply)
	}
	codes := map[code.Code]int{}
	for _, m := range testutil.Mutations(source, 40, 11) {
		c, _ := tw.ask(t, abi.ExportCompile, nil, m)
		codes[c]++
	}
	t.Logf("codes: %v", codes)
	if codes[code.Compile] == 0 || codes[code.Internal] > 0 {
		t.Errorf("codes: %v", codes)
	}
}
