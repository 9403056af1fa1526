package mastercard

import (
	"cmp"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/jwa"
	"github.com/issuant/issuant/internal/strictjson"
)

// Hash is the hash of RSA-OAEP and of its MGF1, as oaepHashingAlgorithm names it.
type Hash string

// The hashes that MDES knows.
const (
	SHA256 Hash = "SHA256"
	SHA512 Hash = "SHA512"
)

func (h Hash) crypto() crypto.Hash {
	switch h {
	case SHA256:
		return crypto.SHA256
	case SHA512:
		return crypto.SHA512
	}
	return 0
}

// Mode is the cipher mode of an envelope, as algorithmCipherMode names it.
type Mode string

// CBC is the default, and is not named in what is sealed. UnverifiedGCM is the
// authenticated mode of Token Connect: Mastercard's description transmits the AAD
// and does not say what it is made of, so we choose it.
const (
	CBC           Mode = "CBC"
	UnverifiedGCM Mode = "GCM"
)

// Encoding is how bytes stand in an envelope.
type Encoding uint8

// Hex is what MDES uses, Base64 (standard, padded) what some other APIs use.
const (
	Hex Encoding = iota
	Base64
)

func (e Encoding) encode(b []byte) string {
	if e == Base64 {
		return base64.StdEncoding.EncodeToString(b)
	}
	return hex.EncodeToString(b)
}

func (e Encoding) decode(s string) ([]byte, error) {
	if e == Base64 {
		return base64.StdEncoding.Strict().DecodeString(s)
	}
	return hex.DecodeString(s)
}

// SealOptions say how envelopes are sealed. What is zero takes the default.
type SealOptions struct {
	Key         *rsa.PublicKey // required: Mastercard's, 2048 to 8192 bits
	Fingerprint string         // required: publicKeyFingerprint as Mastercard registered the key, up to 64 hex digits
	OAEP        Hash           // default SHA256
	Mode        Mode           // default CBC
	KeyBits     int            // of AES: 128 (default) or 256
	Encoding    Encoding       // default Hex
}

// Sealer seals envelopes to one key. It is immutable and safe for concurrent use.
type Sealer struct{ o SealOptions }

// NewSealer checks the options: an error wraps ErrKey or ErrOptions.
func NewSealer(o SealOptions) (*Sealer, error) {
	o.OAEP, o.Mode, o.KeyBits = cmp.Or(o.OAEP, SHA256), cmp.Or(o.Mode, CBC), cmp.Or(o.KeyBits, 128)
	if err := keyring.CheckRSA(o.Key); err != nil {
		return nil, code.Wrap(ErrKey, err.Error())
	}
	switch {
	case lowerHex(o.Fingerprint, maxFingerprint) == "":
		return nil, code.Wrap(ErrKey, "Fingerprint is not 1 to 64 hex digits: take it from Mastercard's portal")
	case o.OAEP.crypto() == 0:
		return nil, code.Wrap(ErrOptions, "OAEP is neither SHA256 nor SHA512")
	case o.Mode != CBC && o.Mode != UnverifiedGCM:
		return nil, code.Wrap(ErrOptions, "Mode is neither CBC nor UnverifiedGCM")
	case o.KeyBits != 128 && o.KeyBits != 256:
		return nil, code.Wrap(ErrOptions, "KeyBits is neither 128 nor 256")
	case o.Encoding > Base64:
		return nil, code.Wrap(ErrOptions, "Encoding is neither Hex nor Base64")
	}
	return &Sealer{o}, nil
}

// Seal returns the JSON object that stands as encryptedPayload (or cardInfo), under
// a key and an initialization vector of its own. The plaintext is one JSON value, in
// UTF-8; it is not changed, and not kept. It is ErrTooLarge beyond MaxPlaintext, and
// ErrOptions when it is no strict JSON. GCM is ErrFIPS in FIPS 140-only mode.
func (s *Sealer) Seal(plaintext []byte) ([]byte, error) {
	if len(plaintext) > MaxPlaintext {
		return nil, ErrTooLarge
	}
	if !isJSON(plaintext) {
		return nil, code.Wrap(ErrOptions, "the plaintext is no strict JSON value")
	}
	if s.o.Mode == UnverifiedGCM && fips140.Enforced() {
		return nil, ErrFIPS // that mode lets the module alone choose IVs
	}
	key := random(s.o.KeyBits / 8)
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, code.Wrap(ErrKey, "AES refuses the key")
	}
	wrapped, err := rsa.EncryptOAEP(s.o.OAEP.crypto().New(), rand.Reader, s.o.Key, key, nil)
	if err != nil {
		return nil, code.Wrap(ErrKey, "the AES key cannot be encrypted to it")
	}
	if s.o.Mode == UnverifiedGCM {
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			return nil, code.Wrap(ErrKey, "AES refuses the key")
		}
		iv, aad := random(gcm.NonceSize()), random(aes.BlockSize)
		sealed := gcm.Seal(nil, iv, plaintext, aad)
		body := len(sealed) - gcm.Overhead()
		return s.write(sealed[:body], wrapped, iv, sealed[body:], aad), nil
	}
	iv := random(aes.BlockSize)
	return s.write(sealCBC(block, iv, plaintext), wrapped, iv, nil, nil), nil
}

