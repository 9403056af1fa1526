// Package seal closes small texts with age (age-encryption.org/v1), so that only
// the holder of a key file can read them: a record's event for the auditor, a
// member of a JSON object. The sealed form is one line of Base64.
//
// A Recipients comes from public keys (age1...) and can only Seal; an Identities
// comes from a key file of age-keygen (AGE-SECRET-KEY-1...) and can only Open. A
// server that writes records needs the first and must never have the second.
// Whoever has the public key can seal: what opens is not thereby proven to come
// from us, so compare it with something that is (a record chain, a digest).
//
// Keys are X25519 alone. The package takes its randomness from crypto/rand, reads
// no file and keeps no copy of what it seals or opens.
package seal
