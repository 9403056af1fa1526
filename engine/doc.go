// Package engine joins the verdicts of a rules.Pack, the guards of a counterpart
// and the wallet's recommendation to one decision, and carries a signed webhook
// through to its answer and record.
//
// The package is pure: it reads no clock, opens no file or connection and starts no
// goroutine; the instant now is an argument everywhere, and what must be written
// goes to a writer that the caller gives. The same pack, lists, event and now give
// the same bytes out, in every runtime.
//
// There are two doors. Engine.Decide takes an Event whose facts the caller has
// gathered, and Engine.Explain tells why. A Gate takes the bytes of a signed
// webhook, and is for those who answer a network or a processor; package gatehttp
// puts it behind net/http, packages under wire hold the counterparts' words.
// Window counts velocity before a decision.
//
// A decision on an event of kind provision can become a Grant, which is what package
// provision builds a wallet payload for: Granter makes it.
//
// # Words
//
//   - PAN: the card number. No Event holds one; a card is known by a keyed reference.
//   - BIN: the first six to eight digits of a PAN, which name issuer and product.
//   - Token: a number that stands for a card in one wallet, device or merchant.
//   - Provisioning: making a token; the issuer says green (approve), yellow (step up),
//     orange (step up through tenured channels only) or red (decline).
//   - Step-up: asking the cardholder to prove who they are, by a text message, in the
//     issuer's app or on the telephone.
//   - Tenured: of a channel that has been on file for a while (30 days by default), so
//     that a thief has not just set it.
//   - SCA: strong customer authentication, two factors; a text message alone is one.
//   - Guard: a finding that no rule can loosen, such as a lost card.
//   - Floor: the colour that the wallet asks for at least.
//   - Action code: the answer in the common stock of ISO 8583: 00 approved, 05 not
//     approved, 14 invalid PAN, 54 invalid expiry, 85 needs a challenge, 96 system
//     error, N7 invalid CVV2.
package engine
