// Package googlepay builds what an issuer hands to Google Pay in push provisioning.
//
// Two objects are called an OPC. The network's (opaquePaymentCard) is read by Visa's
// or Mastercard's token service, and asks for a device token: Pay.UnsafeBuild. Google's own
// (googleOpaquePaymentCard) is read by Google, which then keeps the card number in the
// customer's Google account: UnverifiedCard. A flow needs the first, Unified Push
// Provisioning may ask for both.
//
//	object                     evidence
//	network's, Visa            see package visa
//	network's, Mastercard      see package mastercard; Base64 around it: three implementations
//	Google's own, JSON         Google's public page
//	Google's own, OpenPGP      Google's public page names OpenPGP and Base64; its algorithms are those of a sister page: unverified
//
// American Express and Discover do not publish theirs: Options.Others takes a builder
// of whoever holds the specification.
package googlepay
