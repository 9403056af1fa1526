// Package code holds the one table of error codes. A code is numeric, stable
// and never reused; it is what the WASM ABI returns, what records and metrics
// carry, and what every exported error of this module answers from Code().
//
// Codes are sorted by who must act: 1xx the rule author, 2xx the sender of a
// message, 3xx the operator, 4xx author or operator (bounds and data), 5xx us.
package code

import "strconv"

// Code is one row of the table. The zero Code is OK.
type Code uint16

const (
	OK Code = 0

	// 1xx: the rule author acts.
	Compile    Code = 100 // diagnostics; the pack does not compile
	PackSource Code = 101 // a source file of a pack cannot be read
	List       Code = 102 // a list file is malformed
	PackTest   Code = 103 // a test file of a pack is malformed

	// 2xx: the sender acts. The first eleven are the refusals of the verifier, in order.
	TooLarge     Code = 200
	NotSigned    Code = 201
	Malformed    Code = 202
	Algorithm    Code = 203
	KeyUnknown   Code = 204
	KeyRefused   Code = 205
	Signature    Code = 206
	Claims       Code = 207
	Stale        Code = 208
	BodyHash     Code = 209
	Replayed     Code = 210
	BadLine      Code = 211 // a batch line is not a request object
	BadRequest   Code = 212 // a raw HTTP request message cannot be read
	Busy         Code = 213 // not taken: too many in flight, or late before verification
	Repeat       Code = 214 // a genuine retry, answered with the stored bytes
	UnknownRoute Code = 215
	Decryption   Code = 216 // an encrypted message cannot be opened

	// Of grants, without which no wallet payload is built.
	NoGrant     Code = 218 // there is none, or the text is none
	GrantForged Code = 219 // it is not signed by a key that makes grants for this place
	GrantTime   Code = 220 // it is not good yet, or not any more
	GrantBound  Code = 221 // it is for another card, network, wallet, account, device or nonce
	GrantSpent  Code = 222 // it was used before

	// 3xx: the operator acts.
	Config       Code = 300
	NoKey        Code = 301 // no such key in the ring
	DuplicateKey Code = 302
	WeakKey      Code = 303
	KeyFile      Code = 304 // a key file or key document is unusable
	KeySource    Code = 305 // a key source cannot be reached or answers wrongly
	Version      Code = 306 // an artefact of an unknown major version
	Record       Code = 307 // the record cannot be written
	MemoryFull   Code = 308 // the replay memory is full
	NotLowered   Code = 309 // the pack needs a compiler that is not linked in
	PackFile     Code = 310 // the binary of a pack is damaged
	Store        Code = 311 // a store cannot be used, or what it holds is damaged
	SchemeFile   Code = 312 // a file that describes a signature scheme is unusable

	Host         Code = 316 // an outgoing request would take credentials to a host that is not named
	Answer       Code = 317 // a counterpart's answer to an outgoing request cannot be used
	ProvisionKey Code = 318 // a key for a wallet payload is missing, weak or of another kind
	Unverified   Code = 319 // a format that nobody has confirmed was not asked for by its name

	KeyKind    Code = 320 // a key is of another kind than what is asked of it
	CheckValue Code = 321 // a key check value does not match
	Device     Code = 322 // a device that holds keys fails or refuses

	Unsigned  Code = 325 // a pack or ring is not signed by enough of those whom we trust
	Rollback  Code = 326 // a signed pack or ring is older than one that was taken before
	Expired   Code = 327 // a signed pack or ring is not in date
	TrustRoot Code = 328 // the keys of those whom we trust, or what is to be signed, are unusable
	KeySpent  Code = 329 // a data key has sealed as much as it may

	Activation Code = 330 // what makes a wallet's activation data failed, or gave nothing that can be used
	PANSource  Code = 333 // the source of card numbers failed, or has another card
	GrantKey   Code = 334 // a key cannot sign grants

	WASMFile    Code = 363 // a file is no WebAssembly module, or a damaged one
	Snapshot    Code = 364 // a module cannot be written with its pack loaded, or such a module is damaged
	Toolchain   Code = 365 // the module is not at hand, and cannot be built
	ProfileFile Code = 335 // a file that describes a payload's format is unusable
	WalletFile  Code = 336 // a file that says which payloads are built with which keys is unusable
	// Of the WASM module; the host's operator acts.
	Entropy     Code = 350 // what encrypts waits for the host's randomness
	Randomness  Code = 351 // the host's random source is fixed, or repeats
	Clock       Code = 352 // the instant is before the release was made, or beyond the year 9999
	Handle      Code = 353 // no such pack or ring
	Handles     Code = 354 // too many packs and rings
	Flavour     Code = 355 // the module's flavour does not have this
	Reentrant   Code = 356 // the module was called while it was answering a call
	Module      Code = 357 // a WASM module is not the one that may run here
	ABI         Code = 358 // a WASM module or host of another major version of the ABI
	WASMRuntime Code = 359 // the platform has no compiler for WASM
	CacheDir    Code = 360 // the folder of compiled modules cannot be trusted
	Fault       Code = 361 // a WASM instance trapped or answered nonsense, and was discarded
	Closed      Code = 362 // a pool of instances is closed

	// 4xx: bounds and data.
	Decode       Code = 400 // a verified body cannot be decoded
	Event        Code = 401 // an event does not fit its schema
	Cost         Code = 410
	Overflow     Code = 411
	DivideByZero Code = 412
	NotANumber   Code = 413
	Limit        Code = 414 // a named limit was hit
	Deadline     Code = 415
	Fact         Code = 416 // a fact is unusable
	JSON         Code = 417 // text is not strict JSON
	PAN          Code = 418 // not a card number
	Sealed       Code = 419 // a sealed text is none, or was changed
	FIPS         Code = 420 // not offered while the process runs in FIPS 140-only mode

	Unwrap Code = 425 // a wrapped key cannot be opened

	Member Code = 427 // a document has no such member
	Signed Code = 428 // a signed file is none, or was damaged

	Outgoing Code = 430 // an outgoing request cannot be signed as it is

	// Of wallet payloads.
	Field       Code = 431 // a field is missing, too long or holds foreign characters
	Country     Code = 432 // a country is in the other alphabet, or unknown
	Expiry      Code = 433 // an expiry date is malformed
	CardExpired Code = 434 // the card has expired
	Network     Code = 435 // no payload is built for that network
	Validity    Code = 436 // a payload would be valid for too long, or in the past
	NotGranted  Code = 437 // a decision that permits no wallet payload
	StepUpProof Code = 438 // a message does not prove that the step-up was passed
	GrantFacts  Code = 439 // what was decided on is not what a payload is asked for

	// Of requests of Apple Pay.
	Certificate Code = 440 // a certificate is of another kind, out of date, or leads to no pinned root
	Nonce       Code = 441 // a nonce or its signature is missing, malformed or too long
	NonceSpent  Code = 442 // a nonce was used before
	Scheme      Code = 443 // an encryption scheme that is not offered
	AuthCode    Code = 444 // an authentication code outside its alphabet

	VectorFile Code = 447 // a file of known answers is none
	CardFile   Code = 448 // a file of cards is none

	Decoder Code = 450 // an event decoder cannot be made of its options
	Binding Code = 451 // a Go struct cannot be bound to a schema

	// Of the WASM module's inputs.
	Input           Code = 455 // the JSON of an input is not what the export takes
	Tray            Code = 456 // an input is longer than the room that was asked for
	Batch           Code = 457 // a batch has too many lines, or too long a reply
	AlgorithmAbsent Code = 458 // the build does not have the algorithm of a scheme or key

	// 5xx: we act.
	Internal Code = 500
)

