package visa

import (
	"crypto/fips140"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
)

// Bounds, inclusive.
const (
	AuthCodeLength  = 6 // characters of an authentication code
	MaxLayoutHeader = 64
	MaxLayoutRandom = 64
	maxKeySetID     = 32
	maxNonceText    = 128
)

// Layout is how a clear text is put into blocks before it is encrypted: Header, random
// printable characters, the length of the clear text, the clear text, and Pad up to a
// whole block. Nobody has confirmed one to us, so there is no default: take
// UnverifiedVDSP, or write down what Visa's specification says.
type Layout struct {
	Header string       // as bytes; at most 64
	Random int          // characters from '!' to '~', drawn anew for each text; 0 to 64
	Length LengthWriter // required
	Pad    byte         // fills the last block; none where the text ends with one
}

// LengthWriter appends the length of a clear text, in bytes, to dst.
type LengthWriter func(dst []byte, length int) []byte

// Decimal writes a length in as many decimal digits as it takes.
func Decimal(dst []byte, length int) []byte { return strconv.AppendInt(dst, int64(length), 10) }

// DecimalOf returns a writer of exactly so many decimal digits, 1 to 9, with zeros in
// front; of a longer number the last digits.
func DecimalOf(digits int) LengthWriter {
	return func(dst []byte, length int) []byte {
		from := len(dst)
		for range digits {
			dst = append(dst, '0')
		}
		for i := len(dst) - 1; i >= from; i-- {
			dst[i], length = '0'+byte(length%10), length/10
		}
		return dst
	}
}

// NoLength writes none.
func NoLength(dst []byte, _ int) []byte { return dst }

// UnverifiedVDSP is the layout of one public implementation: two blanks, four random
// characters, the length in decimal, '!' as padding. Two other sources agree in
// outline: the size of a published sample, and "control fields, length indicators,
// padding". Not corroborated by anybody: what the blanks mean, whether the padding must
// be '!', whether a length of one digit is written with a zero.
func UnverifiedVDSP() Layout { return Layout{Header: "  ", Random: 4, Length: Decimal, Pad: '!'} }

// MBPOptions say how MBPAC and MBPAD texts are made.
type MBPOptions struct {
	Key      *keyring.Key // required: the zone key shared with Visa ("WSD key"): two-key Triple DES, UseEncrypt and AlgTDES; or a device that has keyring.TDES
	KeySetID string       // required: the key set identifier that Visa gave it, such as 123456.1
	Layout   Layout       // required
}

// mbp is what the two texts have in common.
type mbp struct {
	o    MBPOptions
	tdes keyring.TDES
	draw func(n, limit int) []byte // drawText, but in tests
}

// MBPAC writes the activation data that Visa's token service takes with a card in
// Apple Pay. It is immutable, and safe for concurrent use when its key is.
type MBPAC struct{ m mbp }

// MBPAD writes a card number for Visa's token service, as it stands in Apple Pay's
// encryptedPrimaryAccountNumber. It is immutable, and safe for concurrent use when its
// key is.
type MBPAD struct{ m mbp }

// NewUnverifiedMBPAC checks the options: an error wraps ErrUnverified (no layout),
// ErrKey, ErrOptions or ErrFIPS. Outer form and clear text are known from two public
// implementations and a product's documentation, the layout of the blocks from one;
// Visa is said to replace both by a newer form (MPAC, MPAD) whose layout is not public.
func NewUnverifiedMBPAC(o MBPOptions) (*MBPAC, error) {
	m, err := newMBP(o)
	if err != nil {
		return nil, err
	}
	return &MBPAC{m}, nil
}

// NewUnverifiedMBPAD is NewUnverifiedMBPAC for MBPAD.
func NewUnverifiedMBPAD(o MBPOptions) (*MBPAD, error) {
	m, err := newMBP(o)
	if err != nil {
		return nil, err
	}
	return &MBPAD{m}, nil
}

func newMBP(o MBPOptions) (mbp, error) {
	if fips140.Enforced() {
		return mbp{}, ErrFIPS
	}
	if o.Key == nil {
		return mbp{}, code.Wrap(ErrKey, "MBPAC and MBPAD need the key shared with Visa")
	}
	if n := o.Key.Secret.Len(); n != 0 && n != 16 {
		return mbp{}, code.Wrap(ErrKey, "it is not two-key Triple DES, of 16 bytes")
	}
	if o.Key.Use != keyring.UseEncrypt {
		return mbp{}, code.Wrap(ErrKey, "its use is not to encrypt")
	}
	tdes, err := o.Key.TDES()
	if err != nil {
		return mbp{}, code.Wrap(ErrKey, "it is no Triple DES key, or its two parts are equal")
	}
	if card.Handle("", o.KeySetID, maxKeySetID) != nil || strings.Contains(o.KeySetID, "-") {
		return mbp{}, code.Wrap(ErrOptions, "KeySetID is not 1 to 32 printable characters without hyphens")
	}
	switch l := o.Layout; {
	case l.Length == nil:
		return mbp{}, code.Wrap(ErrUnverified, "choose the layout of the blocks: UnverifiedVDSP, or one that Visa confirmed to you")
	case len(l.Header) > MaxLayoutHeader, l.Random < 0, l.Random > MaxLayoutRandom:
		return mbp{}, code.Wrap(ErrOptions, "the layout's header or random part has more than 64 characters")
	}
	return mbp{o, tdes, drawText}, nil
}