func (s *Sealer) write(data, key, iv, tag, aad []byte) []byte {
	e := s.o.Encoding.encode
	w := canon.NewWriter(nil).Object().
		Key("encryptedData").String(e(data)).
		Key("publicKeyFingerprint").String(s.o.Fingerprint).
		Key("encryptedKey").String(e(key)).
		Key("oaepHashingAlgorithm").String(string(s.o.OAEP)).
		Key("iv").String(e(iv))
	if s.o.Mode == UnverifiedGCM {
		w.Key("algorithmCipherMode").String(string(s.o.Mode)).Key("tag").String(e(tag)).Key("aad").String(e(aad))
	}
	return w.EndObject().Bytes()
}

// sealCBC pads as PKCS #7 does.
func sealCBC(block cipher.Block, iv, plaintext []byte) []byte {
	pad := aes.BlockSize - len(plaintext)%aes.BlockSize
	out := make([]byte, len(plaintext)+pad)
	copy(out, plaintext)
	for i := len(plaintext); i < len(out); i++ {
		out[i] = byte(pad)
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
	return out
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: it ends the process instead
	return b
}

func isJSON(data []byte) bool {
	_, err := strictjson.Parse(data, strictjson.Limits{MaxBytes: MaxPlaintext})
	return err == nil
}

// OpenOptions say how envelopes are opened.
type OpenOptions struct {
	// Key returns our key of that fingerprint, which is in lower-case hex and "" when
	// the envelope names none: an *rsa.PrivateKey, or an HSM's key. Required.
	Key      func(fingerprint string) (crypto.Decrypter, bool)
	Encoding Encoding // default Hex, in either case
}

// Opener opens envelopes that were sealed to us. It is immutable and safe for
// concurrent use when Key is.
type Opener struct{ o OpenOptions }

// NewOpener checks the options: an error wraps ErrOptions.
func NewOpener(o OpenOptions) (*Opener, error) {
	if o.Key == nil || o.Encoding > Base64 {
		return nil, code.Wrap(ErrOptions, "opening needs Key, and an Encoding that is Hex or Base64")
	}
	return &Opener{o}, nil
}

// envelope is an encryptedPayload as it was read.
type envelope struct {
	data, key, iv, tag, aad []byte
	fingerprint             string
	oaep                    Hash
	gcm                     bool
}

var members = []string{"encryptedData", "encryptedKey", "iv", "oaepHashingAlgorithm", "publicKeyFingerprint", "algorithmCipherMode", "tag", "aad"}

// Open returns the plaintext of an encryptedPayload object: one strict JSON value,
// which the caller owns. Every error wraps ErrOpen and has its text. An
// envelope without iv or oaepHashingAlgorithm is refused, where Mastercard's own
// rules would assume zeros and PKCS #1 v1.5.
//
// The work does not depend on what is wrong inside: padding is looked at in constant
// time, and a key that cannot be unwrapped is replaced by a random one. Still, CBC is
// malleable; bound how often a stranger may try.
func (o *Opener) Open(payload []byte) ([]byte, error) {
	e, detail := o.read(payload)
	if detail != "" {
		return nil, unopened(detail)
	}
	key, ok := o.o.Key(e.fingerprint)
	if !ok || key == nil {
		return nil, unopened("no key of the named fingerprint")
	}
	pub, ok := key.Public().(*rsa.PublicKey)
	if !ok || keyring.CheckRSA(pub) != nil {
		return nil, unopened("the key of the named fingerprint is not RSA, or weak")
	}
	plaintext, detail := e.open(key)
	if detail != "" {
		return nil, unopened(detail)
	}
	return plaintext, nil
}

func (o *Opener) read(payload []byte) (e envelope, detail string) {
	if len(payload) > MaxEnvelope {
		return e, "it is too large"
	}
	v, err := strictjson.Parse(payload, strictjson.Limits{MaxBytes: MaxEnvelope, MaxDepth: 2, MaxValues: 64})
	if err != nil || v.Kind != strictjson.Object {
		return e, "it is no strict JSON object"
	}
	if v.MisCased(members...) != "" {
		return e, "a member is written in another case"
	}
	text := map[string]string{}
	for _, name := range members {
		if m, has := v.Get(name); has {
			if m.Kind != strictjson.String || m.Str == "" {
				return e, name + " is no string, or empty"
			}
			text[name] = m.Str
		}
	}
	if fp, has := text["publicKeyFingerprint"]; has {
		if e.fingerprint = lowerHex(fp, maxFingerprint); e.fingerprint == "" {
			return e, "publicKeyFingerprint is not 1 to 64 hex digits"
		}
	}
	for name, to := range map[string]*[]byte{"encryptedData": &e.data, "encryptedKey": &e.key, "iv": &e.iv, "tag": &e.tag, "aad": &e.aad} {
		if *to, err = o.o.Encoding.decode(text[name]); err != nil {
			return e, name + " is not in its encoding"
		}
	}
	e.oaep = Hash(text["oaepHashingAlgorithm"])
	return e, e.shape(text["algorithmCipherMode"], text)
}

// shape checks what the mode demands; "" when all is there.
func (e *envelope) shape(mode string, text map[string]string) string {
	_, hasTag := text["tag"]
	_, hasAAD := text["aad"]
	switch {
	case len(e.data) == 0 || len(e.key) == 0:
		return "encryptedData or encryptedKey is missing"
	case e.oaep.crypto() == 0:
		return "oaepHashingAlgorithm is neither SHA256 nor SHA512"
	case mode == "GCM":
		e.gcm = true
		if len(e.iv) != 12 || len(e.tag) != aes.BlockSize || !hasAAD {
			return "iv, tag or aad is missing or of a wrong length"
		}
	case mode != "" && mode != "CBC":
		return "algorithmCipherMode is neither CBC nor GCM"
	case hasTag || hasAAD:
		return "an envelope in CBC has a tag or aad"
	case len(e.iv) != aes.BlockSize || len(e.data)%aes.BlockSize != 0:
		return "iv or encryptedData is of a wrong length"
	}
	return ""
}

// open decrypts. Whatever the RSA key says, the AES work is done.
func (e *envelope) open(priv crypto.Decrypter) (plaintext []byte, detail string) {
	key, err := jwa.UnwrapOAEP(priv, e.oaep.crypto(), e.key)
	if err != nil || len(key) != 16 && len(key) != 32 {
		key, detail = random(16), "the key cannot be unwrapped"
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, "the key cannot be unwrapped"
	}
	good := 1
	if e.gcm {
		plaintext, err = openGCM(block, e)
		if err != nil {
			good = 0
		}
	} else {
		plaintext, good = openCBC(block, e)
	}
	json := isJSON(plaintext) // before the padding is judged
	switch {
	case detail != "":
	case good == 0:
		detail = "padding or tag is wrong"
	case !json:
		detail = "the plaintext is no strict JSON value"
	default:
		return plaintext, ""
	}
	clear(plaintext)
	return nil, detail
}

func openGCM(block cipher.Block, e *envelope) ([]byte, error) {
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return gcm.Open(nil, e.iv, append(e.data, e.tag...), e.aad)
}

// openCBC returns the plaintext without its padding, and 0 when the padding is not
// that of PKCS #7: then nothing is cut off.
func openCBC(block cipher.Block, e *envelope) ([]byte, int) {
	out := make([]byte, len(e.data))
	cipher.NewCBCDecrypter(block, e.iv).CryptBlocks(out, e.data)
	n := len(out)
	pad := int(out[n-1])
	good := subtle.ConstantTimeLessOrEq(1, pad) & subtle.ConstantTimeLessOrEq(pad, aes.BlockSize)
	for i := 1; i <= aes.BlockSize; i++ {
		inside := subtle.ConstantTimeLessOrEq(i, pad)
		same := subtle.ConstantTimeByteEq(out[n-i], byte(pad))
		good &= same | (1 ^ inside)
	}
	return out[:n-subtle.ConstantTimeSelect(good, pad, 0)], good
}