var names = map[Code]string{
	OK: "ok",

	Compile: "compile", PackSource: "pack_source", List: "list", PackTest: "pack_test",

	TooLarge: "too_large", NotSigned: "not_signed", Malformed: "malformed", Algorithm: "algorithm",
	KeyUnknown: "key_unknown", KeyRefused: "key_refused", Signature: "signature", Claims: "claims",
	Stale: "stale", BodyHash: "body_hash", Replayed: "replayed", BadLine: "bad_line",
	BadRequest: "bad_request", Busy: "busy", Repeat: "repeat", UnknownRoute: "unknown_route",
	Decryption: "decryption",

	Config: "config", NoKey: "no_key", DuplicateKey: "duplicate_key", WeakKey: "weak_key",
	KeyFile: "key_file", KeySource: "key_source", Version: "version", Record: "record",
	MemoryFull: "memory_full", NotLowered: "not_lowered", PackFile: "pack_file",
	SchemeFile: "scheme_file",
	Store:      "store",
	Host:       "host", Answer: "answer", ProvisionKey: "provision_key", Unverified: "unverified",

	KeyKind: "key_kind", CheckValue: "check_value", Device: "device",

	Module: "module", ABI: "abi", WASMRuntime: "wasm_runtime", CacheDir: "cache_dir", Fault: "fault", Closed: "closed",

	Decode: "decode", Event: "event", Cost: "cost", Overflow: "overflow",
	DivideByZero: "divide_by_zero", NotANumber: "not_a_number", Limit: "limit",
	Decoder: "decoder", Binding: "binding",
	Deadline: "deadline", Fact: "fact", JSON: "json", PAN: "pan", Sealed: "sealed",
	Unwrap: "unwrap",

	Unsigned: "unsigned", Rollback: "rollback", Expired: "expired", TrustRoot: "trust_root", KeySpent: "key_spent",
	WASMFile: "wasm_file", Snapshot: "snapshot", Toolchain: "toolchain",
	Member: "member", Signed: "signed",
	FIPS:     "fips",
	Outgoing: "outgoing", Field: "field", Country: "country", Expiry: "expiry", CardExpired: "card_expired",
	Network: "network", Validity: "validity",
	NoGrant: "no_grant", GrantForged: "grant_forged", GrantTime: "grant_time", GrantBound: "grant_bound", GrantSpent: "grant_spent",
	PANSource: "pan_source", GrantKey: "grant_key", NotGranted: "not_granted", StepUpProof: "step_up_proof", GrantFacts: "grant_facts",

	Activation: "activation", Certificate: "certificate", Nonce: "nonce", NonceSpent: "nonce_spent",
	Scheme: "scheme", AuthCode: "auth_code",
	Entropy: "entropy", Randomness: "randomness", Clock: "clock", Handle: "handle", Handles: "handles",
	Flavour: "flavour", Reentrant: "reentrant",
	Input: "input", Tray: "tray", Batch: "batch", AlgorithmAbsent: "algorithm_absent",

	ProfileFile: "profile_file", WalletFile: "wallet_file", VectorFile: "vector_file", CardFile: "card_file",

	Internal: "internal",
}

