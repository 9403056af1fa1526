package profile

import (
	"maps"
	"slices"
	"time"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/digest"
)

// Profile describes a format. What is zero takes the default; Check tells whether it
// holds together. Pieces are texts:
//
//	literal:TEXT  hex:2020
//	pan  pan.first:6  pan.last:4  cvv2  name  expiry:MMYY  (MM, YY, YYYY and marks)
//	address.line1 .line2 .line3 .city .state .postal_code .country
//	wallet.requestor  wallet.account  wallet.device  wallet.app
//	nonce  nonce_signature  (lower-case hex)  nonce_bytes  nonce_signature_bytes
//	auth_code  token_ref  session
//	now:FORMAT  until:FORMAT  (unix, unix_ms, rfc3339, or YYYY YY MM DD hh mm ss and marks; UTC)
//	random:NAME  label:KEY  step:NAME  tag:NAME
//	length:STEP:FORM  (decimal, decimal:2 for two digits or more, u8, u16, u32)
//
// and all but a literal may end in " | hex", "| HEX", "| base64" or "| base64url". An
// input that is empty is an error, but in a JSON member that is optional.
type Profile struct {
	Name     string // 1 to 64 of a-z 0-9 - .
	Title    string
	Evidence string            // where the layout comes from
	Validity time.Duration     // of "until" pieces; default 30 min, at most 30 days
	Limits   map[string]Limit  // of inputs, by their piece
	Keys     map[string]Key    // by role
	Random   map[string]Random // by name; each is drawn once for a payload
	Steps    []Step            // in order: a step reads earlier ones alone
	Result   string            // name of the step that is the payload; default the last

	// Confirmed is what Conform passed with; the zero value: nothing.
	Confirmed Confirmation
}

// Limit bounds an input in characters, inclusive.
type Limit struct{ Least, Most int }

// Kinds of keys.
const (
	KindTDES       = "tdes"        // two or three keys of Triple DES
	KindAES        = "aes"         // 16, 24 or 32 bytes
	KindAESOfText  = "aes-sha256"  // a shared text, whose SHA-256 is an AES key
	KindHMAC       = "hmac"        // a shared secret
	KindRSASign    = "rsa-sign"    // our key pair
	KindRSAEncrypt = "rsa-encrypt" // their public key
)

// Key is the part that a key plays.
type Key struct {
	Kind  string
	ID    string // in the key ring; default the role
	Label string // what the piece label:ROLE writes, as an alias or fingerprint; default ID
}

// Random is a value that is drawn for each payload.
type Random struct {
	Bytes       int
	Least, Most byte   // of each byte, inclusive; default 0 to 255
	Of          string // the characters that are drawn from, in the place of Least and Most
}

// Step makes one value: it does exactly one thing, pads the outcome, then encodes it.
type Step struct {
	Name      string
	Join      []string // pieces
	Separator string   // between the pieces of Join
	JSON      []Member // an object
	Encrypt   *Encrypt
	Wrap      *Wrap
	Sign      *Sign
	Hash      *Hash
	PGP       string // step that is signed and encrypted in OpenPGP
	Pad       *Pad
	Encoding  Encoding
}

// Member is a member of a JSON object: a text (Value), JSON as it is ("json:" and a
// piece), or an object (Members).
type Member struct {
	Name     string
	Optional bool // left out when its value, or whatever is in its object, is empty
	Value    string
	Members  []Member
}

// Encrypt encrypts a step. The plaintext of the CBC ciphers has whole blocks: Pad the
// step before.
type Encrypt struct {
	Of       string // step
	Cipher   string // tdes-cbc, aes-cbc, aes-gcm
	Key      string // role of a key, or random:NAME
	IV       string // a piece, or zero: for the CBC ciphers alone, or where the key is random
	AAD      string // a piece; aes-gcm alone
	TagApart bool   // aes-gcm: the tag is the piece tag:NAME, and not appended
}

// Wrap encrypts a value to an RSA key, with OAEP.
type Wrap struct {
	Of   string // a piece, as random:NAME
	Key  string // role
	Hash string // sha256, sha512
}

// Sign signs a step: rsa-sha256 (PKCS #1 v1.5), rsa-sha512, hmac-sha256, hmac-sha512.
type Sign struct{ Of, Key, With string }

