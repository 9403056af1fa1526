// Package jose reads and writes compact JWS (RFC 7515), strictly and only as far
// as the counterparts need: one signature, one algorithm fixed by the caller, no
// generic JOSE object.
//
// What it never does: read a key from a header (jwk, jku, x5u, x5c are not looked
// at), accept an extension (crit and b64 are refused), accept "none", decompress,
// skip line breaks inside base64url, accept two spellings of one token.
package jose
