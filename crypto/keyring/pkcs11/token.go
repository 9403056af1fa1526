package pkcs11

import (
	"cmp"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/ThalesGroup/crypto11"
	p11 "github.com/miekg/pkcs11"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
)

// Errors of this package.
var (
	// ErrDevice: the token, its module or its key cannot be used.
	ErrDevice = code.New(code.Device, "pkcs11: the device does not do it")
	// ErrNoKey: the token has no key of that label.
	ErrNoKey = code.New(code.NoKey, "pkcs11: no key")
)

// Defaults and bounds.
const (
	DefaultSessions = 16
	MaxSessions     = 1024
	DefaultWait     = 5 * time.Second // for a session, when all are taken
	MaxLabel        = 255             // bytes of the label of a key
)

// Config says which token. Module, Token and PIN are needed.
type Config struct {
	Module   string        // path of the shared library of the token's maker
	Token    string        // label of the token
	PIN      secret.Text   // of its user
	Sessions int           // calls at a time: default 16, at least 2, at most 1024
	Wait     time.Duration // for a session: default 5 s
}

// Token is an open token; it is safe for concurrent use, and so are its keys until
// Close. It does not print, since it knows its PIN.
type Token struct{ open func() *state }

type state struct {
	ctx  *crypto11.Context
	raw  *p11.Ctx // for what crypto11 does not reach
	slot uint

	mu     sync.RWMutex // held for reading during a call, so that Close waits
	closed bool
}

// Open loads the module and logs in. An error wraps ErrDevice; it does not hold the
// PIN. A token knows one login for a whole process: while another Token of the same is
// open, the PIN is not looked at.
func Open(c Config) (*Token, error) {
	c.Sessions, c.Wait = cmp.Or(c.Sessions, DefaultSessions), cmp.Or(c.Wait, DefaultWait)
	if c.Module == "" || c.Token == "" || c.PIN.Reveal() == "" || c.Sessions < 2 || c.Sessions > MaxSessions || c.Wait < 0 {
		return nil, fmt.Errorf("%w: Module, Token and PIN are needed, and Sessions between 2 and %d", ErrDevice, MaxSessions)
	}
	ctx, err := crypto11.Configure(&crypto11.Config{
		Path: c.Module, TokenLabel: c.Token, Pin: c.PIN.Reveal(), MaxSessions: c.Sessions, PoolWaitTimeout: c.Wait, GCMIVLength: 12,
	})
	if err != nil {
		return nil, device("open", err)
	}
	s := &state{ctx: ctx, raw: p11.New(c.Module)}
	if s.slot, err = s.find(c.Token); err != nil {
		_ = ctx.Close() // the error before is the one to tell
		return nil, err
	}
	return &Token{func() *state { return s }}, nil
}

// find returns the slot of the token. The module is loaded already by crypto11, so
// that to initialise it again is not an error.
func (s *state) find(label string) (uint, error) {
	if s.raw == nil {
		return 0, fmt.Errorf("%w: the module cannot be loaded", ErrDevice)
	}
	if err := s.raw.Initialize(); err != nil && !errors.Is(err, p11.Error(p11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		return 0, device("initialise", err)
	}
	slots, err := s.raw.GetSlotList(true)
	if err != nil {
		return 0, device("list slots", err)
	}
	for _, slot := range slots {
		if info, err := s.raw.GetTokenInfo(slot); err == nil && info.Label == label {
			return slot, nil
		}
	}
	return 0, fmt.Errorf("%w: there is no token of that label", ErrDevice)
}

// device words an error of the token; PKCS #11's own are names of constants.
func device(what string, err error) error {
	if e, ok := errors.AsType[p11.Error](err); ok {
		return fmt.Errorf("%w: %s: %s", ErrDevice, what, e.Error())
	}
	return fmt.Errorf("%w: %s: %s", ErrDevice, what, err.Error())
}

// Close logs out, once calls that are under way have ended. Keys of the token answer
// ErrDevice afterwards.
func (t *Token) Close() error {
	s := t.open()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if err := s.ctx.Close(); err != nil {
		return device("close", err)
	}
	return nil
}

// do runs a call. crypto11 panics where an interface of the standard library leaves it
// no error to return.
func (s *state) do(what string, f func() error) (err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return fmt.Errorf("%w: %s: the token is closed", ErrDevice, what)
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %s: %v", ErrDevice, what, r)
		}
	}()
	if err := f(); err != nil {
		if errors.Is(err, ErrDevice) || errors.Is(err, ErrNoKey) || errors.Is(err, keyring.ErrUnwrap) || errors.Is(err, keyring.ErrKind) {
			return err
		}
		return device(what, err)
	}
	return nil
}

const hiddenToken = "[token]"

// String returns a placeholder.
func (t *Token) String() string { return hiddenToken }

// Format writes a placeholder, whatever the verb.
func (t *Token) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hiddenToken) }

func checkLabel(label string) error {
	if label == "" || len(label) > MaxLabel {
		return fmt.Errorf("%w: a label has 1 to %d bytes", ErrNoKey, MaxLabel)
	}
	return nil
}

