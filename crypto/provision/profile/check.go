package profile

import (
	"crypto"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/digest"
)

// plan is a Profile, parsed.
type plan struct {
	Profile
	steps  []step
	byName map[string]*step
	// needs are the inputs that are read.
	needs map[string]bool
	dated bool // a piece is "until"
}

type step struct {
	Step
	join    []piece
	members []member
	of      piece // of Encrypt, Wrap, Sign, Hash and PGP
	iv, aad piece
	key     string // role; "" when random
	random  string // random value that is the key
	opaque  bool   // its bytes cannot be foretold: RSA-OAEP, OpenPGP
}

type member struct {
	Member
	value   piece
	json    bool
	members []member
}

// Problem says what is wrong with a Profile and at which of its steps.
type Problem struct {
	Step int    // index into Steps; -1: none of them
	At   string // as "keys.wsd" or "limits.name" when it is none of the steps
	Msg  string
}

func (e *Problem) Error() string {
	switch {
	case e.At != "":
		return ErrProfile.Error() + ": " + e.At + ": " + e.Msg
	case e.Step >= 0:
		return fmt.Sprintf("%v: step %d: %s", ErrProfile, e.Step+1, e.Msg)
	}
	return ErrProfile.Error() + ": " + e.Msg
}

// Code returns the code "profile_file".
func (e *Problem) Code() uint32 { return ErrProfile.Code() }

// Unwrap returns ErrProfile.
func (e *Problem) Unwrap() error { return ErrProfile }

func problem(at, format string, args ...any) error {
	return &Problem{-1, at, fmt.Sprintf(format, args...)}
}

// Check returns a *Problem for a layout that contradicts itself.
func (p *Profile) Check() error {
	_, err := parse(*p)
	return err
}

func parse(p Profile) (*plan, error) {
	pl := &plan{Profile: p, byName: map[string]*step{}, needs: map[string]bool{}}
	if !usableName(p.Name, 64) {
		return nil, problem("", "name is not 1 to 64 of a-z 0-9 - . _")
	}
	if p.Validity < 0 || p.Validity > MaxValidity {
		return nil, problem("", "validity is negative, or more than 30 days")
	}
	if c := p.Confirmed; c != (Confirmation{}) && (!digest.Is(c.Vectors) || !digest.Is(c.Layout)) {
		return nil, problem("confirmed", "vectors and layout are not two SHA-256 in hex")
	}
	if err := pl.checkTables(); err != nil {
		return nil, err
	}
	if len(p.Steps) == 0 || len(p.Steps) > MaxSteps {
		return nil, problem("", "there are not 1 to %d steps", MaxSteps)
	}
	pl.steps = make([]step, len(p.Steps))
	for i, s := range p.Steps {
		if wrong := pl.step(&pl.steps[i], s); wrong != "" {
			return nil, &Problem{Step: i, Msg: wrong}
		}
		pl.byName[s.Name] = &pl.steps[i]
		if wrong := pl.repeats(i); wrong != "" {
			return nil, &Problem{Step: i, Msg: wrong}
		}
	}
	if pl.byName[p.result()] == nil {
		return nil, problem("", "result is no step")
	}
	return pl, nil
}

func usableName(s string, max int) bool {
	return s != "" && len(s) <= max && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-._") == ""
}

// checkTables looks at limits, keys and random values.
func (pl *plan) checkTables() error {
	for name, l := range pl.Limits {
		if !isInput(name) || l.Least < 0 || l.Most < l.Least || l.Most > MaxInput {
			return problem("limits."+name, "it is no input, or its bounds are not 0 to %d", MaxInput)
		}
	}
	if len(pl.Keys) > MaxKeys || len(pl.Random) > MaxRandom {
		return problem("", "more than %d keys or %d random values", MaxKeys, MaxRandom)
	}
	for role, k := range pl.Keys {
		switch k.Kind {
		case KindTDES, KindAES, KindAESOfText, KindHMAC, KindRSASign, KindRSAEncrypt:
		default:
			return problem("keys."+role, "kind is not tdes, aes, aes-sha256, hmac, rsa-sign or rsa-encrypt")
		}
		if !usableName(role, 64) || len(k.ID) > 256 || len(k.Label) > 256 || !printable(k.ID) || !printable(k.Label) {
			return problem("keys."+role, "its name, id or label is too long or not printable")
		}
	}
	for name, r := range pl.Random {
		switch {
		case !usableName(name, 64) || r.Bytes < 1 || r.Bytes > MaxRandomBytes:
			return problem("random."+name, "bytes are not 1 to %d", MaxRandomBytes)
		case r.Of != "" && (r.Least != 0 || r.Most != 0):
			return problem("random."+name, "either of, or least and most")
		case r.Of == "" && r.Most != 0 && r.Most <= r.Least:
			return problem("random."+name, "most is not above least")
		case r.Of != "" && (len(r.Of) < 2 || len(r.Of) > 256 || repeats(r.Of)):
			return problem("random."+name, "of has fewer than 2 characters, or one of them twice")
		}
	}
	return nil
}

