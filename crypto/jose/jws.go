package jose

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"slices"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/accel"
	"github.com/issuant/issuant/internal/base64url"
	"github.com/issuant/issuant/internal/word"
)

// JWS is a compact token whose shape was checked and whose signature was not. It is
// immutable, and safe for concurrent use.
type JWS struct {
	Alg         string // "" when the header has none
	KeyID       string // "" when the header has none
	Type        string // typ; "" when the header has none
	ContentType string // cty; "" when the header has none

	token     string
	from      *remembered // whose header the token has; nil: it was decoded
	dots      [2]int
	decoded   []byte // holds payload and signature
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
	last := h.last.Load()
	if last == nil || last != j.from && last.segment != j.segment() {
		h.last.Store(&remembered{strings.Clone(j.segment()), j.Alg, j.KeyID, j.Type, j.ContentType})
	}
}

// Last returns the key id of a token whose header is the one that is remembered, if that
// says alg.
func (h *Headers) Last(token, alg string) (keyID string, ok bool) {
	last := h.last.Load()
	if last == nil || len(token) > MaxTokenBytes || last.alg != alg || !last.begins(token) {
		return "", false
	}
	return last.keyID, true
}

// begins tells whether a token begins with the header.
func (r *remembered) begins(token string) bool {
	n := len(r.segment)
	return len(token) > n && token[n] == '.' && word.Equal(token[:n], r.segment)
}

// Parse is Parse for a token whose header may be the one that is remembered.
func (h *Headers) Parse(token string) (j JWS, err error) {
	if err := h.ParseInto(&j, token); err != nil {
		return JWS{}, err
	}
	return j, nil
}

// ParseInto is Parse into memory that is used again: what dst held is overwritten, and
// a payload that came from it is lost. After the first token it needs no memory of its
// own. After an error dst holds nothing of use.
func (h *Headers) ParseInto(dst *JWS, token string) error {
	if len(token) > MaxTokenBytes {
		return ErrTooLarge
	}
	*dst = JWS{token: token, decoded: dst.decoded[:0]}
	j := dst
	var last *remembered
	if h != nil {
		last = h.last.Load()
	}
	if accel.Linked && last != nil && j.decodeInHost(last) {
		return nil
	}
	if err := cut(token, j.dots[:]); err != nil {
		return err
	}
	if last != nil && last.segment == j.segment() {
		j.take(last)
	}
	return j.decode(token)
}

// take is for a token whose header is the one that is remembered.
func (j *JWS) take(last *remembered) {
	j.Alg, j.KeyID, j.Type, j.ContentType, j.from = last.alg, last.keyID, last.typ, last.cty, last
}

// decodeInHost does all of ParseInto for a token behind a header that is remembered. What
// the host does not take goes the whole way here, where it gets its own error.
func (j *JWS) decodeInHost(last *remembered) bool {
	n := len(last.segment)
	if !last.begins(j.token) {
		return false
	}
	payload, signature, dot := accel.DecodeJWS(j.decoded, j.token[n+1:])
	if payload == nil {
		return false
	}
	j.take(last)
	j.dots = [2]int{n, n + 1 + dot}
	j.decoded, j.payload, j.signature = payload[:0], payload, signature
	return true
}

// segment is the header as received, in base64url.
func (j *JWS) segment() string { return j.token[:j.dots[0]] }

// Use gives j memory for ParseInto to decode into, as far as it is enough; what j held is
// lost.
func (j *JWS) Use(memory []byte) { *j = JWS{decoded: memory[:0]} }

func (j *JWS) decode(token string) error {
	// One buffer holds all decoded parts.
	buf := slices.Grow(j.decoded, base64url.Len(len(token))+8)
	var ok bool
	if j.Alg == "" { // not remembered
		if buf, ok = base64url.Append(buf, token[:j.dots[0]]); !ok {
			return notBase64(token, "header")
		}
		var p protected
		if err := p.read(buf, false); err != nil {
			return err
		}
		j.Alg, j.KeyID, j.Type, j.ContentType = p.alg, p.keyID, p.typ, p.cty
	}
	n := len(buf)
	if buf, ok = base64url.Append(buf, token[j.dots[0]+1:j.dots[1]]); !ok {
		return notBase64(token, "payload")
	}
	m := len(buf)
	if buf, ok = base64url.Append(buf, token[j.dots[1]+1:]); !ok {
		return notBase64(token, "signature")
	}
	j.decoded, j.payload, j.signature = buf, buf[n:m:m], buf[m:]
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
	if asked, err := askHost(pub, crypto.SHA256, false, j.token[:j.dots[1]], j.signature); err != nil {
		return nil, err
	} else if asked {
		return j.payload, nil
	}
	room := tokens.Get().(*[]byte)
	defer keepToken(room)
	*room = slices.Grow((*room)[:0], maxDigest)
	if err := verifyRSA(pub, crypto.SHA256, nil, j.input(), *room, j.signature); err != nil {
		return nil, err
	}
	return j.payload, nil
}

