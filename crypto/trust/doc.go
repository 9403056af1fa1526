// Package trust signs packs and key rings, and opens them only when enough of those
// whom we trust have signed them, for this use, within their dates, and not older than
// what was taken before.
//
// Sealing (package crypto/seal) hides a file, but everybody who knows the public key
// can make a sealed one; it does not prove where a file comes from. So what has to be
// genuine is signed first, and then, where wanted, sealed.
//
// # The file
//
// A signed file is one file: a line of JSON, then the content as it is.
//
//	{"payloadType":"application/vnd.issuant.pack.v1+json","payload":"BASE64","signatures":[{"keyid":"HEX","sig":"BASE64"}]}\n
//	...content...
//
// The line is an envelope of DSSE v1.0.2 (Dead Simple Signing Envelope). What is signed,
// with Ed25519, is DSSE's pre-authentication encoding of payloadType and payload. The
// payload is the statement, a canonical JSON object with the members format, name,
// revision, not_before, expires, size, sha256, pack_id, lists_digest; size and sha256 are
// those of the content. The kind stands in payloadType, so that a ring is never taken
// for a pack. The envelope has one form alone, members and blanks included; signatures
// are sorted by keyid, which is the beginning of the SHA-256 of the public key, in
// hexadecimal digits.
//
// # What the caller keeps
//
// A signature cannot tell that a newer file exists. Whoever takes files keeps the Mark
// of the last one, durably, and hands it in as Want.After: an older revision, another
// content under the same revision, and another name are refused then. To go back to an
// older content, sign it anew with a higher revision.
//
// The package is pure: the instant is an argument, and it reads no file and no clock.
package trust
