//go:build issuant_lean

package jwk

import (
	"crypto"

	"github.com/issuant/issuant/crypto/keyring"
)

const absent = "kty is EC or OKP, for which this build holds no curves"

func (j *jwk) ec() crypto.PublicKey {
	j.fail(absent)
	return nil
}

func (j *jwk) okp() crypto.PublicKey { return j.ec() }

// pair refuses private keys: nothing signs or opens in a lean build.
func (j *jwk) pair(*keyring.Key) {
	j.fail("holds private key material, for which this build has no use")
}