// Pair returns the key pair of that label: RSA signs and decrypts, ECDSA signs. An
// error wraps ErrNoKey or ErrDevice, or keyring.ErrKind for a pair of another kind.
func (t *Token) Pair(label string) (keyring.Private, error) {
	var found []crypto11.Signer
	if err := checkLabel(label); err != nil {
		return keyring.Private{}, err
	}
	s := t.open()
	err := s.do("find", func() (err error) { found, err = s.ctx.FindKeyPairs(nil, []byte(label)); return err })
	switch {
	case err != nil:
		return keyring.Private{}, err
	case len(found) == 0:
		return keyring.Private{}, fmt.Errorf("%w: there is no key pair %q", ErrNoKey, label)
	case len(found) > 1:
		return keyring.Private{}, fmt.Errorf("%w: there are %d key pairs %q; labels must tell keys apart", ErrNoKey, len(found), label)
	}
	if d, ok := found[0].(crypto11.SignerDecrypter); ok {
		return keyring.NewPrivate(rsaPair{pair{s, found[0]}, d})
	}
	return keyring.NewPrivate(pair{s, found[0]})
}

// pair puts the token's errors into ours.
type pair struct {
	s   *state
	key crypto11.Signer
}

// Public implements crypto.Signer; the token was asked once, when the pair was found.
func (p pair) Public() crypto.PublicKey { return p.key.Public() }

// Sign implements crypto.Signer.
func (p pair) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) (sig []byte, err error) {
	err = p.s.do("sign", func() (err error) { sig, err = p.key.Sign(rand, digest, opts); return err })
	return sig, err
}

type rsaPair struct {
	pair
	d crypto11.SignerDecrypter
}

// Decrypt implements crypto.Decrypter.
func (p rsaPair) Decrypt(rand io.Reader, text []byte, opts crypto.DecrypterOpts) (plain []byte, err error) {
	err = p.s.do("decrypt", func() (err error) { plain, err = p.d.Decrypt(rand, text, opts); return err })
	return plain, err
}

// Kinds of keys that Generate makes.
const (
	RSA2048 = "rsa-2048"
	RSA3072 = "rsa-3072"
	RSA4096 = "rsa-4096"
	ECP256  = "ec-p-256"
	ECP384  = "ec-p-384"
	ECP521  = "ec-p-521"
	HMAC256 = "hmac-256"
	HMAC384 = "hmac-384"
	HMAC512 = "hmac-512"
	AES128  = "aes-128"
	AES192  = "aes-192"
	AES256  = "aes-256"
	TDES3   = "tdes-3"
)

// Generate makes a key in the token, of one of the kinds above, that never leaves it.
// AES keys may encrypt and wrap. Where the label is taken the error wraps ErrDevice.
func (t *Token) Generate(label, kind string) error {
	if err := checkLabel(label); err != nil {
		return err
	}
	s := t.open()
	return s.do("generate", func() error {
		keys, err := s.ctx.FindKeys(nil, []byte(label))
		if err != nil {
			return err
		}
		pairs, err := s.ctx.FindKeyPairs(nil, []byte(label))
		if err != nil {
			return err
		}
		if len(keys)+len(pairs) > 0 {
			return fmt.Errorf("%w: the token has a key %q already", ErrDevice, label)
		}
		return s.generate(label, kind)
	})
}

var (
	curves  = map[string]elliptic.Curve{ECP256: elliptic.P256(), ECP384: elliptic.P384(), ECP521: elliptic.P521()}
	rsaBits = map[string]int{RSA2048: 2048, RSA3072: 3072, RSA4096: 4096}
	secrets = map[string]struct {
		bits   int
		cipher *crypto11.SymmetricCipher
	}{
		HMAC256: {256, crypto11.CipherGeneric}, HMAC384: {384, crypto11.CipherGeneric}, HMAC512: {512, crypto11.CipherGeneric},
		AES128: {128, crypto11.CipherAES}, AES192: {192, crypto11.CipherAES}, AES256: {256, crypto11.CipherAES}, TDES3: {0, crypto11.CipherDES3},
	}
)

func (s *state) generate(label, kind string) error {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // it never fails
	if curve, ok := curves[kind]; ok {
		_, err := s.ctx.GenerateECDSAKeyPairWithLabel(id, []byte(label), curve)
		return err
	}
	if bits, ok := rsaBits[kind]; ok {
		_, err := s.ctx.GenerateRSAKeyPairWithLabel(id, []byte(label), bits)
		return err
	}
	made, ok := secrets[kind]
	if !ok {
		return fmt.Errorf("%w: keys of kind %q are not made here", keyring.ErrKind, kind)
	}
	template, err := crypto11.NewAttributeSetWithIDAndLabel(id, []byte(label))
	if err != nil {
		return err
	}
	if made.cipher == crypto11.CipherAES {
		for _, a := range []crypto11.AttributeType{crypto11.CkaWrap, crypto11.CkaUnwrap} {
			if err := template.Set(a, true); err != nil {
				return err
			}
		}
	}
	_, err = s.ctx.GenerateSecretKeyWithAttributes(template, made.bits, made.cipher)
	return err
}
