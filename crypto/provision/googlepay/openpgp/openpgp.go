package openpgp

import (
	"bytes"
	"crypto"
	"crypto/fips140"
	"io"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
)

// Bounds, inclusive.
const (
	MaxPlaintext = 64 << 10  // bytes of a plaintext
	MaxMessage   = 128 << 10 // bytes of a message that is opened
	MaxKeys      = 16        // keys in one file
	MinRSABits   = 2048
	maxKeyFile   = 256 << 10
)

// Errors of this package. What a library beneath says is not in them: it may quote
// what it read.
var (
	// ErrKey: a key cannot be read, is weak, out of date, of an unsuited kind, or
	// cannot do what is asked of it.
	ErrKey = code.New(code.ProvisionKey, "openpgp: key is not usable")
	// ErrTooLarge: a plaintext is longer than MaxPlaintext.
	ErrTooLarge = code.New(code.Limit, "openpgp: plaintext is too large")
	// ErrFIPS: the process runs with GODEBUG=fips140=only; OpenPGP's integrity check is SHA-1.
	ErrFIPS = code.New(code.FIPS, "openpgp: not offered in FIPS 140-only mode")
	// ErrOpen is the one answer to every message that cannot be opened: the text is
	// constant. What was wrong is behind the method Detail() string, for the record.
	ErrOpen = code.New(code.Decryption, "openpgp: message cannot be opened")
)

// SealOptions are the keys of a Sealer. Key files are armored or binary.
type SealOptions struct {
	SigningKey []byte      // required: the issuer's private key, one, that may sign; copied
	Passphrase secret.Text // of the signing key; zero: it has none
	Recipients []byte      // required: Google's public key or keys; a message is encrypted to each
}

// Sealer signs and encrypts. It is safe for concurrent use; NewSealer makes one. It
// prints nothing of its keys.
type Sealer struct {
	keys func() (openpgp.EntityList, *openpgp.Entity)
}

// NewSealer reads the keys, which must be good at now: RSA of at least 2048 bits or
// an elliptic curve, neither expired nor revoked, marked as keys that may sign, or
// encrypt communications. An error wraps ErrKey, or is ErrFIPS.
func NewSealer(o SealOptions, now time.Time) (*Sealer, error) {
	if fips140.Enforced() {
		return nil, ErrFIPS
	}
	signers, err := readKeys(o.SigningKey, "SigningKey")
	if err != nil {
		return nil, err
	}
	if len(signers) != 1 {
		return nil, code.Wrap(ErrKey, "SigningKey holds more than one key")
	}
	signer := signers[0]
	if err := unlock(signer, o.Passphrase); err != nil {
		return nil, err
	}
	recipients, err := readKeys(o.Recipients, "Recipients")
	if err != nil {
		return nil, err
	}
	for _, e := range append(slices.Clone(recipients), signer) {
		pin(e)
	}
	s := &Sealer{func() (openpgp.EntityList, *openpgp.Entity) { return recipients, signer }}
	return s, s.check(now)
}

// check refuses keys that cannot do their work at now.
func (s *Sealer) check(now time.Time) error {
	recipients, signer := s.keys()
	key, ok := signer.SigningKey(now)
	if !ok || key.PrivateKey == nil || key.PrivateKey.Dummy() || key.PrivateKey.Encrypted {
		return code.Wrap(ErrKey, "SigningKey has no private part that may sign now")
	}
	if !strong(key.PublicKey) {
		return code.Wrap(ErrKey, "SigningKey is weak, or of a kind that is not taken")
	}
	for _, e := range recipients {
		key, ok := e.EncryptionKey(now)
		if !ok {
			return code.Wrap(ErrKey, "a recipient has no key that may encrypt now")
		}
		if !strong(key.PublicKey) {
			return code.Wrap(ErrKey, "a recipient's key is weak, or of a kind that is not taken")
		}
	}
	return nil
}

// Seal returns the binary message. Keys that have expired since NewSealer are ErrKey.
func (s *Sealer) Seal(plaintext []byte, now time.Time) ([]byte, error) {
	if s == nil || s.keys == nil {
		return nil, code.Wrap(ErrKey, "the Sealer was not made by NewSealer")
	}
	if len(plaintext) > MaxPlaintext {
		return nil, ErrTooLarge
	}
	if err := s.check(now); err != nil {
		return nil, err
	}
	recipients, signer := s.keys()
	var out bytes.Buffer
	w, err := openpgp.Encrypt(&out, recipients, signer, &openpgp.FileHints{IsBinary: true}, config(now))
	if err != nil {
		return nil, code.Wrap(ErrKey, "it does not encrypt or sign")
	}
	if _, err := w.Write(plaintext); err != nil {
		return nil, code.Wrap(ErrKey, "it does not encrypt or sign")
	}
	if err := w.Close(); err != nil { // the signature is made here
		return nil, code.Wrap(ErrKey, "it does not encrypt or sign")
	}
	return out.Bytes(), nil
}

func config(now time.Time) *packet.Config {
	size, sequence := int64(MaxPlaintext+1), true
	return &packet.Config{
		DefaultHash: crypto.SHA384, DefaultCipher: packet.CipherAES256, DefaultCompressionAlgo: packet.CompressionNone,
		Time: func() time.Time { return now }, MinRSABits: MinRSABits,
		MaxDecompressedMessageSize: &size, CheckPacketSequence: &sequence,
	}
}

