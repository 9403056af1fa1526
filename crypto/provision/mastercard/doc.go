// Package mastercard writes and reads Mastercard's envelopes, and builds what a
// wallet carries to MDES: the encryptedPayload of field-level encryption, the JWE
// form, TAVs, and the payload for Google Pay and Samsung Pay.
//
//	format                          evidence
//	encryptedPayload, CBC           Mastercard's pages, libraries and published vectors
//	encryptedPayload, GCM           Mastercard's Token Connect API description; its AAD rule is not public: unverified
//	JWE                             Mastercard's pages, libraries and published vectors
//	TAV version 2                   container: Mastercard's sample; signed text: one source: unverified
//	TAV version 3                   one source: unverified
//	TAV version 4                   container: two processors; signed text inferred: unverified
//	payload, shape cardInfo         three public implementations
//	payload, shape fundingAccount   one sample; full shape inferred: unverified
//
// No issuer has told us yet that Mastercard took a payload of this package. What is
// unverified is built only when it is asked for by that name.
//
// The CBC envelope has no authentication: whoever holds the public key can make one,
// and can change one that he saw. Trust what is opened as far as the channel it came
// through.
package mastercard