// KeySetID returns the key set identifier that the texts name.
func (m *MBPAC) KeySetID() string { return m.m.o.KeySetID }

// KeySetID returns the key set identifier that the texts name.
func (m *MBPAD) KeySetID() string { return m.m.o.KeySetID }

// UnsafeBuild returns the text of an activation: ASCII, as Apple Pay's activationData
// takes it. nonce is the text that stands in the payload beside it, in hexadecimal
// digits. Visa shows the code to the issuer when it asks whether the token may be made;
// how is not public. Errors: a *card.FieldError for a nonce that is none
// (card.ErrField), ErrAuthCode, ErrKey.
func (m *MBPAC) UnsafeBuild(nonce string, authCode secret.Text, now time.Time) ([]byte, error) {
	if _, err := hex.DecodeString(nonce); err != nil || nonce == "" || len(nonce) > maxNonceText {
		return nil, card.NewFieldError(card.ErrField, "nonce", "it is not 1 to 64 bytes in hexadecimal digits")
	}
	if err := CheckAuthCode(authCode); err != nil {
		return nil, err
	}
	clearText := make([]byte, 0, maxNonceText+32)
	clearText = append(append(clearText, "nonce="...), nonce...)
	clearText = append(append(clearText, ";authcode="...), authCode.Reveal()...)
	return m.m.seal("MBPAC", clearText, now)
}

// UnsafeBuild returns the text that holds a card's number and expiry date, and the
// instant in UTC. Errors are those of card.Card.Check, a *card.FieldError for a number
// of fewer than 13 digits, ErrClock, ErrKey.
func (m *MBPAD) UnsafeBuild(c *card.Card, now time.Time) ([]byte, error) {
	if err := c.Check(now); err != nil {
		return nil, err
	}
	if err := checkDigits(c.PAN.Reveal()); err != nil {
		return nil, err
	}
	if at := now.Unix(); at < 0 || at > maxNow {
		return nil, ErrClock
	}
	clearText := make([]byte, 0, 96)
	clearText = append(append(clearText, "pan="...), c.PAN.Reveal()...)
	clearText = append(append(clearText, ";expiry="...), c.Expiry.MMYY()...)
	clearText = now.UTC().AppendFormat(append(clearText, ";datetime="...), "20060102150405")
	return m.m.seal("MBPAD", clearText, now)
}

// seal encrypts a clear text, clears it, and writes the outer form: kind, version, key
// scheme, key set identifier, ephemeral key (none), algorithm, upper-case hexadecimal
// digits.
func (m *mbp) seal(kind string, clearText []byte, now time.Time) ([]byte, error) {
	defer clear(clearText)
	if why := m.o.Key.Usable(keyring.UseEncrypt, keyring.AlgTDES, m.o.Key.Scheme, now); why != "" {
		return nil, code.Wrap(ErrKey, why)
	}
	block := m.o.Layout.apply(clearText, m.draw(m.o.Layout.Random, '~'-'!'+1))
	defer clear(block)
	sealed, err := m.tdes.EncryptCBC(make([]byte, 8), block)
	if err != nil || len(sealed) != len(block) {
		return nil, code.Wrap(ErrKey, "it does not encrypt")
	}
	out := make([]byte, 0, len(kind)+len(m.o.KeySetID)+16+2*len(sealed))
	out = append(append(append(out, kind...), "-1-FK-"...), m.o.KeySetID...)
	out = append(out, "--TDEA-"...)
	from := len(out)
	out = hex.AppendEncode(out, sealed)
	for i := from; i < len(out); i++ {
		if out[i] >= 'a' {
			out[i] -= 'a' - 'A'
		}
	}
	return out, nil
}

// apply returns the text in whole blocks.
func (l *Layout) apply(clearText, random []byte) []byte {
	b := append(make([]byte, 0, len(l.Header)+l.Random+len(clearText)+32), l.Header...)
	for _, c := range random {
		b = append(b, '!'+c)
	}
	b = slices.Grow(l.Length(b, len(clearText)), len(clearText)+8) // nothing grows behind the clear text
	b = append(b, clearText...)
	for len(b)%8 != 0 {
		b = append(b, l.Pad)
	}
	return b
}

// drawText returns n numbers below limit, 1 to 128, each as likely as the others.
func drawText(n, limit int) []byte {
	out := make([]byte, 0, n)
	var drawn [64]byte
	for len(out) < n {
		_, _ = rand.Read(drawn[:]) // ends the process rather than fail
		for _, b := range drawn {
			if int(b) < 256-256%limit && len(out) < n {
				out = append(out, b%byte(limit))
			}
		}
	}
	return out
}

const authCodeAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// NewAuthCode draws an authentication code: six digits and upper-case letters, as two
// public implementations make them.
func NewAuthCode() secret.Text {
	b := drawText(AuthCodeLength, len(authCodeAlphabet))
	defer clear(b)
	for i, c := range b {
		b[i] = authCodeAlphabet[c]
	}
	return secret.NewText(b)
}

// CheckAuthCode returns ErrAuthCode unless a code has six digits and upper-case letters.
func CheckAuthCode(authCode secret.Text) error {
	text := authCode.Reveal()
	if len(text) != AuthCodeLength || strings.Trim(text, authCodeAlphabet) != "" {
		return ErrAuthCode
	}
	return nil
}
