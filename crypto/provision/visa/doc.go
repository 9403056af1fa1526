// Package visa writes and reads Visa's field-level encryption, opens what Visa sends
// to issuers, and builds the payload that a wallet carries to the Visa Token Service.
//
//	format                                evidence
//	shared secret (A256GCMKW, A256GCM)    Visa's published samples give the header; six implementations; KEK = SHA-256 of the secret's text: four
//	payload for Google Pay, Samsung Pay   the same; field names and limits from four implementations and Visa's API description
//	RSA (RSA-OAEP-256, A256GCM)           Visa's pages and samples
//	MBPAC, MBPAD (Triple DES)             outer form and clear text: two implementations; layout of the blocks: one: unverified
//	inbound JWS over JWE                  Visa's Click to Pay page gives the outer header; two implementations
//
// No issuer has told us yet that Visa took a payload of this package.
//
// Message Level Encryption, which covers whole bodies, is in package outbound, beside
// the signatures of outgoing calls.
package visa
