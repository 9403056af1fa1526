// Package samsungpay builds the provisioning payload that an issuer's app hands to
// Samsung Pay with addCard.
//
//	network      payload                          evidence
//	Visa         the compact JWE of Google Pay    Visa's sample has the same header and size; one processor's too
//	Mastercard   JSON of package mastercard       two implementations; whether the server or the app adds Base64 is unclear: both are offered
//
// Other networks do not publish theirs: Options.Others takes a builder of whoever
// holds the specification.
package samsungpay
