package mastercard_test

import (
	"errors"
	"testing"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/provision/internal/provisiontest"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/internal/testutil"
)

// TestInFIPSOnlyMode: CBC and TAV work both ways; what is not approved refuses with a
// code; nothing panics.
func TestInFIPSOnlyMode(t *testing.T) {
	if !testutil.InFIPSOnly(t) {
		return
	}
	setup, cases := provisiontest.Load(t, vectors)
	key := provisiontest.RSA(t, setup.KeyPEM)
	all, open := sealers(t, key), opener(t, setup)
	for _, name := range []string{"default", "sha512", "aes256"} {
		sealed, err := all[name].Seal([]byte("{}"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := open.Open(sealed); err != nil || string(got) != "{}" {
			t.Errorf("%s: %s %v", name, got, err)
		}
	}
	if _, err := all["gcm"].Seal([]byte("{}")); !errors.Is(err, mastercard.ErrFIPS) {
		t.Errorf("GCM: %v", err)
	}
	if _, err := mastercard.CertificateSHA1([]byte{0x30, 0}); !errors.Is(err, mastercard.ErrFIPS) {
		t.Errorf("SHA-1: %v", err)
	}
	if _, err := mastercard.SealJWE(&key.PublicKey, "", []byte("{}")); !errors.Is(err, jose.ErrFIPS) {
		t.Errorf("JWE: %v", err)
	}
	c := goodCard(t)
	if _, err := newTAV(t, mastercard.UnverifiedTAV3).UnsafeBuild(&c, "", provisiontest.Now); err != nil {
		t.Errorf("TAV: %v", err)
	}
	for _, c := range cases { // none panics, and what opens opens to the same
		if got, err := openers(t, setup)[c.Format]([]byte(c.Payload)); err == nil && string(got) != c.Plaintext {
			t.Errorf("%s: %s", c.ID, got)
		}
	}
}
