// Package keyring holds keys by id, use and validity, and says what each may do.
// Ring is a fixed set, Live one that is exchanged as a whole while others read it.
// Reading documents and fetching them is the task of the package source, so that
// this one stays free of net/http and crypto/x509.
//
// # Kinds of keys
//
// A Key holds one of: a public key (RSA, ECDSA, Ed25519, ECDH), a key pair of our own
// (Private), a symmetric secret (Secret), or a symmetric key in a device that it never
// leaves (Device). No printing path shows any of them.
//
// # Hardware
//
// Whoever signs, decrypts or computes MACs asks a Key for the port that it needs, and
// need not know whether the key is in memory or in a device. Ports are the standard
// library's where it has one: crypto.Signer, crypto.Decrypter, ecdh.KeyExchanger and
// cipher.AEAD; MACer, KeyWrapper and TDES are ours. The package pkcs11, a module of
// its own, has them for PKCS #11 tokens.
package keyring
