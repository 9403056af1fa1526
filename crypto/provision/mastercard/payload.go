package mastercard

import (
	"cmp"
	"time"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
)

// Shape is a form of the payload that a wallet carries to MDES. The zero Shape is
// none: which one is expected is agreed with Mastercard at onboarding.
type Shape uint8

// The shapes. A third one, a receipt of the Token Connect API, has no card number in
// it and is made online.
const (
	// ShapeCardInfo is {"cardInfo":{...},"tokenizationAuthenticationValue":...}, the
	// older style of MDES. Three public implementations.
	ShapeCardInfo Shape = iota + 1
	// UnverifiedShapeFundingAccount is {"fundingAccountInfo":{"encryptedPayload":{...}},
	// "tokenizationAuthenticationValue":...}. One public sample's beginning, and
	// Mastercard's description of its members elsewhere; the whole is inferred.
	UnverifiedShapeFundingAccount
)

// Sources, as Mastercard names where a card's data comes from.
const (
	SourceCard    = "CARD_ADDED_VIA_APPLICATION"    // default of ShapeCardInfo
	SourceAccount = "ACCOUNT_ADDED_VIA_APPLICATION" // default of UnverifiedShapeFundingAccount; inferred
)

// PayloadOptions say how payloads are built.
type PayloadOptions struct {
	Shape       Shape         // required
	Sealer      *Sealer       // required
	TAV         *TAV          // required, unless UnsafeNoTAV
	UnsafeNoTAV bool          // leave the TAV out: MDES then has no proof that the issuer meant this card
	Source      string        // default by Shape
	Validity    time.Duration // of the encrypted data: default 30 min, at most 30 days; ShapeCardInfo carries none
}

// Payload builds what a wallet carries to MDES. It is immutable and safe for
// concurrent use.
type Payload struct{ o PayloadOptions }

// NewPayload checks the options: an error wraps ErrOptions or card.ErrValidity.
func NewPayload(o PayloadOptions) (*Payload, error) {
	switch {
	case o.Shape != ShapeCardInfo && o.Shape != UnverifiedShapeFundingAccount:
		return nil, code.Wrap(ErrOptions, "choose the Shape that was agreed with Mastercard")
	case o.Sealer == nil:
		return nil, code.Wrap(ErrOptions, "Sealer is missing")
	case (o.TAV == nil) != o.UnsafeNoTAV:
		return nil, code.Wrap(ErrOptions, "either TAV or UnsafeNoTAV")
	}
	if err := checkValidity(o.Validity); err != nil {
		return nil, err
	}
	o.Validity = cmp.Or(o.Validity, DefaultValidity)
	source := SourceCard
	if o.Shape == UnverifiedShapeFundingAccount {
		source = SourceAccount
	}
	o.Source = cmp.Or(o.Source, source)
	if err := card.Handle("source", o.Source, 64); err != nil {
		return nil, code.Wrap(ErrOptions, "Source is not usable")
	}
	return &Payload{o}, nil
}

// Formats names what is built, for a record.
func (p *Payload) Formats() []string {
	shape := "mastercard-card-info"
	if p.o.Shape == UnverifiedShapeFundingAccount {
		shape = "unverified-mastercard-funding-account"
	}
	if p.o.TAV == nil {
		return []string{shape}
	}
	return []string{shape, p.o.TAV.o.Format.String()}
}

// UnsafeBuild returns, without asking for a Grant, the payload's JSON for a card:
// Samsung Pay takes it so, Google Pay as Encode writes it. Nothing in it names the wallet instance. Errors are those of
// card.Card.Check, a *card.FieldError for a field beyond MDES's limits (a name of more
// than 27 characters, a country that is not alpha-3), or ErrKey; no error comes with
// any part of a payload.
func (p *Payload) UnsafeBuild(c *card.Card, now time.Time) ([]byte, error) {
	sealed, err := p.UnsafeSealCard(c, now)
	if err != nil {
		return nil, err
	}
	w := canon.NewWriter(nil).Object()
	if p.o.Shape == ShapeCardInfo {
		w.Key("cardInfo").Raw(sealed)
	} else {
		w.Key("fundingAccountInfo").Object().Key("encryptedPayload").Raw(sealed).EndObject()
	}
	if p.o.TAV != nil {
		tav, err := p.o.TAV.UnsafeBuild(c, "", now)
		if err != nil {
			return nil, err
		}
		w.Key("tokenizationAuthenticationValue").String(Encode(tav))
	}
	return w.EndObject().Bytes(), nil
}

