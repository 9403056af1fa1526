// Package provision builds wallet payloads for a Grant, and for nothing else.
//
// An engine decides on an event of kind provision; engine.Granter makes a Grant of a
// decision that is green, or whose step-up was proven; Build spends the grant, asks a
// PANSource for the card, and lets a Target build: applepay.Target, googlepay.Target,
// samsungpay.Target, or one of whoever has another wallet. What builds without a Grant
// has Unsafe in its name.
//
// # Two processes
//
// Decisions stand beside webhooks that anybody can send; payloads need keys and card
// numbers. The two can run apart: SignGrant writes a grant as a signed text for one
// audience, OpenGrant reads it where the payload is built. That process needs the public
// key, and no rules, webhooks or events.
//
// # What a grant is bound to
//
// Card reference, network, wallet, the wallet's account id and the device id (Google
// Pay, Samsung Pay) or the nonce (Apple Pay), and the decision's id. It is good for up
// to five minutes after the decision, and for one payload: one decision, one grant, one
// payload. Where a payload is lost on its way, the issuer decides anew.
//
// The package is pure: the instant is an argument, and what is remembered or looked up
// lies behind Ports.
package provision
