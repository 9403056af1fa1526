// Package approval has the signed statements by which people approve a pack before
// servers take it.
//
// A statement is a canonical JSON object: kind, format, pack_id, lists_digest,
// approver, at, expires. What is signed, with Ed25519, is its bytes. It travels and is
// kept as an object of two texts in Base64, statement and signature, so that nobody
// signs or verifies anything that was made again. It names what it approves, so
// sending it twice approves nothing else.
package approval

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

// Bounds, inclusive.
const (
	Format   = 1
	Validity = 24 * time.Hour  // from a statement to its end, for Sign
	MaxValid = 7 * Validity    // that Check accepts
	Skew     = 5 * time.Minute // by which the approver's clock may be ahead
	MaxBytes = 4096            // of the JSON text of a Signed
)

const kind = "issuant pack approval"

// ErrRefused is wrapped when a statement or its signature is refused.
var ErrRefused = errors.New("the approval is refused")

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrRefused}, args...)...)
}

// Subject is what is approved: rules, and the lists that they bring.
type Subject struct{ Pack, Lists string }

// SubjectOf returns what an approval of p names. Lists is the SHA-256 of the names
// and digests of its own lists, in hexadecimal digits.
func SubjectOf(p *rules.Pack) Subject {
	w := canon.NewWriter(nil).Array()
	for _, l := range p.Lists() {
		w.Array().String(l.Name()).String(l.Digest()).EndArray()
	}
	sum := sha256.Sum256(w.EndArray().Bytes())
	return Subject{p.ID(), hex.EncodeToString(sum[:])}
}

// Statement is what somebody signs.
type Statement struct {
	Subject
	Approver    string
	At, Expires time.Time
}

func (s *Statement) bytes() []byte {
	w := canon.NewWriter(nil).Object().Key("kind").String(kind).Key("format").Int(Format)
	w.Key("pack_id").String(s.Pack).Key("lists_digest").String(s.Lists).Key("approver").String(s.Approver)
	return w.Key("at").Time(s.At).Key("expires").Time(s.Expires).EndObject().Bytes()
}

// Sign states that approver approves, and returns the text of it. It holds until now
// and Validity.
func Sign(key ed25519.PrivateKey, what Subject, approver string, now time.Time) []byte {
	now = now.UTC().Truncate(time.Second)
	s := Statement{what, approver, now, now.Add(Validity)}
	text := s.bytes()
	w := canon.NewWriter(nil).Object().Key("statement").String(base64.StdEncoding.EncodeToString(text))
	return w.Key("signature").String(base64.StdEncoding.EncodeToString(ed25519.Sign(key, text))).EndObject().Bytes()
}

// Verify reads what Sign made, by the key of the approver that it names, and does
// not look at the clock. Errors wrap ErrRefused.
func Verify(text []byte, keys map[string]ed25519.PublicKey) (*Statement, error) {
	v, err := strictjson.Parse(text, strictjson.Limits{MaxBytes: MaxBytes})
	if err != nil || v.Kind != strictjson.Object || len(v.Members) != 2 {
		return nil, refused("it is not one object with statement and signature")
	}
	statement, err1 := member(v, "statement")
	signature, err2 := member(v, "signature")
	if err1 != nil || err2 != nil {
		return nil, refused("statement or signature are not Base64")
	}
	s, err := parse(statement)
	if err != nil {
		return nil, err
	}
	key, ok := keys[s.Approver]
	if !ok {
		return nil, refused("it names an approver whom the configuration does not have")
	}
	if !ed25519.Verify(key, statement, signature) {
		return nil, refused("the signature does not match the approver's key")
	}
	return s, nil
}

// Check refuses a statement that is not in date.
func (s *Statement) Check(now time.Time) error {
	switch {
	case s.At.After(now.Add(Skew)):
		return refused("it was signed in the future; compare the clocks")
	case !now.Before(s.Expires):
		return refused("it was good until %s; sign again", s.Expires.Format(time.RFC3339))
	case s.Expires.Sub(s.At) > MaxValid || !s.Expires.After(s.At):
		return refused("it is good for longer than %v", MaxValid)
	}
	return nil
}

func member(v strictjson.Value, name string) ([]byte, error) {
	m, _ := v.Get(name)
	if m.Kind != strictjson.String || m.Str == "" {
		return nil, errors.New("it is missing")
	}
	return base64.StdEncoding.Strict().DecodeString(m.Str)
}

func parse(text []byte) (*Statement, error) {
	v, err := strictjson.Parse(text, strictjson.Limits{MaxBytes: MaxBytes})
	if err != nil || v.Kind != strictjson.Object {
		return nil, refused("the statement is not JSON")
	}
	get := func(name string) string {
		m, _ := v.Get(name)
		if m.Kind != strictjson.String {
			return ""
		}
		return m.Str
	}
	s := &Statement{Subject: Subject{get("pack_id"), get("lists_digest")}, Approver: get("approver")}
	var err1, err2 error
	s.At, err1 = time.Parse(time.RFC3339Nano, get("at"))
	s.Expires, err2 = time.Parse(time.RFC3339Nano, get("expires"))
	// One text for one statement: what is made again of its parts is what was signed.
	if err1 != nil || err2 != nil || get("kind") != kind || !slices.Equal(s.bytes(), text) {
		return nil, refused("the statement is not one of format %d", Format)
	}
	if s.Pack == "" || s.Lists == "" || s.Approver == "" {
		return nil, refused("the statement names no pack or no approver")
	}
	return s, nil
}

// ErrKey is wrapped when a key file is not what it should be.
var ErrKey = errors.New("not a usable Ed25519 key")

// ParsePrivate reads a private key in PEM (PKCS #8), as openssl genpkey -algorithm
// ed25519 writes it.
func ParsePrivate(text []byte) (ed25519.PrivateKey, error) {
	der, err := block(text, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	k, err := x509.ParsePKCS8PrivateKey(der)
	if key, ok := k.(ed25519.PrivateKey); ok && err == nil {
		return key, nil
	}
	return nil, fmt.Errorf("%w: the file holds another kind of private key; make one with: (umask 077; openssl genpkey -algorithm ed25519 -out NAME.key)", ErrKey)
}

// ParsePublic reads a public key in PEM, as openssl pkey -pubout writes it.
func ParsePublic(text []byte) (ed25519.PublicKey, error) {
	der, err := block(text, "PUBLIC KEY")
	if err != nil {
		return nil, err
	}
	k, err := x509.ParsePKIXPublicKey(der)
	if key, ok := k.(ed25519.PublicKey); ok && err == nil {
		return key, nil
	}
	return nil, fmt.Errorf("%w: the file holds another kind of public key; make one with: openssl pkey -in NAME.key -pubout -out NAME.pub", ErrKey)
}

// block returns the only block of a PEM text.
func block(text []byte, want string) ([]byte, error) {
	b, rest := pem.Decode(text)
	switch {
	case b == nil:
		return nil, fmt.Errorf("%w: the file is not PEM", ErrKey)
	case b.Type == "PRIVATE KEY" && want == "PUBLIC KEY":
		return nil, fmt.Errorf("%w: the file holds a private key, which belongs to its approver alone; this is the place of the public one", ErrKey)
	case b.Type != want:
		return nil, fmt.Errorf("%w: the file is no %s in PEM", ErrKey, want)
	}
	if next, _ := pem.Decode(rest); next != nil {
		return nil, fmt.Errorf("%w: the file holds more than one key", ErrKey)
	}
	return b.Bytes, nil
}
