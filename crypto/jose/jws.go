package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"math/big"
	"strings"
	"sync/atomic"

	"github.com/issuant/issuant/crypto/secret"
)

// JWS is a compact token whose shape was checked and whose signature was not. It is
// immutable, and safe for concurrent use.
type JWS struct {
	Alg         string // "" when the header has none
	KeyID       string // "" when the header has none
	Type        string // typ; "" when the header has none
	ContentType string // cty; "" when the header has none

	token     string
	dots      [2]int
	payload   []byte
	signature []byte
}

// Parse checks length, shape, base64url and header of a token; order: ErrTooLarge,
// then ErrMalformed. It does not look at the payload and proves nothing.
func Parse(token string) (JWS, error) { return (*Headers)(nil).Parse(token) }

// Headers remembers the last header whose token was verified, since a sender writes
// the same one for all: it is then not decoded again. The zero Headers is ready to
// use, and safe for concurrent use; a nil one remembers nothing.
type Headers struct{ last atomic.Pointer[remembered] }

type remembered struct{ segment, alg, keyID, typ, cty string }

// Keep remembers the header of a token whose signature was verified.
func (h *Headers) Keep(j *JWS) {
	if last := h.last.Load(); last == nil || last.segment != j.segment() {
		h.last.Store(&remembered{strings.Clone(j.segment()), j.Alg, j.KeyID, j.Type, j.ContentType})
	}
}

// Parse is Parse for a token whose header may be the one that is remembered.
func (h *Headers) Parse(token string) (JWS, error) {
	if len(token) > MaxTokenBytes {
		return JWS{}, ErrTooLarge
	}
	j := JWS{token: token}
	if err := cut(token, j.dots[:]); err != nil {
		return JWS{}, err
	}
	if h != nil {
		if last := h.last.Load(); last != nil && last.segment == j.segment() {
			j.Alg, j.KeyID, j.Type, j.ContentType = last.alg, last.keyID, last.typ, last.cty
		}
	}
	scratch := tokens.Get().(*[]byte)
	defer keepToken(scratch)
	*scratch = append((*scratch)[:0], token...)
	if err := j.decode(*scratch); err != nil {
		return JWS{}, err
	}
	return j, nil
}

// segment is the header as received, in base64url.
func (j *JWS) segment() string { return j.token[:j.dots[0]] }

func (j *JWS) decode(token []byte) error {
	// One buffer holds all decoded parts.
	buf := make([]byte, 0, b64.DecodedLen(len(token))+8)
	var err error
	if j.Alg == "" { // not remembered
		if buf, err = b64.AppendDecode(buf, token[:j.dots[0]]); err != nil {
			return malformed("header is not canonical base64url")
		}
		var p protected
		if err := p.read(buf, false); err != nil {
			return err
		}
		j.Alg, j.KeyID, j.Type, j.ContentType = p.alg, p.keyID, p.typ, p.cty
	}
	n := len(buf)
	if buf, err = b64.AppendDecode(buf, token[j.dots[0]+1:j.dots[1]]); err != nil {
		return malformed("payload is not canonical base64url")
	}
	m := len(buf)
	if buf, err = b64.AppendDecode(buf, token[j.dots[1]+1:]); err != nil {
		return malformed("signature is not canonical base64url")
	}
	j.payload, j.signature = buf[n:m:m], buf[m:]
	return nil
}

// VerifyRS256 is Verify with RS256. It reaches no other algorithm, so that a program
// that verifies nothing else does not carry them.
func (j *JWS) VerifyRS256(key crypto.PublicKey) (payload []byte, err error) {
	if j.Alg != RS256 {
		return nil, ErrAlgorithm
	}
	pub, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, badKey(notRSA)
	}
	if err := checkRSA(pub); err != nil {
		return nil, err
	}
	scratch := tokens.Get().(*[]byte)
	defer keepToken(scratch)
	*scratch = j.input(*scratch)
	if err := verifyRSA(pub, crypto.SHA256, nil, scratch, j.signature); err != nil {
		return nil, err
	}
	return j.payload, nil
}

// input writes the signing input as received into buf.
func (j *JWS) input(buf []byte) []byte { return append(buf[:0], j.token[:j.dots[1]]...) }

// Verify checks the signature over the signing input as it was received and
// returns the payload, which lives as long as the JWS and must not be changed. alg
// is what the caller's route allows, key a public key or, for HS256 to HS512, a
// secret.Bytes: the package comment lists them. Order: ErrAlgorithm, ErrKey (see
// CheckKey), ErrSignature.
func (j *JWS) Verify(alg string, key any) (payload []byte, err error) {
	s := signatureOf(alg)
	if s == nil || j.Alg != alg {
		return nil, ErrAlgorithm
	}
	if err := s.check(key); err != nil {
		return nil, err
	}
	scratch := tokens.Get().(*[]byte)
	defer keepToken(scratch)
	*scratch = j.input(*scratch)
	if err := s.verify(key, scratch, j.signature); err != nil {
		return nil, err
	}
	return j.payload, nil
}

// verify checks sig over the input, behind which it may put a digest.
func (s *signature) verify(key any, input *[]byte, sig []byte) error {
	if pub, ok := key.(*rsa.PublicKey); ok {
		return verifyRSA(pub, s.hash, s.pss, input, sig)
	}
	if len(sig) != s.size {
		return &Error{ErrSignature, "signature is not as long as the algorithm's"}
	}
	n := len(*input)
	ok := false
	switch s.family {
	case familyECDSA:
		*input = appendDigest(*input, s.hash, *input)
		r, t := new(big.Int).SetBytes(sig[:s.size/2]), new(big.Int).SetBytes(sig[s.size/2:])
		ok = ecdsa.Verify(key.(*ecdsa.PublicKey), (*input)[n:], r, t)
	case familyEd25519:
		ok = ed25519.Verify(key.(ed25519.PublicKey), *input, sig)
	case familyHMAC:
		*input = s.appendMAC(*input, key.(secret.Bytes), *input)
		ok = hmac.Equal((*input)[n:], sig)
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

// verifyRSA is verify for PKCS #1 v1.5, or for PSS where pss is not nil.
func verifyRSA(pub *rsa.PublicKey, h crypto.Hash, pss *rsa.PSSOptions, input *[]byte, sig []byte) error {
	if len(sig) != pub.Size() {
		return &Error{ErrSignature, "signature is not as long as the modulus"}
	}
	n := len(*input)
	*input = appendDigest(*input, h, *input)
	err := error(nil)
	if pss == nil {
		err = rsa.VerifyPKCS1v15(pub, h, (*input)[n:], sig)
	} else {
		err = rsa.VerifyPSS(pub, h, (*input)[n:], sig, pss)
	}
	if err != nil {
		return ErrSignature
	}
	return nil
}

func (s *signature) appendMAC(buf []byte, key secret.Bytes, input []byte) []byte {
	var h hash.Hash
	switch s.hash {
	case crypto.SHA256:
		h = hmac.New(sha256.New, key.Reveal())
	case crypto.SHA384:
		h = hmac.New(sha512.New384, key.Reveal())
	default:
		h = hmac.New(sha512.New, key.Reveal())
	}
	h.Write(input)
	return h.Sum(buf)
}
