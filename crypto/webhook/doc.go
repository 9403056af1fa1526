// Package webhook turns the signed bytes of a counterpart into a Message, which
// can be made in no other way than by Verifier.Open. Whoever holds a *Message
// holds a body that was signed by a known key, is fresh, and is meant for us; that
// it was not seen before is for the caller's memory to say (Message.ReplayKey).
//
// A Scheme is the description of how a counterpart signs, as data. Presets has those
// of Pismo, Standard Webhooks, Lithic, Stripe, Marqeta, Adyen, Checkout.com, Highnote,
// Wise, Pomelo, Cybersource, dLocal, GitHub, Galileo, Thredd, Trust Payments, RFC 9421
// and Visa's x-pay-token; New makes a Verifier of one, NewSigner the sending side, and
// NewPismo the verifier of Pismo, which knows accounts. SCHEMES.md beside this file
// says what each of them leaves unproven: Galileo and Thredd do not sign the body at
// all, Adyen's standard notifications and Trust Payments some of its values.
//
// The package takes headers as a map and the clock as an argument: it imports
// neither net/http nor crypto/x509, reads no clock, logs nothing.
package webhook