func repeats(s string) bool {
	for i := range len(s) {
		if strings.IndexByte(s[i+1:], s[i]) >= 0 {
			return true
		}
	}
	return false
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// step parses a step; it returns what is wrong, "" when nothing is.
func (pl *plan) step(to *step, s Step) string {
	to.Step = s
	if !usableName(s.Name, 64) || pl.byName[s.Name] != nil {
		return "name is not 1 to 64 of a-z 0-9 - . _, or is that of an earlier step"
	}
	does := 0
	for _, has := range []bool{s.Join != nil, s.JSON != nil, s.Encrypt != nil, s.Wrap != nil, s.Sign != nil, s.Hash != nil, s.PGP != ""} {
		if has {
			does++
		}
	}
	switch {
	case does != 1:
		return "a step does one of join, json, encrypt, wrap, sign, hash, pgp"
	case s.Separator != "" && s.Join == nil:
		return "separator belongs to join"
	case !s.Encoding.known():
		return "encoding is not hex, HEX, base64 or base64url"
	}
	if wrong := s.Pad.check(); wrong != "" {
		return wrong
	}
	switch {
	case s.Join != nil:
		return pl.pieces(&to.join, s.Join)
	case s.JSON != nil:
		return pl.members(&to.members, s.JSON, 1)
	case s.Encrypt != nil:
		return pl.encrypt(to, s.Encrypt)
	case s.Wrap != nil:
		to.opaque = true
		return first(pl.piece(&to.of, s.Wrap.Of), pl.role(to, s.Wrap.Key, KindRSAEncrypt), oneOf("hash", s.Wrap.Hash, "sha256", "sha512"))
	case s.Sign != nil:
		kind := KindRSASign
		if strings.HasPrefix(s.Sign.With, "hmac-") {
			kind = KindHMAC
		}
		return first(oneOf("with", s.Sign.With, "rsa-sha256", "rsa-sha512", "hmac-sha256", "hmac-sha512"), pl.earlier(&to.of, s.Sign.Of), pl.role(to, s.Sign.Key, kind))
	case s.Hash != nil:
		return first(pl.piece(&to.of, s.Hash.Of), oneOf("with", s.Hash.With, "sha256", "sha384", "sha512"))
	}
	to.opaque = true
	return pl.earlier(&to.of, s.PGP)
}

func (p *Pad) check() string {
	if p == nil {
		return ""
	}
	b, err := hex.DecodeString(p.With)
	switch {
	case p.To < 2 || p.To > 256:
		return "pad: to is not 2 to 256"
	case p.With == "pkcs7" && p.To == 256:
		return "pad: pkcs7 fills up to 255 at most"
	case p.With != "pkcs7" && (err != nil || len(b) != 1):
		return "pad: with is neither pkcs7 nor one byte in hex"
	}
	return ""
}

func first(wrong ...string) string {
	for _, w := range wrong {
		if w != "" {
			return w
		}
	}
	return ""
}

func oneOf(what, s string, known ...string) string {
	if slices.Contains(known, s) {
		return ""
	}
	return what + " is not one of " + strings.Join(known, ", ")
}

func (pl *plan) pieces(to *[]piece, texts []string) string {
	if len(texts) == 0 || len(texts) > MaxPieces {
		return fmt.Sprintf("there are not 1 to %d pieces", MaxPieces)
	}
	*to = make([]piece, len(texts))
	for i, text := range texts {
		if wrong := pl.piece(&(*to)[i], text); wrong != "" {
			return wrong
		}
	}
	return ""
}

// piece parses a piece and looks at what it refers to.
func (pl *plan) piece(to *piece, text string) string {
	p, wrong := parsePiece(text)
	if wrong != "" {
		return fmt.Sprintf("%q: %s", clip(text), wrong)
	}
	*to = p
	ok := true
	switch p.kind {
	case "input":
		pl.needs[p.text] = true
	case "first", "last":
		pl.needs["pan"] = true
	case "expiry":
		pl.needs["expiry"] = true
	case "until":
		pl.dated = true
	case "random":
		_, ok = pl.Random[p.text]
	case "label":
		_, ok = pl.Keys[p.text]
	case "step", "length":
		ok = pl.byName[p.text] != nil
	case "tag":
		s := pl.byName[p.text]
		ok = s != nil && s.Encrypt != nil && s.Encrypt.TagApart
	}
	if !ok {
		return fmt.Sprintf("%q: it refers to nothing that is described before", clip(text))
	}
	return ""
}

func clip(s string) string {
	if len(s) > 48 {
		return s[:48] + "..."
	}
	return s
}

func (pl *plan) earlier(to *piece, name string) string { return pl.piece(to, "step:"+name) }

func (pl *plan) role(to *step, role string, kinds ...string) string {
	k, ok := pl.Keys[role]
	if !ok || !slices.Contains(kinds, k.Kind) {
		return "key is no role of the kind " + strings.Join(kinds, " or ")
	}
	to.key = role
	return ""
}

func (pl *plan) members(to *[]member, members []Member, depth int) string {
	if len(members) == 0 || len(members) > MaxPieces || depth > MaxDepth {
		return fmt.Sprintf("an object has not 1 to %d members, or is deeper than %d", MaxPieces, MaxDepth)
	}
	seen := map[string]bool{}
	*to = make([]member, len(members))
	for i, m := range members {
		out := &(*to)[i]
		out.Member = m
		switch {
		case m.Name == "" || len(m.Name) > 64 || !printable(m.Name) || seen[m.Name]:
			return "the name of a member is empty, too long, not printable, or stands twice"
		case (m.Value == "") == (m.Members == nil):
			return fmt.Sprintf("member %q: either a piece or an object", m.Name)
		}
		seen[m.Name] = true
		if m.Members != nil {
			if wrong := pl.members(&out.members, m.Members, depth+1); wrong != "" {
				return wrong
			}
			continue
		}
		text, json := strings.CutPrefix(m.Value, "json:")
		out.json = json
		if wrong := pl.piece(&out.value, text); wrong != "" {
			return fmt.Sprintf("member %q: %s", m.Name, wrong)
		}
	}
	return ""
}

func (pl *plan) encrypt(to *step, e *Encrypt) string {
	if wrong := first(oneOf("cipher", e.Cipher, "tdes-cbc", "aes-cbc", "aes-gcm"), pl.earlier(&to.of, e.Of)); wrong != "" {
		return wrong
	}
	if name, ok := strings.CutPrefix(e.Key, "random:"); ok {
		n := pl.Random[name].Bytes
		if e.Cipher == "tdes-cbc" || n != 16 && n != 24 && n != 32 || pl.Random[name].Of != "" || pl.Random[name].Least != 0 || pl.Random[name].Most != 0 {
			return "a random key is of AES: 16, 24 or 32 bytes of any value"
		}
		to.random = name
	} else {
		kinds := []string{KindAES, KindAESOfText}
		if e.Cipher == "tdes-cbc" {
			kinds = []string{KindTDES}
		}
		if wrong := pl.role(to, e.Key, kinds...); wrong != "" {
			return wrong
		}
	}
	gcm := e.Cipher == "aes-gcm"
	switch {
	case !gcm && (e.AAD != "" || e.TagApart):
		return "aad and tag belong to aes-gcm"
	case e.IV == "":
		return "iv is missing: a piece, or zero"
	case e.IV == "zero" && gcm && to.random == "":
		return "a zero iv under a key that is used again gives the key stream of aes-gcm away"
	}
	if e.AAD != "" {
		if wrong := pl.piece(&to.aad, e.AAD); wrong != "" {
			return "aad: " + wrong
		}
	}
	if e.IV == "zero" {
		return ""
	}
	if wrong := pl.piece(&to.iv, e.IV); wrong != "" {
		return "iv: " + wrong
	}
	if gcm && to.random == "" && (to.iv.kind != "random" || pl.Random[to.iv.text].Bytes != 12 || pl.Random[to.iv.text].Of != "" || pl.Random[to.iv.text].Least != 0 || pl.Random[to.iv.text].Most != 0) {
		return "the iv of aes-gcm under a key that is used again is a random value of 12 bytes"
	}
	return ""
}

// repeats refuses a second aes-gcm of one payload under the same key and iv.
func (pl *plan) repeats(i int) string {
	e := pl.steps[i].Encrypt
	for _, s := range pl.steps[:i] {
		if e != nil && s.Encrypt != nil && e.Cipher == "aes-gcm" && s.Encrypt.Cipher == "aes-gcm" && s.Encrypt.Key == e.Key && s.Encrypt.IV == e.IV {
			return "an earlier step encrypts under the same key and iv"
		}
	}
	return ""
}

func hashOf(name string) crypto.Hash {
	switch {
	case strings.HasSuffix(name, "sha384"):
		return crypto.SHA384
	case strings.HasSuffix(name, "sha512"):
		return crypto.SHA512
	}
	return crypto.SHA256
}

func broken(s *step, msg string) error {
	return code.Wrap(ErrProfile, "step "+s.Name+": "+msg)
}
