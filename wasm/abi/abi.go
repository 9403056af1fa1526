package abi

// Version of the interface: Major<<16 | Minor, which issuant_abi returns. A host
// refuses another major version; a minor version adds exports, members and codes.
const (
	Major   = 1
	Minor   = 2
	Version = Major<<16 | Minor
)

// Release is the version of the engine that the module holds; the interface has its own.
const Release = "0.1.0-devel"

// BuiltMs is when this release was made, in Unix milliseconds: no message, event or
// key is judged at an instant before it. It stands in the source, and is raised with
// each release, so that equal sources give equal modules.
const BuiltMs = 1795392000000 // 2026-11-23T00:00:00Z

// MaxNowMs is the last instant that is taken, in Unix milliseconds: the end of the
// year 9999.
const MaxNowMs = 253402300799999

// Names of the exports. All but Abi and In return a result: see Split.
const (
	ExportABI         = "issuant_abi"          // () -> i32: Version
	ExportInfo        = "issuant_info"         // () -> i64
	ExportSelftest    = "issuant_selftest"     // () -> i64
	ExportIn          = "issuant_in"           // (len i32) -> i32: address, 0 when len is too large
	ExportLoad        = "issuant_load"         // (len i32) -> i64
	ExportRing        = "issuant_ring"         // (len i32) -> i64
	ExportDecide      = "issuant_decide"       // (pack i32, len i32) -> i64
	ExportExplain     = "issuant_explain"      // (pack i32, len i32) -> i64
	ExportDecideBatch = "issuant_decide_batch" // (pack i32, len i32) -> i64
	ExportOpen        = "issuant_open"         // (ring i32, len i32) -> i64
	ExportAnswer      = "issuant_answer"       // (pack i32, ring i32, len i32) -> i64
	ExportEntropy     = "issuant_entropy"      // (len i32) -> i64
	ExportProvision   = "issuant_provision"    // (ring i32, len i32) -> i64
	ExportSeal        = "issuant_seal"         // (ring i32, len i32) -> i64
	ExportCompile     = "issuant_compile"      // (len i32) -> i64
	ExportDrop        = "issuant_drop"         // (handle i32) -> i64

	ExportInitialize = "_initialize" // called once, before all others
	ExportMemory     = "memory"
)

// Import modules.
const (
	ImportWASI = "wasi_snapshot_preview1"
	// ImportHost is imported by accelerated builds alone: see the constants Host*.
	ImportHost = "issuant_host"
)

// Names of the functions that an accelerated build imports from ImportHost. Addresses
// and lengths are of the module's memory; nothing is kept after the call, and the
// host calls nothing in the module meanwhile. An answer that is none of those named
// is taken for HostRefused.
const (
	// (alg i32, e i32, n i32, n_len i32, msg i32, msg_len i32, sig i32, sig_len i32) -> i32:
	// whether sig is a signature of the message under the RSA key of the modulus n, in
	// little-endian bytes, and the exponent e. alg is one of the constants RSA*; the salt
	// of PSS is as long as the hash. The module has checked the key's strength and that
	// sig is as long as the modulus; the host checks both again.
	HostRSAVerify = "rsa_verify"
	// (msg i32, msg_len i32, out i32) -> i32: writes the 32 bytes of the message's SHA-256.
	HostSHA256 = "sha256"
	// (msg i32, msg_len i32, out i32) -> i32: writes 140 bytes: the message's SHA-256, the
	// same in hexadecimal digits in lower case, and in padded standard Base64. Since 1.1.
	HostSHA256Text = "sha256_text"
	// (text i32, text_len i32, out i32) -> i32: decodes two texts of base64url with a dot
	// between them, a token's payload and signature, strictly: no padding, no line break,
	// no other character, bits behind the last byte zero. Writes the length of the first
	// text in 4 little-endian bytes, then the bytes of both. Since 1.1.
	HostJWSDecode = "jws_decode"
	// (alg i32, e i32, n i32, n_len i32, token i32, token_len i32, out i32) -> i32: verifies
	// a compact token as HostRSAVerify does its signature, and decodes its payload as
	// HostJWSDecode does. What its header says is for the module to see to. Writes the
	// length of the payload's text in 4 little-endian bytes, then the payload's bytes; what
	// stands there after another answer than HostDone is no payload. Since 1.2.
	HostJWSVerify = "jws_verify"
	// (hash i32, key i32, key_len i32, msg i32, msg_len i32, out i32) -> i32: writes the
	// HMAC of full length; hash is one of the constants Hash*.
	HostHMAC = "hmac"
)

// Answers of the host's functions.
const (
	HostRefused     = 0 // the signature does not hold; of the others: not done
	HostDone        = 1 // the signature holds; of the others: out is written
	HostUnsupported = 2 // the host does not do this one: the module does it itself
)

// Algorithms of HostRSAVerify.
const (
	RSAPKCS1SHA256 = 1 // RS256
	RSAPKCS1SHA384 = 2
	RSAPKCS1SHA512 = 3
	RSAPSSSHA256   = 4 // PS256
	RSAPSSSHA384   = 5
	RSAPSSSHA512   = 6
)

// Hashes of HostHMAC.
const (
	HashSHA256 = 1
	HashSHA384 = 2
	HashSHA512 = 3
)

// Bounds, all inclusive.
const (
	MaxTray       = 16 << 20 // bytes of an input
	MaxReply      = 32 << 20 // bytes of a reply without its code
	MaxEvent      = 1 << 20  // bytes of the input of decide and explain, and of a batch's line
	MaxHandles    = 64       // packs and rings together
	MaxRing       = 1 << 20  // bytes of a ring document
	MaxKeys       = 256      // of a ring
	MaxSchemes    = 64       // of a ring
	MaxBatchLines = 16384    // of one batch
	MaxBody       = 4 << 20  // bytes of a message's body, decoded; a scheme's own bound is lower by default
	MaxHeaders    = 256      // values of a request's headers
	MinEntropy    = 32       // bytes of issuant_entropy
	MaxEntropy    = 4096     // bytes of issuant_entropy
	CodeBytes     = 4        // of the code before a reply's JSON, little-endian
)

// Flavours, in the order in which each holds the one before it.
const (
	FlavourVerify = "verify" // open
	FlavourDecide = "decide" // and load, decide, explain, decide_batch, answer
	FlavourFull   = "full"   // and entropy, provision, seal, compile; packs of every kind
)

// ManifestSection is the name of the custom section that holds the module's manifest,
// a JSON object; SnapshotSection of the one that a snapshot adds.
const (
	ManifestSection = "issuant.manifest"
	SnapshotSection = "issuant.snapshot"
)

// Result packs the address and length of a reply as the exports return it.
func Result(address, length uint32) uint64 { return uint64(address)<<32 | uint64(length) }

// Split is the reverse of Result. A reply lies in the module's memory and holds until
// the next call: CodeBytes of code, then JSON.
func Split(result uint64) (address, length uint32) { return uint32(result >> 32), uint32(result) }
