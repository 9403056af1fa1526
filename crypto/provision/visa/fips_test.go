package visa_test

import (
	"errors"
	"testing"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/provision/internal/provisiontest"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/internal/testutil"
)

// TestInFIPSOnlyMode: a JWE brings its own IVs, which that mode does not allow; all
// refuse with a code, nothing panics.
func TestInFIPSOnlyMode(t *testing.T) {
	if !testutil.InFIPSOnly(t) {
		return
	}
	c, w := goodCard(t), goodWallet()
	if got, err := newPayload(t, visa.PayloadOptions{}).Build(&c, &w, provisiontest.Now); !errors.Is(err, jose.ErrFIPS) || got != "" {
		t.Errorf("payload: %v", err)
	}
	setup, cases := provisiontest.Load(t, vectors)
	open := openers(t, setup)
	for _, c := range cases {
		if _, err := open[c.Format](c.Payload); !errors.Is(err, visa.ErrOpen) {
			t.Errorf("%s: %v", c.ID, err)
		}
	}
}
