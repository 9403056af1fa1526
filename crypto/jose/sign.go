//go:build !issuant_lean

package jose

import (
	"crypto"
	"crypto/rand"
	"encoding/asn1"
	"fmt"
	"math/big"
)

// SignRS256 returns a compact token with the header {"alg":"RS256","kid":...,"typ":"JWT"}.
// Errors as of Sign.
func SignRS256(key crypto.Signer, kid string, payload []byte) (string, error) {
	return Sign(RS256, key, Header{Text("kid", kid), Text("typ", "JWT")}, payload)
}

// Sign returns a compact token. key is a crypto.Signer (a private key or a
// hardware module's) or, for HS256 to HS512, a secret.Bytes. Order of errors:
// ErrAlgorithm (no such algorithm), ErrKey (of another kind, or weak), ErrHeader,
// ErrSigner (with the signer's own error), ErrTooLarge (a token that Parse would not take).
func Sign(alg string, key any, header Header, payload []byte) (string, error) {
	s := signatureOf(alg)
	if s == nil {
		return "", ErrAlgorithm
	}
	if err := s.checkSigner(key); err != nil {
		return "", err
	}
	h, err := header.encode(make([]byte, 0, 384), []Param{Text("alg", alg)})
	if err != nil {
		return "", err
	}
	token, err := s.sign(key, h, payload)
	if len(token) > MaxTokenBytes {
		return "", ErrTooLarge
	}
	return token, err
}

// SignBytes signs a message that is no token, as VerifyBytes takes it. Errors as of Sign.
func SignBytes(alg string, key any, message []byte) ([]byte, error) {
	s := signatureOf(alg)
	if s == nil {
		return nil, ErrAlgorithm
	}
	if err := s.checkSigner(key); err != nil {
		return nil, err
	}
	return s.signature(key, message)
}

// checkSigner is check for a key that signs.
func (s *signature) checkSigner(key any) error {
	if s.family == familyHMAC {
		return s.check(key)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return badKey("it does not sign")
	}
	return s.check(signer.Public())
}

func (s *signature) sign(key any, header, payload []byte) (string, error) {
	buf := make([]byte, 0, b64.EncodedLen(len(header))+b64.EncodedLen(len(payload))+b64.EncodedLen(1024)+2)
	buf = append(b64.AppendEncode(buf, header), '.')
	buf = b64.AppendEncode(buf, payload)
	sig, err := s.signature(key, buf)
	if err != nil {
		return "", err
	}
	return string(b64.AppendEncode(append(buf, '.'), sig)), nil
}

func (s *signature) signature(key any, input []byte) (sig []byte, err error) {
	switch signer, _ := key.(crypto.Signer); s.family {
	case familyHMAC:
		sig, err = s.appendMAC(nil, key, input)
	case familyEd25519:
		sig, err = signer.Sign(rand.Reader, input, crypto.Hash(0))
	case familyPSS:
		sig, err = signer.Sign(rand.Reader, appendDigest(nil, s.hash, input), s.pss)
	default:
		sig, err = signer.Sign(rand.Reader, appendDigest(nil, s.hash, input), s.hash)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	if s.family == familyECDSA {
		return fixedECDSA(sig, s.size)
	}
	return sig, nil
}

// fixedECDSA turns the ASN.1 signature of a crypto.Signer into r and s of fixed length.
func fixedECDSA(der []byte, size int) ([]byte, error) {
	var v struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &v); err != nil || len(rest) > 0 ||
		v.R.Sign() <= 0 || v.S.Sign() <= 0 || v.R.BitLen() > 4*size || v.S.BitLen() > 4*size {
		return nil, badKey("its signer does not make ASN.1 signatures of this curve")
	}
	sig := make([]byte, size)
	v.R.FillBytes(sig[:size/2])
	v.S.FillBytes(sig[size/2:])
	return sig, nil
}
