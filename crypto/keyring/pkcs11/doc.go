// Package pkcs11 gives keys that stay in a PKCS #11 token (an HSM) to package
// keyring: key pairs as a keyring.Private, symmetric keys as a keyring.Device. What
// uses a key then does not know where it is.
//
// The package needs cgo and the token's module, a shared library of its maker. It is a
// module of its own, so that nobody else needs either; it is tried against SoftHSM 2.
//
// What a token can do differs. SoftHSM 2.6 opens RSA-OAEP with SHA-1 alone (a caller
// that asks for SHA-256 is refused by the token); Ed25519 and key agreement are not
// reached through crypto11, on which this package stands. A call to a device takes far
// longer than one in memory and may fail: its errors wrap ErrDevice.
package pkcs11
