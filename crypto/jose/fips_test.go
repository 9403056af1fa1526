package jose

import (
	"crypto/fips140"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/code"
)

// TestUnderFIPSOnly runs the test below in a process of its own, since the mode is
// set when a process starts.
func TestUnderFIPSOnly(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestFIPSOnlyInside$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only", "ISSUANT_FIPS_INSIDE=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestFIPSOnlyInside") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(strings.TrimSpace(string(out)))
}

// TestFIPSOnlyInside: RS, PS, ES, EdDSA and HS256 to HS512 work; everything else is
// refused with a code, and nothing panics.
func TestFIPSOnlyInside(t *testing.T) {
	if os.Getenv("ISSUANT_FIPS_INSIDE") == "" {
		t.Skip("runs inside TestUnderFIPSOnly")
	}
	if !fips140.Enforced() {
		t.Fatal("the process is not in FIPS 140-only mode")
	}
	keys := allKeys(t)
	for _, alg := range SignatureAlgorithms() {
		token, err := Sign(alg, keys[alg][0], Header{Text("kid", "k")}, []byte(payload))
		if err != nil {
			t.Errorf("%s: sign: %v", alg, err)
			continue
		}
		j, err := Parse(token)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := j.Verify(alg, keys[alg][1]); err != nil || string(got) != payload {
			t.Errorf("%s: verify: %q, %v", alg, got, err)
		}
		sig, err := SignBytes(alg, keys[alg][0], []byte("m"))
		if err != nil {
			t.Errorf("%s: sign bytes: %v", alg, err)
		} else if err := VerifyBytes(alg, keys[alg][1], []byte("m"), sig); err != nil {
			t.Errorf("%s: verify bytes: %v", alg, err)
		}
	}
	sealed := sealedOutside()
	for _, alg := range append(KeyAlgorithms(), "RSA1_5", "") {
		for _, encName := range append(ContentAlgorithms(), "A256CBC-HS512", "") {
			for _, pair := range keys {
				if _, err := Seal(alg, encName, pair[1], nil, nil); !errors.Is(err, ErrFIPS) || code.Of(err) != code.FIPS {
					t.Errorf("seal %s %s: %v", alg, encName, err)
				}
				if _, err := sealed.Open(alg, pair[0], encName); !errors.Is(err, ErrFIPS) {
					t.Errorf("open %s %s: %v", alg, encName, err)
				}
			}
		}
	}
	n := Nested{SignAlg: RS256, Alg: Dir, Enc: []string{A256GCM},
		VerifyKey: func(string) (any, bool) { return keys[RS256][1], true }, OpenKey: func(string) (any, bool) { return keys[HS256][1], true }}
	token, err := Sign(RS256, keys[RS256][0], Header{Text("cty", "JWE")}, []byte(directMessage))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Open(token); !errors.Is(err, ErrFIPS) {
		t.Errorf("nested: %v", err)
	}
}

// directMessage is well formed, and opens under no key: the mode does not even let us
// make one that does.
var directMessage = enc(directHeader) + ".." + strings.Repeat("A", 16) + ".AAAA." + strings.Repeat("A", 22)

func sealedOutside() *JWE {
	e, err := ParseJWE(directMessage)
	if err != nil {
		panic(err)
	}
	return &e
}