// UnsafeSealCard returns the encryptedPayload of a card alone, without what stands
// around it in a payload and without a TAV. Errors are those of UnsafeBuild.
func (p *Payload) UnsafeSealCard(c *card.Card, now time.Time) ([]byte, error) {
	if err := c.Check(now); err != nil {
		return nil, err
	}
	var plaintext []byte
	var err error
	if p.o.Shape == ShapeCardInfo {
		plaintext, err = p.cardInfo(c)
	} else {
		plaintext, err = p.fundingAccount(c, now)
	}
	defer clear(plaintext)
	if err != nil {
		return nil, err
	}
	return p.o.Sealer.Seal(plaintext)
}

func (p *Payload) cardInfo(c *card.Card) ([]byte, error) {
	if err := card.Text("cardholderName", c.Name, 0, maxName); err != nil {
		return nil, err
	}
	w := canon.NewWriter(c.Buffer(nil, nil)).Object().
		Key("accountNumber").String(c.PAN.Reveal()).
		Key("expiryMonth").String(c.Expiry.MM()).Key("expiryYear").String(c.Expiry.YY()).
		Key("source").String(p.o.Source)
	w.NonEmpty("cardholderName", c.Name)
	return w.EndObject().Bytes(), nil
}

func (p *Payload) fundingAccount(c *card.Card, now time.Time) ([]byte, error) {
	if err := card.Text("accountHolderData.accountHolderName", c.Name, 0, maxName); err != nil {
		return nil, err
	}
	if err := checkAddress(c.Address); err != nil {
		return nil, err
	}
	w := canon.NewWriter(c.Buffer(nil, nil)).Object().Key("cardAccountData").Object().
		Key("accountNumber").String(c.PAN.Reveal()).
		Key("expiryMonth").String(c.Expiry.MM()).Key("expiryYear").String(c.Expiry.YY()).
		EndObject()
	if c.Name != "" || c.Address != nil {
		w.Key("accountHolderData").Object()
		w.NonEmpty("accountHolderName", c.Name)
		if a := c.Address; a != nil {
			w.Key("accountHolderAddress").Object()
			for _, m := range addressMembers(a) {
				w.NonEmpty(m.name, m.value)
			}
			w.EndObject()
		}
		w.EndObject()
	}
	w.Key("source").String(p.o.Source)
	w.Key("dataValidUntilTimestamp").String(now.Add(p.o.Validity).UTC().Format(time.RFC3339))
	return w.EndObject().Bytes(), nil
}

type member struct {
	name, value string
	max         int
}

func addressMembers(a *card.Address) []member {
	return []member{
		{"line1", a.Line1, 64}, {"line2", a.Line2, 64}, {"city", a.City, 32},
		{"countrySubdivision", a.State, 12}, {"postalCode", a.PostalCode, 16}, {"country", a.Country, 3},
	}
}

func checkAddress(a *card.Address) error {
	const root = "accountHolderData.accountHolderAddress."
	if a == nil {
		return nil
	}
	if a.Line3 != "" {
		return card.NewFieldError(card.ErrField, root+"line3", "MDES has two lines")
	}
	if a.Country != "" {
		if err := card.Country(root+"country", a.Country, 3); err != nil {
			return err
		}
	}
	for _, m := range addressMembers(a) {
		if err := card.Text(root+m.name, m.value, 0, m.max); err != nil {
			return err
		}
	}
	return nil
}
