//go:build issuant_lean

package jwk

import "crypto"

const absent = "kty is EC or OKP, for which this build holds no curves"

func (j *jwk) ec() crypto.PublicKey {
	j.fail(absent)
	return nil
}

func (j *jwk) okp() crypto.PublicKey { return j.ec() }

// curvePair is never reached: there is no public key without a curve.
func (j *jwk) curvePair(crypto.PublicKey, []byte) (private any, err error) {
	j.fail(absent)
	return nil, nil
}
