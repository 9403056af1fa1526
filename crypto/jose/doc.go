// Package jose reads and writes compact JWS (RFC 7515) and compact JWE (RFC 7516),
// strictly and only as far as the counterparts need: one signature or one
// recipient, algorithms fixed by the caller, no generic JOSE object.
//
//	RS256 RS384 RS512 PS256 PS384 PS512   *rsa.PublicKey of 2048 to 8192 bits; salt as long as the hash
//	ES256 ES384 ES512                     *ecdsa.PublicKey on P-256, P-384, P-521
//	EdDSA                                 ed25519.PublicKey
//	HS256 HS384 HS512                     secret.Bytes of at least 32, 48, 64 bytes (RFC 7518 section 3.2), or a MACer
//
//	RSA-OAEP-256                          *rsa.PublicKey to seal, a crypto.Decrypter to open
//	A256GCMKW                             secret.Bytes of 32 bytes, or a device's cipher.AEAD
//	ECDH-ES                               *ecdh.PublicKey or *ecdsa.PublicKey, an ecdh.KeyExchanger or *ecdsa.PrivateKey
//	dir                                   secret.Bytes as long as enc demands
//	with A128GCM A192GCM A256GCM, and A128CBC-HS256 with its tag checked first
//
// [VerifyBytes] and [SignBytes] are the same signature algorithms without a token,
// for schemes that put a bare signature beside a body.
//
// [Parse] and [ParseJWE] check the shape of a token and prove nothing;
// [JWS.Verify] and [JWE.Open] take the algorithm from the caller, and the header
// merely has to agree. [Sign] and [Seal] write tokens with the header's members in
// the order that the counterpart wants. [Nested] opens a JWE inside a JWS, as Visa
// sends it.
//
// What it never does: read a key from a header (jwk, jku, x5u, x5c are not looked
// at), accept an extension (crit and b64 are refused), accept "none", decompress
// (zip is refused), derive keys from passwords, skip line breaks inside base64url,
// accept two spellings of one token.
//
// Sources of the formats: RFC 7515, 7516, 7518, 8037; what the counterparts' tokens
// look like is said where they are made. With GODEBUG=fips140=only signatures work,
// and JWE is refused with [ErrFIPS]: its nonces come from the message, which that
// mode forbids. Nothing here reads a clock; Sign and Seal draw from crypto/rand.
//
// A build with the tag issuant_lean holds RS, PS and HS signatures and verifies alone:
// the other algorithms are [ErrAbsent] there, and Sign, Seal and JWE do not exist.
package jose
