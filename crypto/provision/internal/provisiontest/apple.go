package provisiontest

import (
	"testing"

	"github.com/issuant/issuant/internal/vectorfile"
)

// AppleSetup is the setup of a vector file of the kind provision_apple.
type AppleSetup struct {
	Roots    [][]byte `json:"roots_b64"`
	WSD      string   `json:"wsd_hex"`
	KeySetID string   `json:"key_set_id"`
}

// AppleInput is what a case feeds; Do says to what, and which members it has.
type AppleInput struct {
	Do string `json:"do"`

	// seal: encrypt plaintext to a point under our scalar
	To        []byte `json:"to_b64"`
	Own       []byte `json:"own_b64"`
	Plaintext string `json:"plaintext"`
	// open: decrypt under a scalar
	Key       []byte `json:"key_b64"`
	Ephemeral []byte `json:"ephemeral_b64"`
	Sealed    []byte `json:"sealed_b64"`
	// chain: judge
	Certificates [][]byte `json:"certificates_b64"`
	// mbpac, mbpad: write
	Nonce    string `json:"nonce"`
	AuthCode string `json:"auth_code"`
	Random   string `json:"random"`
	PAN      string `json:"pan"`
	Month    int    `json:"month"`
	Year     int    `json:"year"`
}

// AppleWant is what comes out.
type AppleWant struct {
	Sealed    []byte `json:"sealed_b64"`
	Ephemeral []byte `json:"ephemeral_b64"`
	Plaintext string `json:"plaintext"`
	Key       []byte `json:"key_b64"` // of the leaf
	Text      string `json:"text"`
}

// AppleCase is one case.
type AppleCase struct {
	ID, Expect string
	NowMS      int64
	In         AppleInput
	Want       AppleWant
}

// LoadApple reads a vector file of the kind provision_apple.
func LoadApple(tb testing.TB, path string) (s AppleSetup, cases []AppleCase) {
	tb.Helper()
	f := vectorfile.Load(tb, path)
	if f.Kind != "provision_apple" {
		tb.Fatalf("%s is of the kind %q", path, f.Kind)
	}
	vectorfile.Into(tb, f.Setup, &s)
	for _, c := range f.Cases {
		out := AppleCase{ID: c.ID, Expect: c.Expect, NowMS: c.NowMS}
		vectorfile.Into(tb, c.Input, &out.In)
		if c.Expect == "ok" {
			vectorfile.Into(tb, c.Want, &out.Want)
		}
		cases = append(cases, out)
	}
	return s, cases
}
