package trust

import (
	"crypto"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/issuant/issuant/internal/digest"
)

// Sign returns content as a signed file. A signer is an ed25519.PrivateKey, or a key
// in hardware whose Public is an ed25519.PublicKey. Size and SHA256 of the statement
// are filled in. An error wraps ErrRoot, or is a signer's.
func Sign(content []byte, kind Kind, s Statement, signers ...crypto.Signer) ([]byte, error) {
	if kind != Pack && kind != Ring {
		return nil, fmt.Errorf("%w: it is neither a pack nor a ring", ErrRoot)
	}
	if len(signers) == 0 {
		return nil, fmt.Errorf("%w: nobody signs", ErrRoot)
	}
	s.NotBefore, s.Expires = s.NotBefore.UTC(), s.Expires.UTC()
	s.Size, s.SHA256 = uint64(len(content)), digest.Of(content)
	if wrong := s.check(); wrong != "" {
		return nil, fmt.Errorf("%w: %s", ErrRoot, wrong)
	}
	e := &envelope{kind: kind, payload: s.bytes()}
	for _, signer := range signers {
		if err := e.sign(signer); err != nil {
			return nil, err
		}
	}
	return append(e.bytes(), content...), nil
}

// Cosign returns the file with one more signature under the same statement. It does not
// check the signatures that are there, but refuses a content that they are not about.
// An error wraps ErrFile, ErrUnsigned or ErrRoot, or is the signer's.
func Cosign(file []byte, signer crypto.Signer) ([]byte, error) {
	e, content, err := cut(file)
	if err != nil {
		return nil, err
	}
	s, err := parseStatement(e.payload)
	if err != nil {
		return nil, err
	}
	if err := s.about(content); err != nil {
		return nil, err
	}
	if err := e.sign(signer); err != nil {
		return nil, err
	}
	return append(e.bytes(), content...), nil
}

func (e *envelope) sign(signer crypto.Signer) error {
	key, ok := signer.Public().(ed25519.PublicKey)
	if !ok || len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("%w: a signer has no Ed25519 key", ErrRoot)
	}
	if len(e.signatures) == MaxSignatures {
		return fmt.Errorf("%w: it has %d signatures already", ErrRoot, MaxSignatures)
	}
	text := pae(e.kind.payloadType(), e.payload)
	sig, err := signer.Sign(nil, text, crypto.Hash(0))
	if err != nil {
		return err
	}
	// A token that answers with nonsense is noticed here, not at the other end.
	if len(sig) != ed25519.SignatureSize || !ed25519.Verify(key, text, sig) {
		return fmt.Errorf("%w: what the signer made does not match its public key", ErrRoot)
	}
	if !e.add(signature{KeyID(key), sig}) {
		return fmt.Errorf("%w: this key has signed it already", ErrRoot)
	}
	return nil
}

// about refuses a content that was not signed.
func (s *Statement) about(content []byte) error {
	if s.Size != uint64(len(content)) || s.SHA256 != digest.Of(content) {
		return fmt.Errorf("%w: the content is not the one that was signed: changed, cut off, or of another file", ErrUnsigned)
	}
	return nil
}

// Root is whom we trust: keys by the names of their holders, and how many have to
// agree. It is immutable and safe for concurrent use.
type Root struct {
	required int
	signers  map[string]signer // by key id
}

type signer struct {
	name string
	key  ed25519.PublicKey
}

// NewRoot returns a root of which required different holders have to sign. An error
// wraps ErrRoot: no key, more than MaxSigners, required not between 1 and their number,
// a key that two have, one that is none or so weak that everybody can sign for it.
func NewRoot(required int, keys map[string]ed25519.PublicKey) (*Root, error) {
	bad := func(format string, args ...any) (*Root, error) {
		return nil, fmt.Errorf("%w: "+format, append([]any{ErrRoot}, args...)...)
	}
	if len(keys) == 0 || len(keys) > MaxSigners {
		return bad("a root has 1 to %d signers", MaxSigners)
	}
	if required < 1 || required > len(keys) {
		return bad("%d signatures are required, of %d signers", required, len(keys))
	}
	r := &Root{required, map[string]signer{}}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		key := slices.Clone(keys[name])
		if len(key) != ed25519.PublicKeySize || smallOrder(key) {
			return bad("the key of %q is no Ed25519 public key", name)
		}
		id := KeyID(key)
		if other, twice := r.signers[id]; twice {
			return bad("%q and %q have one key; one person would count twice", other.name, name)
		}
		r.signers[id] = signer{name, key}
	}
	return r, nil
}

// Required returns how many have to sign.
func (r *Root) Required() int { return r.required }

// Want is what a place takes.
type Want struct {
	Kind  Kind
	Name  string // the name that the statement has to have; "": that of After, or any when there is none
	After *Mark  // of what was taken last, under Name if that is given; nil: nothing was
}

// Mark is what has to be remembered of the file that was taken last.
type Mark struct {
	Name     string
	Revision uint64
	SHA256   string // of the content, hexadecimal digits
}

// Artefact is a content that enough of those whom we trust have signed. Only Root.Open
// makes one.
type Artefact struct {
	kind      Kind
	statement Statement
	content   []byte
	signedBy  []string
}