// Hash hashes a piece: sha256, sha384, sha512.
type Hash struct{ Of, With string }

// Pad fills up to a multiple.
type Pad struct {
	To     int    // bytes; 2 to 256
	With   string // pkcs7, or a byte in hex
	Always bool   // a whole block where nothing is missing; pkcs7 does so anyway
}

// Encoding is how bytes are written.
type Encoding string

// Encodings; Raw is the default.
const (
	Raw       Encoding = ""
	Hex       Encoding = "hex"
	HexUpper  Encoding = "HEX"
	Base64    Encoding = "base64"    // padded
	Base64URL Encoding = "base64url" // not padded
)

// Confirmation notes which vectors agreed with which layout: two SHA-256 in hex.
type Confirmation struct{ Vectors, Layout string }

// Verified reports whether vectors have confirmed the layout as it is now.
func (p *Profile) Verified() bool {
	return p.Confirmed.Vectors != "" && p.Confirmed.Layout == p.Digest()
}

// Format returns the name under which a payload is recorded: the profile's, with
// "unverified-" in front until Conform has passed.
func (p *Profile) Format() string {
	if p.Verified() {
		return p.Name
	}
	return "unverified-" + p.Name
}

// Digest returns the SHA-256, in hex, of everything that decides the bytes of a
// payload: not of Title, Evidence and Confirmed, nor of which key plays a part.
func (p *Profile) Digest() string {
	w := canon.NewWriter(nil).Object()
	w.Key("profile").Int(1).Key("name").String(p.Name).Key("validity_ms").Int(p.validity().Milliseconds()).Key("result").String(p.result())
	w.Key("limits").Object()
	for _, name := range slices.Sorted(maps.Keys(p.Limits)) {
		w.Key(name).Array().Int(int64(p.Limits[name].Least)).Int(int64(p.Limits[name].Most)).EndArray()
	}
	w.EndObject().Key("keys").Object()
	for _, role := range slices.Sorted(maps.Keys(p.Keys)) {
		w.Key(role).String(p.Keys[role].Kind)
	}
	w.EndObject().Key("random").Object()
	for _, name := range slices.Sorted(maps.Keys(p.Random)) {
		r := p.Random[name]
		w.Key(name).Array().Int(int64(r.Bytes)).Int(int64(r.Least)).Int(int64(r.Most)).String(r.Of).EndArray()
	}
	w.EndObject().Key("steps").Array()
	for i := range p.Steps {
		p.Steps[i].digest(w)
	}
	return digest.Of(w.EndArray().EndObject().Bytes())
}

func (s *Step) digest(w *canon.Writer) {
	w.Object().Key("name").String(s.Name).Key("join").Strings(s.Join).Key("separator").String(s.Separator)
	w.Key("json").Array()
	digestMembers(w, s.JSON)
	w.EndArray()
	if e := s.Encrypt; e != nil {
		w.Key("encrypt").Strings([]string{e.Of, e.Cipher, e.Key, e.IV, e.AAD}).Key("tag_apart").Bool(e.TagApart)
	}
	if x := s.Wrap; x != nil {
		w.Key("wrap").Strings([]string{x.Of, x.Key, x.Hash})
	}
	if x := s.Sign; x != nil {
		w.Key("sign").Strings([]string{x.Of, x.Key, x.With})
	}
	if x := s.Hash; x != nil {
		w.Key("hash").Strings([]string{x.Of, x.With})
	}
	w.Key("pgp").String(s.PGP)
	if x := s.Pad; x != nil {
		w.Key("pad").Array().Int(int64(x.To)).String(x.With).Bool(x.Always).EndArray()
	}
	w.Key("encoding").String(string(s.Encoding)).EndObject()
}

func digestMembers(w *canon.Writer, members []Member) {
	for _, m := range members {
		w.Object().Key("name").String(m.Name).Key("optional").Bool(m.Optional).Key("value").String(m.Value).Key("members").Array()
		digestMembers(w, m.Members)
		w.EndArray().EndObject()
	}
}

func (p *Profile) validity() time.Duration {
	if p.Validity == 0 {
		return DefaultValidity
	}
	return p.Validity
}

func (p *Profile) result() string {
	if p.Result == "" && len(p.Steps) > 0 {
		return p.Steps[len(p.Steps)-1].Name
	}
	return p.Result
}
