//go:build !issuant_lean

package jose

import "errors"

// Nested says how to open a JWE inside a JWS: what Visa sends to issuers, PS256
// over RSA-OAEP-256 and A256GCM (Visa's public Click to Pay page shows the outer
// header; the inner one is known from two independent implementations). The zero
// Nested opens nothing. It is safe for concurrent use when its functions are.
//
// To seal one, sign the text that Seal returns, under a header with cty JWE.
type Nested struct {
	SignAlg string   // of the outer JWS: PS256
	Alg     string   // of the inner JWE: RSA-OAEP-256
	Enc     []string // of the inner JWE: A256GCM

	// VerifyKey returns the sender's key of that id, as Verify takes it, OpenKey
	// ours, as Open takes it. The id is the sender's text, "" when there is none;
	// look it up exactly, in keys that may be used for this now.
	VerifyKey, OpenKey func(keyID string) (key any, ok bool)
}

// Open returns the plaintext, which the caller owns. Order: ErrFIPS and what is
// wrong with the outer token's shape (ErrTooLarge, ErrMalformed); everything behind
// that is ErrOpen, so that no answer tells a wrong signature from a wrong
// encryption or an unknown key. (*Error).Detail tells them apart for the record.
func (n *Nested) Open(token string) ([]byte, error) {
	outer, err := Parse(token)
	if err != nil {
		return nil, err
	}
	if n.VerifyKey == nil || n.OpenKey == nil {
		return nil, unopened("no keys are configured")
	}
	if outer.ContentType != "JWE" {
		return nil, unopened("outer: cty is not JWE")
	}
	key, ok := n.VerifyKey(outer.KeyID)
	if !ok {
		return nil, unopened("outer: no key of the named id")
	}
	payload, err := outer.Verify(n.SignAlg, key)
	if err != nil {
		return nil, inside("outer: ", err)
	}
	inner, err := ParseJWE(string(payload))
	if err != nil {
		return nil, inside("inner: ", err)
	}
	if key, ok = n.OpenKey(inner.KeyID); !ok {
		return nil, unopened("inner: no key of the named id")
	}
	plaintext, err := inner.Open(n.Alg, key, n.Enc...)
	if err != nil && !errors.Is(err, ErrFIPS) {
		return nil, inside("inner: ", err)
	}
	return plaintext, err
}

// inside hides which error it was behind ErrOpen.
func inside(where string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return unopened(where + e.kind.Name() + ": " + e.detail)
	}
	return unopened(where + err.Error())
}