// pin writes our algorithms into a key's own preferences, which the library would
// else follow: an old preference list must not bring AES-128 or SHA-256 about.
func pin(e *openpgp.Entity) {
	if sig, _ := e.PrimarySelfSignature(); sig != nil {
		sig.PreferredSymmetric = []uint8{uint8(packet.CipherAES256)}
		sig.PreferredHash = []uint8{9} // SHA-384 (RFC 4880 section 9.4)
		sig.PreferredCompression = []uint8{uint8(packet.CompressionNone)}
		sig.SEIPDv2 = false
	}
}

// readKeys reads one file of keys.
func readKeys(file []byte, what string) (openpgp.EntityList, error) {
	if len(file) == 0 || len(file) > maxKeyFile {
		return nil, code.Wrap(ErrKey, what+" is missing or too large")
	}
	read := openpgp.ReadKeyRing
	if bytes.HasPrefix(bytes.TrimSpace(file), []byte("-----BEGIN")) {
		read = openpgp.ReadArmoredKeyRing
	}
	keys, err := read(bytes.NewReader(file))
	if err != nil || len(keys) == 0 || len(keys) > MaxKeys {
		return nil, code.Wrap(ErrKey, what+" cannot be read as OpenPGP keys, or holds more than 16")
	}
	for _, e := range keys {
		if e.PrimaryKey.Version != 4 {
			return nil, code.Wrap(ErrKey, what+" holds a key that is not of version 4")
		}
	}
	return keys, nil
}

func unlock(e *openpgp.Entity, passphrase secret.Text) error {
	text := []byte(passphrase.Reveal())
	defer clear(text)
	if len(text) == 0 {
		return nil // check refuses a key that is still locked
	}
	if e.DecryptPrivateKeys(text) != nil {
		return code.Wrap(ErrKey, "the passphrase does not open SigningKey")
	}
	return nil
}

// strong takes RSA of at least 2048 bits, and the elliptic curves of OpenPGP.
func strong(k *packet.PublicKey) bool {
	switch k.PubKeyAlgo {
	case packet.PubKeyAlgoRSA:
		bits, err := k.BitLength()
		return err == nil && bits >= MinRSABits
	case packet.PubKeyAlgoECDH, packet.PubKeyAlgoECDSA, packet.PubKeyAlgoEdDSA, packet.PubKeyAlgoX25519, packet.PubKeyAlgoEd25519:
		return true
	}
	return false
}

// OpenOptions are the keys of an Opener. Key files are armored or binary.
type OpenOptions struct {
	Key        []byte      // required: our private key or keys that decrypt
	Passphrase secret.Text // of them; zero: they have none
	Signers    []byte      // required: the public keys of those whose signature is taken
}

// Opener decrypts and verifies: the receiver's side of a Sealer. It is safe for
// concurrent use; NewOpener makes one.
type Opener struct {
	keys func() (ring openpgp.EntityList, signers map[uint64]bool)
}

// NewOpener reads the keys. An error wraps ErrKey, or is ErrFIPS.
func NewOpener(o OpenOptions) (*Opener, error) {
	if fips140.Enforced() {
		return nil, ErrFIPS
	}
	ring, err := readKeys(o.Key, "Key")
	if err != nil {
		return nil, err
	}
	for _, e := range ring {
		if err := unlock(e, o.Passphrase); err != nil {
			return nil, err
		}
	}
	signers, err := readKeys(o.Signers, "Signers")
	if err != nil {
		return nil, err
	}
	ids := map[uint64]bool{}
	for _, e := range signers {
		ids[e.PrimaryKey.KeyId] = true
		for _, sub := range e.Subkeys {
			ids[sub.PublicKey.KeyId] = true
		}
	}
	all := append(ring, signers...)
	return &Opener{func() (openpgp.EntityList, map[uint64]bool) { return all, ids }}, nil
}

// Open returns the plaintext of a binary message that is encrypted to one of our keys
// and signed by one of the signers, good at now. Every error wraps ErrOpen and has its
// text.
func (o *Opener) Open(message []byte, now time.Time) ([]byte, error) {
	if o == nil || o.keys == nil {
		return nil, code.Hide(ErrOpen, "the Opener was not made by NewOpener")
	}
	if len(message) > MaxMessage {
		return nil, code.Hide(ErrOpen, "it is too large")
	}
	ring, signers := o.keys()
	md, err := openpgp.ReadMessage(bytes.NewReader(message), ring, nil, config(now))
	switch {
	case err != nil:
		return nil, code.Hide(ErrOpen, "it is malformed, not encrypted to us, or not integrity protected")
	case !md.IsEncrypted || md.IsSymmetricallyEncrypted:
		return nil, code.Hide(ErrOpen, "it is not encrypted to a key")
	case !md.IsSigned || !signers[md.SignedByKeyId]:
		return nil, code.Hide(ErrOpen, "it is not signed by one of the signers")
	}
	plaintext, err := io.ReadAll(io.LimitReader(md.UnverifiedBody, MaxPlaintext+1))
	switch {
	case err != nil:
		return nil, code.Hide(ErrOpen, "its integrity check fails")
	case len(plaintext) > MaxPlaintext:
		return nil, code.Hide(ErrOpen, "its plaintext is too large")
	case md.SignatureError != nil || md.Signature == nil:
		clear(plaintext)
		return nil, code.Hide(ErrOpen, "its signature is wrong, or not good at this time")
	}
	return plaintext, nil
}
