package jose

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
)

// Bounds, inclusive.
const (
	MaxTokenBytes   = 16 << 10
	maxHeaderDepth  = 8
	maxHeaderValues = 64
)

// RS256 is RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3).
const RS256 = "RS256"

// JWS is a compact token whose shape was checked and whose signature was not.
type JWS struct {
	Alg   string // "" when the header has none
	KeyID string // "" when the header has none

	segment   string            // the header as received, in base64url
	digest    [sha256.Size]byte // of the signing input as received
	payload   []byte
	signature []byte
}

// b64 refuses padding, foreign characters and trailing bits that are not zero;
// line breaks, which it would skip, are refused before it sees the text.
var b64 = base64.RawURLEncoding.Strict()

// Parse checks length, shape, base64url and header of a token; order: ErrTooLarge,
// then ErrMalformed. It does not look at the payload and proves nothing.
func Parse(token string) (JWS, error) { return (*Headers)(nil).Parse(token) }

// Headers remembers the last header whose token was verified, since a sender writes
// the same one for all: it is then not decoded again. The zero Headers is ready to
// use, and safe for concurrent use; a nil one remembers nothing.
type Headers struct{ last atomic.Pointer[header] }

type header struct{ segment, alg, keyID string }

// Keep remembers the header of a token whose signature was verified.
func (h *Headers) Keep(j *JWS) {
	if last := h.last.Load(); last == nil || last.segment != j.segment {
		h.last.Store(&header{strings.Clone(j.segment), j.Alg, j.KeyID})
	}
}

// Parse is Parse for a token whose header may be the one that is remembered.
func (h *Headers) Parse(token string) (JWS, error) {
	if len(token) > MaxTokenBytes {
		return JWS{}, ErrTooLarge
	}
	first := strings.IndexByte(token, '.')
	if first < 0 {
		return JWS{}, malformed("token has no dot, it needs two")
	}
	second := strings.IndexByte(token[first+1:], '.')
	if second < 0 {
		return JWS{}, malformed("token has one dot, it needs two")
	}
	second += first + 1
	if strings.IndexByte(token[second+1:], '.') >= 0 {
		return JWS{}, malformed("token has more than two dots")
	}
	if strings.IndexByte(token, '\r') >= 0 || strings.IndexByte(token, '\n') >= 0 {
		return JWS{}, malformed("token has a line break")
	}
	j := JWS{segment: token[:first]}
	if h != nil {
		if last := h.last.Load(); last != nil && last.segment == j.segment {
			j.Alg, j.KeyID = last.alg, last.keyID
		}
	}
	scratch := tokens.Get().(*[]byte)
	defer tokens.Put(scratch)
	*scratch = append((*scratch)[:0], token...)
	if err := j.decode(*scratch, first, second); err != nil {
		return JWS{}, err
	}
	j.digest = sha256.Sum256((*scratch)[:second])
	return j, nil
}

// tokens are buffers of at most MaxTokenBytes: a token is needed as bytes only while
// it is read. What stays in one is a token that came in, no secret.
var tokens = sync.Pool{New: func() any { return new([]byte) }}

func (j *JWS) decode(token []byte, first, second int) error {
	// One buffer holds all decoded parts.
	buf := make([]byte, 0, b64.DecodedLen(len(token))+8)
	var err error
	if j.Alg == "" { // not remembered
		if buf, err = b64.AppendDecode(buf, token[:first]); err != nil {
			return malformed("header is not canonical base64url")
		}
		if err := j.header(buf); err != nil {
			return err
		}
	}
	n := len(buf)
	if buf, err = b64.AppendDecode(buf, token[first+1:second]); err != nil {
		return malformed("payload is not canonical base64url")
	}
	m := len(buf)
	if buf, err = b64.AppendDecode(buf, token[second+1:]); err != nil {
		return malformed("signature is not canonical base64url")
	}
	j.payload, j.signature = buf[n:m:m], buf[m:]
	return nil
}

// known are the registered header names of RFC 7515 and RFC 7797: one that is
// written in another case means a sender and a reader that see different headers.
var known = []string{"alg", "kid", "typ", "cty", "crit", "b64", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"}

func (j *JWS) header(data []byte) error {
	doc, err := strictjson.Read(data, strictjson.Limits{MaxBytes: MaxTokenBytes, MaxDepth: maxHeaderDepth, MaxValues: maxHeaderValues})
	if err != nil {
		return malformed("header is not a strict JSON object")
	}
	defer doc.Release()
	h := doc.Root()
	if h.Kind() != strictjson.Object {
		return malformed("header is not a strict JSON object")
	}
	if h.MisCased(known) {
		return malformed("header has a registered name in another case")
	}
	for m, ok := h.First(); ok; m, ok = m.Next(h) {
		text := m.Kind() == strictjson.String
		switch m.Name() {
		case "alg":
			j.Alg = m.Str()
		case "kid":
			j.KeyID = m.Str()
		case "typ", "cty":
		case "crit":
			return malformed("header has crit")
		case "b64":
			return malformed("header has b64")
		default:
			text = true
		}
		if !text {
			return malformed("header " + m.Name() + " is not a string")
		}
	}
	return nil
}

// VerifyRS256 checks the signature over the signing input as it was received and
// returns the payload, which lives as long as the JWS and must not be changed.
// Order: ErrAlgorithm, ErrKey, ErrSignature. A weak key is for the caller to refuse
// (keyring.NewRing does).
func (j *JWS) VerifyRS256(pub crypto.PublicKey) ([]byte, error) {
	if j.Alg != RS256 {
		return nil, ErrAlgorithm
	}
	key, ok := pub.(*rsa.PublicKey)
	if !ok || key == nil || key.N == nil {
		return nil, ErrKey
	}
	if len(j.signature) != key.Size() {
		return nil, &Error{ErrSignature, "signature is not as long as the modulus"}
	}
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, j.digest[:], j.signature); err != nil {
		return nil, ErrSignature
	}
	return j.payload, nil
}

// SignRS256 returns a compact token with the header {"alg":"RS256","kid":...,"typ":"JWT"}.
// The signer must hold an RSA key that is not weak (ErrKey); a signer's own error is passed on.
func SignRS256(key crypto.Signer, kid string, payload []byte) (string, error) {
	pub, ok := key.Public().(*rsa.PublicKey)
	if !ok || pub.N.BitLen() < 2048 {
		return "", ErrKey
	}
	w := canon.NewWriter(nil).Object().Key("alg").String(RS256).Key("kid").String(kid).Key("typ").String("JWT").EndObject()
	return signRS256(key, w.Bytes(), payload)
}

func signRS256(key crypto.Signer, header, payload []byte) (string, error) {
	input := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	digest := sha256.Sum256([]byte(input))
	// A nil source is allowed: PKCS #1 v1.5 signatures are deterministic.
	sig, err := key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return "", err
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}
