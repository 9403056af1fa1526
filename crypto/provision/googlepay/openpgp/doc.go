// Package openpgp signs and encrypts Google's own card object (googlepay.UnverifiedCard)
// as OpenPGP (RFC 4880): a signed message inside an integrity protected packet of
// version 1, binary, uncompressed. It stands in a module of its own, so that its
// dependency, github.com/ProtonMail/go-crypto, is no need of the library's.
//
// The algorithms are fixed: signatures with SHA-384, content under AES-256. Google's
// page about this object names none; these are what its page about OpenPGP in Standard
// Payments asks for. No vector is public, so what Google takes is unverified; tests
// check both directions against GnuPG where it is installed.
package openpgp
