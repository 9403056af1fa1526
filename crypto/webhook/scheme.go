package webhook

import (
	"time"
)

// Scheme says how one counterpart signs its messages: where the signature stands,
// how it is written, over which bytes it is made, and when a message is too old.
// It is data: Presets lists those that are built in, package schemefile reads one of
// your own from YAML, with the same names. New makes a Verifier of it, NewSigner the
// other side. A Scheme is copied by both and not kept.
//
// A source is a text that says where in a request a value stands:
//
//	header:NAME       the one value of a header; names match without ASCII case
//	json:/a/0/b       a string, number, boolean or null of a JSON body, by JSON
//	                  Pointer; null and what is absent are the empty text
//	form:NAME         a field of a body in application/x-www-form-urlencoded
//	signature:NAME    a part of the signature's own text: a placeholder of its
//	                  template, or a name of its pairs
type Scheme struct {
	Name      string    // words of a-z and 0-9 joined by hyphens; what a key's Scheme is compared with
	Title     string    // the counterpart and what it sends, for lists
	Evidence  string    // where the construction was read, and how sure it is
	Algorithm Algorithm // fixed: a message can at most agree with it
	Signature Signature
	Key       Key
	Signed    []string // parts of the signed bytes, in order, joined by nothing: see the table at Parts
	Covered   []string // HTTPSignature and RFC9421: components that a signature must cover; "a|b" is either
	Single    string   // JSON Pointer of an array that must have exactly one item, since the signature covers no other
	Timestamp Timestamp
	ID        string  // source of the message's id, for ReplayKey; "" when it has none
	Claims    *Claims // Compact only: what the payload must say
}

// Parts of Signed, each a text:
//
//	body              the body as received; at most once
//	timestamp, id     the texts that the scheme's Timestamp and ID name, as received
//	key_id            the text that Key.ID names, as received
//	method            the request's method as received
//	target            path and query as received
//	path, query       what stands before and after the first "?" of the target
//	resource:N        the path without its leading slash and its first N segments
//	literal:TEXT      the text itself
//	form_values:A,B   the values of all form fields but A and B, in the byte order of the names
//	SOURCE            the value of a source: header:, json: or form:
//	path:SOURCE       the same; the value must be an absolute URL path, which no JSON
//	                  body can be the end of: for schemes that join without separators
//
// A value that is followed by a literal must not hold that literal, so that no
// sender can move the border between two parts.

// Algorithm names how a signature is made. Those of RFC 9421 have their names there,
// those of a Compact token theirs of RFC 7518.
type Algorithm string

// The algorithms of a Scheme.
const (
	HMACSHA1        Algorithm = "hmac-sha1" // for counterparts that have nothing better
	HMACSHA256      Algorithm = "hmac-sha256"
	HMACSHA384      Algorithm = "hmac-sha384"
	HMACSHA512      Algorithm = "hmac-sha512"
	RSAPKCS1SHA256  Algorithm = "rsa-v1_5-sha256"
	RSAPSSSHA256    Algorithm = "rsa-pss-sha256" // salt of 32 bytes
	RSAPSSSHA512    Algorithm = "rsa-pss-sha512" // salt of 64 bytes
	ECDSAP256SHA256 Algorithm = "ecdsa-p256-sha256"
	ECDSAP384SHA384 Algorithm = "ecdsa-p384-sha384"
	Ed25519         Algorithm = "ed25519"
	SHA256Suffix    Algorithm = "sha256-suffix" // SHA-256 of the signed bytes and then the secret: no HMAC
	Bearer          Algorithm = "bearer"        // the signature is the secret itself: it covers nothing
	ByKey           Algorithm = "by-key"        // RFC9421 alone: the one that the key's kind, and its Alg, allow
)

// Form is how the text of a signature is built up.
type Form string

// The forms of a Signature. The zero Form is Value.
const (
	Value         Form = "value"          // one signature, in the Template
	List          Form = "list"           // signatures with Separator between them; behind a comma one blank is allowed
	Pairs         Form = "pairs"          // name=value with Separator between; Label is the name of signatures
	Versions      Form = "versions"       // version,signature with Separator between; Label is the version
	Compact       Form = "compact"        // a compact JWS
	HTTPSignature Form = "http-signature" // the Signature header of draft-cavage-http-signatures
	RFC9421       Form = "rfc9421"        // the headers Signature-Input and Signature of RFC 9421
)

// Encoding is how the bytes of a signature are written.
type Encoding string

// The encodings. The zero Encoding is Hex.
const (
	Hex       Encoding = "hex" // in either case
	Base64    Encoding = "base64"
	Base64URL Encoding = "base64url" // without padding
	Raw       Encoding = "raw"       // of a Bearer
)

// Signature says where a signature stands and how it is written.
type Signature struct {
	From      string // source; RFC9421 and HTTPSignature have fixed headers and leave it empty
	Form      Form
	Template  string   // Value: text with {signature} and placeholders for other parts, "sha256={signature}"; default: the signature alone
	Separator string   // List, Pairs, Versions: between the entries, default ","
	Label     string   // Pairs, Versions: which entries are signatures; RFC9421: the only label that is read, default any
	Encoding  Encoding // default Hex
}

// Key says what is signed with.
type Key struct {
	// Text is how the counterpart hands out its secret, "" when its bytes are the
	// key: "hex", "base64", or "whsec" (Standard Webhooks: whsec_ and Base64). A
	// secret in the ring that is such a text as a whole is decoded; any other is
	// taken for the decoded bytes.
	Text string
	ID   string // source of the key's id; "" when messages name none and every key of the scheme is tried
}

// Timestamp says when a message was signed. The zero Timestamp is none: messages
// never grow old, and only a memory of replay keys stops copies of them.
type Timestamp struct {
	From   string        // source; RFC9421 takes its own parameter created, HTTPSignature and Compact name their own
	Unit   string        // "s" (default) or "ms": Unix time in decimal; "http-date": RFC 9110; "rfc3339"
	Skew   time.Duration // default of Options.Skew; zero: DefaultSkew
	MaxAge time.Duration // default of Options.MaxAge; zero: DefaultMaxAge
}

// Claims says what the payload of a Compact token must hold, besides iat and exp,
// which are integers and required.
type Claims struct {
	Issuer   string // exact value of iss; "" takes any
	BodyHash string // name of the claim with the standard Base64 of the body's SHA-256; "" when the body is not covered
}

// Coverage is how much of the body a signature vouches for. The zero Coverage is none.
type Coverage string

// The coverages.
const (
	CoversNothing Coverage = ""       // the body rests on the transport alone
	CoversFields  Coverage = "fields" // some values of the body, not its bytes
	CoversBody    Coverage = "body"   // every byte of the body
)

// String returns "none", "fields" or "body".
func (c Coverage) String() string {
	if c == CoversNothing {
		return "none"
	}
	return string(c)
}

// Coverage returns what a signature of this scheme vouches for of the body.
func (s *Scheme) Coverage() Coverage {
	switch s.Signature.Form {
	case Compact:
		if s.Claims != nil && s.Claims.BodyHash != "" {
			return CoversBody
		}
		return CoversNothing
	case HTTPSignature, RFC9421:
		for _, c := range s.Covered {
			if c == "digest" || c == "content-digest" {
				return CoversBody
			}
		}
		return CoversNothing
	}
	if s.Algorithm == Bearer {
		return CoversNothing
	}
	covers := CoversNothing
	for _, text := range s.Signed {
		switch kind, _ := cutPart(text); kind {
		case "body":
			return CoversBody
		case "json", "form", "form_values":
			covers = CoversFields
		}
	}
	return covers
}