// askHost has the host of an accelerated module verify; asked is false where there is
// none, or it does not do this one.
func askHost(pub *rsa.PublicKey, h crypto.Hash, pss bool, input string, sig []byte) (asked bool, err error) {
	if !accel.Linked {
		return false, nil
	}
	if len(sig) != pub.Size() {
		return true, errSignatureSize
	}
	holds, asked := accel.VerifyRSA(pub, h, pss, input, sig)
	if asked && !holds {
		return true, ErrSignature
	}
	return asked, nil
}

var errSignatureSize = &Error{ErrSignature, "signature is not as long as the modulus"}

// input is the signing input as received: a view of a text, which nothing may write to.
func (j *JWS) input() []byte { return unsafe.Slice(unsafe.StringData(j.token), j.dots[1]) }

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
	room := tokens.Get().(*[]byte)
	defer keepToken(room)
	*room = slices.Grow((*room)[:0], maxDigest)
	if err := s.verify(key, j.input(), *room, j.signature); err != nil {
		return nil, err
	}
	return j.payload, nil
}

// verify checks sig over the input; a digest is appended to room.
func (s *signature) verify(key any, input, room, sig []byte) error {
	if pub, ok := key.(*rsa.PublicKey); ok {
		return verifyRSA(pub, s.hash, s.pss, input, room, sig)
	}
	if len(sig) != s.size {
		return &Error{ErrSignature, "signature is not as long as the algorithm's"}
	}
	ok := false
	switch s.family {
	case familyECDSA, familyEd25519:
		ok = s.verifyCurve(key, input, room, sig)
	case familyHMAC:
		mac, err := s.appendMAC(room, key, input)
		if err != nil {
			return &Error{ErrSignature, "the device that holds the key made no MAC"}
		}
		ok = hmac.Equal(mac, sig)
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

// verifyRSA is verify for PKCS #1 v1.5, or for PSS where pss is not nil.
func verifyRSA(pub *rsa.PublicKey, h crypto.Hash, pss *rsa.PSSOptions, input, room, sig []byte) error {
	if asked, err := askHost(pub, h, pss != nil, accel.Text(input), sig); asked {
		return err
	}
	if len(sig) != pub.Size() {
		return errSignatureSize
	}
	digest := appendDigest(room, h, input)
	err := error(nil)
	if pss == nil {
		err = rsa.VerifyPKCS1v15(pub, h, digest, sig)
	} else {
		err = rsa.VerifyPSS(pub, h, digest, sig, pss)
	}
	if err != nil {
		return ErrSignature
	}
	return nil
}

// appendMAC appends an HMAC of full length, or returns a device's error.
func (s *signature) appendMAC(dst []byte, key any, input []byte) ([]byte, error) {
	if device, ok := key.(MACer); ok {
		mac, err := device.MAC(s.hash, input)
		if err == nil && len(mac) != s.size {
			return nil, badKey("its device does not make MACs of this length")
		}
		return append(dst, mac...), err
	}
	var h hash.Hash
	k := key.(secret.Bytes).Reveal()
	if mac, done := accel.HMAC(dst, s.size, k, input); done {
		return mac, nil
	}
	switch s.hash {
	case crypto.SHA256:
		h = hmac.New(sha256.New, k)
	case crypto.SHA384:
		h = hmac.New(sha512.New384, k)
	default:
		h = hmac.New(sha512.New, k)
	}
	h.Write(input)
	return h.Sum(dst), nil
}

// VerifyBytes checks a signature over a message that is no token: the algorithms,
// keys and strictness are those of Verify, the signature is the one that a token
// would carry in base64url (for ECDSA r and s of fixed length).
func VerifyBytes(alg string, key any, message, sig []byte) error {
	s := signatureOf(alg)
	if s == nil {
		return ErrAlgorithm
	}
	if err := s.check(key); err != nil {
		return err
	}
	room := tokens.Get().(*[]byte)
	defer keepToken(room)
	*room = slices.Grow((*room)[:0], maxDigest)
	return s.verify(key, message, *room, sig)
}
