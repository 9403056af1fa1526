package applepay

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
)

// Form is which members the encrypted JSON has. The zero Form is none: which one is
// used is agreed with Apple and the network.
type Form uint8

// The forms.
const (
	// PlainPAN: the card number itself. Apple's developer documentation has its members:
	// primaryAccountNumber, expiration, name, nonce, nonceSignature.
	PlainPAN Form = iota + 1
	// UnverifiedEncryptedPAN: the number encrypted for the network once more, called
	// "PNO Payment Data Configuration 3". Its members are known from two sources; their
	// case, and how Mastercard's object is nested, are not settled.
	UnverifiedEncryptedPAN
)

// String returns a name for records.
func (f Form) String() string {
	switch f {
	case PlainPAN:
		return "apple-plain-pan"
	case UnverifiedEncryptedPAN:
		return "unverified-apple-encrypted-pan"
	}
	return fmt.Sprintf("form_%d", uint8(f))
}

// ProductType is a member of some issuers' payloads.
type ProductType string

// DefaultMastercard is the one product type that is publicly seen.
const DefaultMastercard ProductType = "DEFAULT_MASTERCARD"

// Network is how payloads for one network are built. Members that are "" or 0 are left
// out of the JSON; two sources have none of the optional ones in the plain form, one has
// ProductType and Version for Mastercard.
type Network struct {
	Form       Form      // required
	Activation Activator // required

	NetworkName  string      // networkName: "Mastercard", "Visa"; required in UnverifiedEncryptedPAN
	PrefixDigits int         // of primaryAccountNumberPrefix, 6 to 10; required in UnverifiedEncryptedPAN
	ProductType  ProductType // productType; required for Mastercard in UnverifiedEncryptedPAN
	Version      string      // version: "1"; the same
}

// formats names all that is built for the network.
func (n *Network) formats() []string {
	return append([]string{"apple-ev-ecc-v2", n.Form.String()}, n.Activation.Formats(n.Form == UnverifiedEncryptedPAN)...)
}

func (n *Network) check(name card.Network) error {
	where := fmt.Sprintf(" of network %q", string(name))
	switch {
	case n.Form != PlainPAN && n.Form != UnverifiedEncryptedPAN:
		return code.Wrap(ErrOptions, "choose the Form"+where+" that was agreed with Apple")
	case n.Activation == nil:
		return code.Wrap(ErrOptions, "the Activation"+where+" is missing")
	case n.PrefixDigits != 0 && (n.PrefixDigits < MinPrefixDigits || n.PrefixDigits > MaxPrefixDigits):
		return code.Wrap(ErrOptions, "the PrefixDigits"+where+" are not 6 to 10")
	}
	for _, text := range []string{n.NetworkName, string(n.ProductType), n.Version} {
		if card.Text("", text, 0, maxMemberText) != nil {
			return code.Wrap(ErrOptions, "a text"+where+" has more than 64 characters, or control characters")
		}
	}
	if n.Form == PlainPAN {
		return nil
	}
	if n.NetworkName == "" || n.PrefixDigits == 0 || name == card.Mastercard && (n.ProductType == "" || n.Version == "") {
		return code.Wrap(ErrOptions, "the encrypted form"+where+" needs NetworkName and PrefixDigits, and for Mastercard ProductType and Version")
	}
	return nil
}

// checkCard is card.Check and what the form needs besides.
func (n *Network) checkCard(c *card.Card, now time.Time) error {
	if err := c.Check(now); err != nil {
		return err
	}
	if n.Form == UnverifiedEncryptedPAN && c.Name == "" {
		return card.NewFieldError(card.ErrField, "name", "it is missing, and this form needs it")
	}
	return nil
}

// plaintext writes the JSON that is encrypted. The nonce has the form of NonceText.
func (n *Network) plaintext(c *card.Card, r *Request, encryptedPAN []byte) []byte {
	// A buffer that grew would leave the card number behind; an escape has six bytes.
	room := 300 + 2*(len(r.Nonce)+len(r.NonceSignature)) + len(encryptedPAN) + 6*(len(c.Name)+len(n.NetworkName)+len(n.ProductType)+len(n.Version))
	w := canon.NewWriter(make([]byte, 0, room)).Object()
	if n.Form == PlainPAN {
		w.Key("primaryAccountNumber").String(c.PAN.Reveal()).
			Key("expiration").String(c.Expiry.MM() + "/" + c.Expiry.YY())
	} else {
		w.Key("encryptedPrimaryAccountNumber").Raw(encryptedPAN)
	}
	if n.PrefixDigits > 0 {
		w.Key("primaryAccountNumberPrefix").String(c.PAN.Reveal()[:n.PrefixDigits])
	}
	w.NonEmpty("name", c.Name)
	w.NonEmpty("networkName", n.NetworkName)
	w.NonEmpty("productType", string(n.ProductType))
	w.NonEmpty("version", n.Version)
	return w.Key("nonce").String(r.NonceText()).
		Key("nonceSignature").String(hex.EncodeToString(r.NonceSignature)).
		EndObject().Bytes()
}
