// Package source reads keys from documents, files, folders, variables and https
// addresses, and keeps them current.
//
// # Forms
//
// A key document is a JWK set (RFC 7517), a JSON object from key id to PEM
// certificate, or PEM: a certificate, a public key, or an unencrypted private key in
// PKCS #8, PKCS #1 or SEC 1. Parse tells them apart, and opens what is sealed with age
// when it is given a function that can. ParseKeys is the strict reading for documents
// of others: public keys and secrets that check signatures, and nothing else.
//
// # Sources
//
//	keyring.NewRing      a fixed set: what Parse or Load gave, or the caller's own
//	Load, LoadEnv        a file, a folder, a variable, read once
//	Files                a file or folder that is read again when it changes
//	HTTPS                a JWK set or X.509 map at an address
//
// HTTPS and Files answer Lookup without a lock while they take new keys; what is
// broken, empty or gone never replaces good keys, which stay for MaxStale.
package source
