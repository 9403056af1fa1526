package googlepay

import (
	"cmp"
	"encoding/base64"
	"strconv"
	"time"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
)

// PGP signs with the issuer's key and encrypts to Google's, in OpenPGP: a binary
// message. The module googlepay/openpgp has one; another may stand before an HSM.
type PGP interface {
	Seal(plaintext []byte, now time.Time) ([]byte, error)
}

// UnverifiedCardOptions say how Google's own object is written.
type UnverifiedCardOptions struct {
	PGP             PGP  // required
	ProtocolVersion int  // protocolHeader.version, given by Google: default 1
	VersionAsText   bool // write it as a text: Google's sample has a number, its schema says text
	URLSafeBase64   bool // as an older revision of Google's page asked; default standard Base64
}

// UnverifiedCard builds Google's own opaque payment card (googleOpaquePaymentCard).
// The plaintext and its wrapping follow Google's public page; which algorithms Google
// takes does not stand there, and no vector is public. It is immutable and safe for
// concurrent use when its PGP is.
type UnverifiedCard struct{ o UnverifiedCardOptions }

// NewUnverifiedCard checks the options: an error wraps ErrOptions.
func NewUnverifiedCard(o UnverifiedCardOptions) (*UnverifiedCard, error) {
	if o.PGP == nil || o.ProtocolVersion < 0 {
		return nil, code.Wrap(ErrOptions, "PGP is missing, or ProtocolVersion is negative")
	}
	o.ProtocolVersion = cmp.Or(o.ProtocolVersion, 1)
	return &UnverifiedCard{o}, nil
}

// UnsafeBuild returns, without asking for a Grant, the object for a card and the session
// of Google's SDK (serverSessionId, up to 64 characters), as Base64. Errors are those of
// card.Card.Check, a *card.FieldError, and what PGP returns; none comes with any part
// of an object.
func (g *UnverifiedCard) UnsafeBuild(c *card.Card, serverSessionID string, now time.Time) ([]byte, error) {
	if err := c.Check(now); err != nil {
		return nil, err
	}
	if err := card.Handle("validationContext.serverSessionId", serverSessionID, 64); err != nil {
		return nil, err
	}
	w := canon.NewWriter(make([]byte, 0, 512)).Object().Key("protocolHeader").Object().Key("version")
	if g.o.VersionAsText {
		w.String(strconv.Itoa(g.o.ProtocolVersion))
	} else {
		w.Int(int64(g.o.ProtocolVersion))
	}
	plaintext := w.EndObject().
		Key("validationContext").Object().Key("serverSessionId").String(serverSessionID).EndObject().
		Key("paymentCard").Object().
		Key("accountNumber").String(c.PAN.Reveal()).
		Key("expiryMonth").String(c.Expiry.MM()).
		Key("expiryYear").String(c.Expiry.YY()).EndObject().
		EndObject().Bytes()
	defer clear(plaintext)
	message, err := g.o.PGP.Seal(plaintext, now)
	if err != nil {
		return nil, err
	}
	encoding := base64.StdEncoding
	if g.o.URLSafeBase64 {
		encoding = base64.URLEncoding
	}
	return encoding.AppendEncode(nil, message), nil
}