// Kind returns what it is.
func (a *Artefact) Kind() Kind { return a.kind }

// Statement returns what was signed.
func (a *Artefact) Statement() Statement { return a.statement }

// Content returns the bytes that were signed. They share the memory of the file that
// was opened, and must not be changed.
func (a *Artefact) Content() []byte { return a.content }

// SignedBy returns the names of those whom we trust and who have signed, sorted.
func (a *Artefact) SignedBy() []string { return slices.Clone(a.signedBy) }

// Mark returns what has to be remembered once it was taken.
func (a *Artefact) Mark() Mark {
	return Mark{a.statement.Name, a.statement.Revision, a.statement.SHA256}
}

// Open checks a signed file: its form, its signatures, that it holds what is wanted, its
// dates, and that it follows what was taken before; the first that fails is told.
// Signatures of strangers count for nothing and do no harm; one that names a key of the
// root and does not match it is refused. An error wraps ErrFile, ErrUnsigned, ErrExpired
// or ErrRollback.
func (r *Root) Open(file []byte, want Want, now time.Time) (*Artefact, error) {
	e, content, err := cut(file)
	if err != nil {
		return nil, err
	}
	names, err := r.verify(e)
	if err != nil {
		return nil, err
	}
	s, err := parseStatement(e.payload)
	if err != nil {
		return nil, err
	}
	if e.kind != want.Kind {
		return nil, fmt.Errorf("%w: it holds a %s, wanted is a %s", ErrFile, e.kind, want.Kind)
	}
	if err := s.about(content); err != nil {
		return nil, err
	}
	if want.Name != "" && s.Name != want.Name {
		return nil, fmt.Errorf("%w: it was signed for %q, wanted is %q", ErrUnsigned, s.Name, want.Name)
	}
	if err := s.inDate(now); err != nil {
		return nil, err
	}
	a := &Artefact{e.kind, s, content, names}
	if last := want.After; last != nil && !(want.Name != "" && last.Name != want.Name) {
		if err := a.Follows(last); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// verify returns the names of those of the root who have signed.
func (r *Root) verify(e *envelope) ([]string, error) {
	text := pae(e.kind.payloadType(), e.payload)
	var names []string
	for _, s := range e.signatures {
		known, ok := r.signers[s.keyID]
		if !ok {
			continue
		}
		if !ed25519.Verify(known.key, text, s.bytes) {
			return nil, fmt.Errorf("%w: the signature of %q does not match", ErrUnsigned, known.name)
		}
		names = append(names, known.name)
	}
	if len(names) < r.required {
		return nil, fmt.Errorf("%w: %d of those whom we trust have signed, %d are required", ErrUnsigned, len(names), r.required)
	}
	slices.Sort(names)
	return names, nil
}

// Follows compares with what was taken last; nothing was when it is nil. Open does so by
// itself where it is given Want.After: this is for those who learn it later. An error
// wraps ErrRollback.
func (a *Artefact) Follows(last *Mark) error {
	this := a.Mark()
	switch {
	case last == nil:
		return nil
	case this.Name != last.Name:
		return fmt.Errorf("%w: it was signed for %q, the one before for %q", ErrRollback, this.Name, last.Name)
	case this.Revision < last.Revision:
		return fmt.Errorf("%w: it has revision %d, and %d was taken before; to go back, sign the older content with a higher revision", ErrRollback, this.Revision, last.Revision)
	case this.Revision == last.Revision && this.SHA256 != last.SHA256:
		return fmt.Errorf("%w: revision %d was taken before with another content", ErrRollback, this.Revision)
	}
	return nil
}

// Unverified is what a signed file says of itself. It proves nothing.
type Unverified struct {
	Kind      Kind
	Statement Statement
	KeyIDs    []string // of the keys that are said to have signed, sorted
	Content   []byte   // shares the memory of the file
	Whole     bool     // the content is the one that the statement names
}

// InspectUnverified reads a signed file without checking a signature. An error wraps
// ErrFile or ErrUnsigned.
func InspectUnverified(file []byte) (*Unverified, error) {
	e, content, err := cut(file)
	if err != nil {
		return nil, err
	}
	s, err := parseStatement(e.payload)
	if err != nil {
		return nil, err
	}
	u := &Unverified{Kind: e.kind, Statement: s, Content: content, Whole: s.about(content) == nil}
	for _, s := range e.signatures {
		u.KeyIDs = append(u.KeyIDs, s.keyID)
	}
	return u, nil
}

// The points of small order of the curve, without their sign: public facts of
// edwards25519 (RFC 7748, section 7 explains the classes).
var smallOrderPoints = []string{
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
}

// smallOrder tells whether anybody can sign for a key: under a point of small order,
// one of these points and a zero are a signature of every eighth text at least.
func smallOrder(key ed25519.PublicKey) bool {
	const texts = 16 // a key of small order passes all of them by a chance of 2^-24
	sig := make([]byte, ed25519.SignatureSize)
	for _, point := range smallOrderPoints {
		raw, err := hex.DecodeString(point)
		if err != nil {
			panic(err) // they are constants
		}
		copy(sig, raw)
		for text := range texts {
			if ed25519.Verify(key, []byte{byte(text)}, sig) {
				return true
			}
		}
	}
	return false
}
