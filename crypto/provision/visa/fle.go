package visa

import (
	"cmp"
	"crypto"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/jwa"
)

// Bounds, inclusive.
const (
	MinSecretBytes = 16   // of a shared secret
	maxSecretBytes = 1024 // of a shared secret
	maxNow         = 253402300799
)

// SharedKey encrypts under a secret that Visa and the issuer share: the mode
// SHARED_SECRET. It is immutable, prints nothing of the secret, and is safe for
// concurrent use; NewSharedKey makes one.
type SharedKey struct {
	id     string
	kek    func() cipher.AEAD // a function, so that no printer finds the key
	header *jose.Prepared
}

// NewSharedKey takes the key id (or API key) and the secret that belongs to it, as
// the text that Visa gave: nothing is decoded. The key-encryption key is the SHA-256
// of that text. (The key of x-pay-token is the text itself: the two must not be mixed
// up.) A secret of fewer than 16 or more than 1024 bytes, and an id that is not 1 to
// 256 printable characters without blanks, are ErrKey. In FIPS 140-only mode the error
// is jose.ErrFIPS.
func NewSharedKey(keyID string, shared secret.Text) (*SharedKey, error) {
	text := shared.Reveal()
	switch {
	case len(text) < MinSecretBytes || len(text) > maxSecretBytes:
		return nil, code.Wrap(ErrKey, "a shared secret has 16 to 1024 bytes")
	case !usableID(keyID):
		return nil, code.Wrap(ErrKey, "a key id is 1 to 256 printable characters without blanks")
	}
	kek := sha256.Sum256([]byte(text))
	defer clear(kek[:])
	gcm, err := jwa.NewGCM(kek[:])
	if err != nil {
		return nil, jose.ErrFIPS // the one reason that AES of 256 bits has
	}
	header, err := jose.Prepare(jose.A256GCMKW, jose.A256GCM, jose.Header{
		jose.Here("alg"), jose.Text("channelSecurityContext", "SHARED_SECRET"), jose.Here("enc"), jose.Varying("iat"),
		jose.Here("iv"), jose.Text("kid", keyID), jose.Here("tag"), jose.Text("typ", "JOSE"),
	})
	if err != nil {
		return nil, code.Wrap(ErrKey, "its id cannot stand in a header")
	}
	return &SharedKey{keyID, func() cipher.AEAD { return gcm }, header}, nil
}

func usableID(id string) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return id != "" && len(id) <= jose.MaxKeyIDBytes
}

// KeyID returns the key id.
func (k *SharedKey) KeyID() string { return k.id }

// Seal returns a compact JWE under a content key of its own, with the header alg,
// channelSecurityContext, enc, iat (Unix seconds), iv, kid, tag, typ. ErrClock and
// ErrTooLarge are its errors, and jose.ErrFIPS.
func (k *SharedKey) Seal(plaintext []byte, now time.Time) (string, error) {
	iat := now.Unix()
	if iat < 0 || iat > maxNow {
		return "", ErrClock
	}
	token, err := k.header.Seal(k.kek(), plaintext, iat)
	return token, tooLarge(err)
}

func seal(alg string, key any, header jose.Header, plaintext []byte) (string, error) {
	token, err := jose.Seal(alg, jose.A256GCM, key, header, plaintext)
	return token, tooLarge(err)
}

// tooLarge puts one of jose's refusals in our words.
func tooLarge(err error) error {
	if errors.Is(err, jose.ErrTooLarge) {
		return ErrTooLarge
	}
	return err
}

// Open returns the plaintext of a compact JWE of Seal's kind. The kid must be ours;
// iat is not looked at: how old one may be is not public. Every error wraps ErrOpen
// and has its text.
func (k *SharedKey) Open(token string) ([]byte, error) {
	jwe, err := jose.ParseJWE(token)
	switch {
	case err != nil:
		return nil, unopened(err.Error())
	case jwe.KeyID != k.id:
		return nil, unopened("its kid is not that of the shared key")
	}
	return open(&jwe, jose.A256GCMKW, k.kek(), jose.A256GCM)
}

func open(jwe *jose.JWE, alg string, key any, enc ...string) ([]byte, error) {
	plaintext, err := jwe.Open(alg, key, enc...)
	if err != nil {
		return nil, unopened(cmp.Or(code.Detail(err), err.Error()))
	}
	return plaintext, nil
}

// SealField returns a compact JWE for one of Visa's fields whose names begin with
// "enc", such as encCard: RSA-OAEP-256 and A256GCM under the header kid, enc, alg. A
// weak key or an unusable key id is ErrKey.
func SealField(pub *rsa.PublicKey, keyID string, plaintext []byte) (string, error) {
	if err := keyring.CheckRSA(pub); err != nil {
		return "", code.Wrap(ErrKey, err.Error())
	}
	if !usableID(keyID) {
		return "", code.Wrap(ErrKey, "a key id is 1 to 256 printable characters without blanks")
	}
	return seal(jose.RSAOAEP256, pub, jose.Header{jose.Text("kid", keyID), jose.Here("enc"), jose.Here("alg")}, plaintext)
}

// KeyFunc returns our RSA key of a key id, "" when the message names none.
type KeyFunc func(keyID string) (crypto.Decrypter, bool)

// OpenField returns the plaintext of a compact JWE under RSA-OAEP-256 with A256GCM or
// A128GCM. Every error wraps ErrOpen and has its text.
func OpenField(token string, key KeyFunc) ([]byte, error) {
	jwe, err := jose.ParseJWE(token)
	if err != nil {
		return nil, unopened(err.Error())
	}
	ours, detail := key.lookup(jwe.KeyID)
	if detail != "" {
		return nil, unopened(detail)
	}
	return open(&jwe, jose.RSAOAEP256, ours, jose.A256GCM, jose.A128GCM)
}

// lookup returns a strong RSA key, or why there is none.
func (f KeyFunc) lookup(keyID string) (key crypto.Decrypter, detail string) {
	if f == nil {
		return nil, "there are no keys"
	}
	key, ok := f(keyID)
	if !ok || key == nil {
		return nil, "no key of the named id"
	}
	if pub, ok := key.Public().(*rsa.PublicKey); !ok || keyring.CheckRSA(pub) != nil {
		return nil, "the key of the named id is not RSA, or weak"
	}
	return key, ""
}