// String returns the stable name of c, or "code_N" for a number that is not in the table.
func (c Code) String() string {
	if s, ok := names[c]; ok {
		return s
	}
	return "code_" + strconv.Itoa(int(c))
}

// All returns every code of the table with its name; the caller owns the map.
func All() map[Code]string {
	m := make(map[Code]string, len(names))
	for c, n := range names {
		m[c] = n
	}
	return m
}

// Coded is what every exported error of this module implements.
type Coded interface {
	error
	Code() uint32
}

// Of returns the code of the first error in err's tree that has one, OK for a
// nil error and Internal for an error without any.
func Of(err error) Code {
	if err == nil {
		return OK
	}
	if c, ok := find(err); ok {
		return c
	}
	return Internal
}

func find(err error) (Code, bool) {
	if c, ok := err.(Coded); ok {
		return Code(c.Code()), true
	}
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		if inner := u.Unwrap(); inner != nil {
			return find(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range u.Unwrap() {
			if c, ok := find(inner); ok {
				return c, true
			}
		}
	}
	return OK, false
}

// Sentinel is an error value that is compared by identity and carries a code.
type Sentinel struct {
	code Code
	text string
}

// New returns a sentinel; text starts with the package, a colon and a blank.
func New(c Code, text string) *Sentinel { return &Sentinel{c, text} }

func (s *Sentinel) Error() string { return s.text }

// Code returns the numeric code of the error; it never changes.
func (s *Sentinel) Code() uint32 { return uint32(s.code) }

// Name returns the stable name of the code.
func (s *Sentinel) Name() string { return s.code.String() }
