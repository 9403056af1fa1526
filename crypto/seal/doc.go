// Package seal closes secrets with age (age-encryption.org/v1), so that only the
// holder of a key file or of a passphrase can read them: files and streams, single
// members of a JSON object, and the many small events of an audit log.
//
// Three forms, by what is sealed:
//
//   - SealStream and OpenStream: a file of any length, binary or armoured, as the age
//     command writes and reads it.
//   - Seal and Open: a small text, as one line of Base64; SealMembers and OpenMembers:
//     values within a JSON document, each bound to its place.
//   - DataKey and DataKeyOpener: many small records. One random key is sealed with age,
//     and each record with XChaCha20-Poly1305 under that key, bound to the record that
//     it belongs to.
//
// A Recipients comes from public keys (age1..., age1pq1...) or from a passphrase and
// can only seal; an Identities comes from a key file (AGE-SECRET-KEY-1...,
// AGE-SECRET-KEY-PQ-1...) or from a passphrase and can only open. A server that writes
// records needs the first and must never have the second. Whoever has the public key
// can seal: what opens is not thereby proven to come from us. Packs and key rings are
// therefore signed first (package crypto/trust), and records stand in a hash chain.
//
// Keys are X25519 or the hybrid of ML-KEM-768 and X25519, which withstands quantum
// computers; the two kinds are not mixed among the recipients of one file. Plugins,
// SSH keys and other kinds are refused: a plugin is a program that a key names.
//
// The package takes its randomness from crypto/rand, reads no clock and no file and
// keeps no copy of what it seals or opens. Identities, DataKey and DataKeyOpener have
// Drop, after which nothing reaches the key any more, and a dump of the heap does not
// show it. What Go cannot promise: the collector frees memory without overwriting it,
// stacks are copied as they grow, and a page that was swapped out or a core dump of
// the time before Drop holds the key. A build with GOEXPERIMENT=runtimesecret (Linux on
// amd64 and arm64) also overwrites the memory in which keys are parsed and unwrapped.
package seal
