package mastercard

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
)

// TAVFormat is a version of the tokenization authentication value. The zero
// TAVFormat is none: which one Mastercard expects is agreed at onboarding, and none
// of them has been confirmed to us by Mastercard or by an issuer.
type TAVFormat uint8

// The formats. In each the container is known better than the text that is signed.
const (
	// UnverifiedTAV2: card number, "Y", MMYY, then "N", or "Y" and a token reference,
	// without separators. Container from Mastercard's own sample; the text from one
	// source, with a token reference inferred.
	UnverifiedTAV2 TAVFormat = 2
	// UnverifiedTAV3: card number, MMYY and timestamp, joined by "|". One source.
	UnverifiedTAV3 TAVFormat = 3
	// UnverifiedTAV4: timestamp, card number and MMYY, joined by "|", with a key
	// alias. Container from two processors, the text inferred from version 3.
	UnverifiedTAV4 TAVFormat = 4
)

// String returns a name for records: unverified-mastercard-tav-3, and so on.
func (f TAVFormat) String() string {
	if f < UnverifiedTAV2 || f > UnverifiedTAV4 {
		return "no-mastercard-tav"
	}
	return "unverified-mastercard-tav-" + strconv.Itoa(int(f))
}

// Field lists of the formats, as includedFieldsInOrder carries them.
const (
	fieldsTAV3 = "accountNumber|accountExpiry|dataValidUntilTimestamp"
	fieldsTAV4 = "dataValidUntilTimestamp|accountNumber|accountExpiry"
)

// TAVOptions say how TAVs are signed.
type TAVOptions struct {
	Format   TAVFormat     // required
	Key      crypto.Signer // required: our RSA key of 2048 bits or more, whose public part Mastercard has; an HSM's key will do
	KeyAlias string        // required for UnverifiedTAV4, from onboarding; not used else
	Validity time.Duration // of versions 3 and 4: default 30 min, at most 30 days
}

// TAV signs tokenization authentication values: the issuer's statement to MDES that
// a card belongs to who adds it. It is immutable and safe for concurrent use when its
// key is.
type TAV struct{ o TAVOptions }

// NewTAV checks the options: an error wraps ErrUnverified (no format), ErrKey,
// ErrOptions, or card.ErrValidity.
func NewTAV(o TAVOptions) (*TAV, error) {
	if o.Format < UnverifiedTAV2 || o.Format > UnverifiedTAV4 {
		return nil, code.Wrap(ErrUnverified, "choose the TAV format that was agreed with Mastercard")
	}
	if o.Key == nil {
		return nil, code.Wrap(ErrKey, "a TAV needs a signing key")
	}
	pub, ok := o.Key.Public().(*rsa.PublicKey)
	if !ok {
		return nil, code.Wrap(ErrKey, "a TAV is signed with RSA")
	}
	if err := keyring.CheckRSA(pub); err != nil {
		return nil, code.Wrap(ErrKey, err.Error())
	}
	if o.Format == UnverifiedTAV4 {
		if err := card.Handle("keyAlias", o.KeyAlias, maxKeyAlias); err != nil {
			return nil, code.Wrap(ErrOptions, "KeyAlias is not 1 to 64 printable characters")
		}
	}
	if err := checkValidity(o.Validity); err != nil {
		return nil, err
	}
	o.Validity = cmp.Or(o.Validity, DefaultValidity)
	return &TAV{o}, nil
}

// Format returns the version that is signed.
func (t *TAV) Format() TAVFormat { return t.o.Format }

// KeyAlias returns the alias of the signing key, "" when none was given.
func (t *TAV) KeyAlias() string { return t.o.KeyAlias }

// ValidUntil returns when a TAV that is signed at now ends, to the second; the zero time
// for version 2, which does not say.
func (t *TAV) ValidUntil(now time.Time) time.Time {
	if t.o.Format == UnverifiedTAV2 {
		return time.Time{}
	}
	return now.Add(t.o.Validity).UTC().Truncate(time.Second)
}

func checkValidity(d time.Duration) error {
	if d < 0 || d > MaxValidity {
		return card.NewFieldError(card.ErrValidity, "dataValidUntilTimestamp", "it lies in the past, or more than 30 days ahead")
	}
	return nil
}

// UnsafeBuild returns, without asking for a Grant, the TAV's JSON for a card, as Apple
// Pay's activationData takes it; Encode makes of it what stands in a payload for Google
// Pay or Samsung Pay. The token reference (tokenUniqueReference) is for activating an
// existing token, which version 2 alone can do; "" for a new one.
func (t *TAV) UnsafeBuild(c *card.Card, tokenRef string, now time.Time) ([]byte, error) {
	if err := c.Check(now); err != nil {
		return nil, err
	}
	if tokenRef != "" {
		if t.o.Format != UnverifiedTAV2 {
			return nil, card.NewFieldError(card.ErrField, "tokenUniqueReference", "only version 2 of the TAV can carry it")
		}
		if err := card.Handle("tokenUniqueReference", tokenRef, maxTokenRef); err != nil {
			return nil, err
		}
	}
	until := now.Add(t.o.Validity).UTC().Format(time.RFC3339)
	text := t.text(c, tokenRef, until)
	defer clear(text)
	digest := sha256.Sum256(text)
	// An RSA PKCS #1 v1.5 signature is deterministic; randomness is for a key's blinding.
	sig, err := t.o.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, code.Wrap(ErrKey, "it does not sign")
	}
	return t.container(tokenRef != "", until, base64.StdEncoding.EncodeToString(sig)), nil
}

// text is what is signed.
func (t *TAV) text(c *card.Card, tokenRef, until string) []byte {
	var b []byte
	switch t.o.Format {
	case UnverifiedTAV2:
		b = append(append(append(b, c.PAN.Reveal()...), 'Y'), c.Expiry.MMYY()...)
		if tokenRef == "" {
			return append(b, 'N')
		}
		return append(append(b, 'Y'), tokenRef...)
	case UnverifiedTAV3:
		b = append(append(append(b, c.PAN.Reveal()...), '|'), c.Expiry.MMYY()...)
		return append(append(b, '|'), until...)
	}
	b = append(append(append(b, until...), '|'), c.PAN.Reveal()...)
	return append(append(b, '|'), c.Expiry.MMYY()...)
}

func (t *TAV) container(hasToken bool, until, signature string) []byte {
	w := canon.NewWriter(nil).Object()
	switch t.o.Format {
	case UnverifiedTAV2:
		ref := "false"
		if hasToken {
			ref = "true"
		}
		w.Key("version").String("2").Key("expirationDateIncluded").String("true").
			Key("tokenUniqueReferenceIncluded").String(ref).Key("signatureAlgorithm").String("RSA-SHA256")
	case UnverifiedTAV3:
		w.Key("version").String("3").Key("signatureAlgorithm").String("RSA-SHA256").
			Key("dataValidUntilTimestamp").String(until).Key("includedFieldsInOrder").String(fieldsTAV3)
	default:
		w.Key("version").String("4").Key("keyAlias").String(t.o.KeyAlias).Key("signatureAlgorithm").String("RSA-SHA256").
			Key("includedFieldsInOrder").String(fieldsTAV4).Key("dataValidUntilTimestamp").String(until)
	}
	return w.Key("signature").String(signature).EndObject().Bytes()
}

// Encode returns JSON in standard, padded Base64: the form of a TAV, or of a whole
// payload, as text.
func Encode(json []byte) string { return base64.StdEncoding.EncodeToString(json) }
