package visa_test

import (
	"errors"
	"testing"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/provision/internal/provisiontest"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/testkey"
	"github.com/issuant/issuant/internal/testutil"
)

// TestInFIPSOnlyMode: a JWE brings its own IVs, which that mode does not allow; all
// refuse with a code, nothing panics.
func TestInFIPSOnlyMode(t *testing.T) {
	if !testutil.InFIPSOnly(t) {
		return
	}
	if key, err := visa.NewSharedKey("kid", secret.NewText("0123456789abcdef")); !errors.Is(err, jose.ErrFIPS) || key != nil {
		t.Errorf("a shared key: %v", err)
	}
	if _, err := visa.SealField(&testkey.RSA(t, "rsa2048-a").PublicKey, "kid", nil); !errors.Is(err, jose.ErrFIPS) {
		t.Errorf("a field: %v", err)
	}
	setup, cases := provisiontest.Load(t, vectors)
	open := rsaOpeners(t, setup)
	for _, c := range cases {
		if c.Format == "visa_shared" {
			continue
		}
		if _, err := open[c.Format](c.Payload); !errors.Is(err, visa.ErrOpen) {
			t.Errorf("%s: %v", c.ID, err)
		}
	}
}
