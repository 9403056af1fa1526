package profile

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// run is one payload in the making.
type run struct {
	f     *Format
	in    *Inputs
	now   time.Time
	draws draws
	done  map[string]*made
	drew  map[string][]byte
	keep  bool // segments, for Conform
}

// made is what a step has made.
type made struct {
	out  []byte // padded and encoded
	raw  []byte // before it was encoded
	tag  []byte
	segs []segment // of raw
}

// segment is where a piece lies in the bytes of a step.
type segment struct {
	start, end int
	name       string
	step       string // that the bytes are the outcome of
}

func (r *run) wipe() {
	for _, m := range r.done {
		clear(m.out)
		clear(m.raw)
	}
	for _, b := range r.drew {
		clear(b)
	}
}

// all makes every step and returns a copy of the result.
func (r *run) all() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	r.done, r.drew = map[string]*made{}, map[string][]byte{}
	for i := range r.f.plan.steps {
		s := &r.f.plan.steps[i]
		m, err := r.make(s)
		if err != nil {
			return nil, err
		}
		r.done[s.Name] = m
	}
	return bytes.Clone(r.done[r.f.plan.result()].out), nil
}

// check looks at the inputs that the layout reads.
func (r *run) check() error {
	pl := r.f.plan
	if pl.needs["pan"] || pl.needs["expiry"] || pl.needs["cvv2"] {
		if err := r.in.Card.Check(r.now); err != nil {
			return err
		}
	}
	if unix := r.now.Unix(); unix < 0 || r.now.UTC().Year() > 9998 {
		return code.Wrap(ErrProfile, "the clock is not set")
	}
	for _, name := range inputNames {
		if !pl.needs[name] {
			continue
		}
		value, limit := r.input(name), pl.Limits[name]
		if value == "" && limit.Least == 0 {
			continue // where it is needed, it is missed there
		}
		if limit == (Limit{}) {
			limit.Most = MaxInput
		}
		if err := checkInput(name, value, limit); err != nil {
			return err
		}
	}
	return nil
}

func checkInput(name, value string, limit Limit) error {
	switch {
	case strings.HasSuffix(name, "_bytes"):
		if n := len(value); n < limit.Least || n > limit.Most {
			return card.NewFieldError(card.ErrField, name, fmt.Sprintf("it has not %d to %d bytes", limit.Least, limit.Most))
		}
		return nil
	case name == "name" || strings.HasPrefix(name, "address."):
		return card.Text(name, value, limit.Least, limit.Most)
	}
	if err := card.Text(name, value, limit.Least, limit.Most); err != nil {
		return err
	}
	return card.Handle(name, value, limit.Most)
}

// input returns an input as text; "" when there is none.
func (r *run) input(name string) string {
	in := r.in
	switch name {
	case "nonce":
		return hex.EncodeToString(in.Nonce)
	case "nonce_bytes":
		return string(in.Nonce)
	case "nonce_signature":
		return hex.EncodeToString(in.NonceSignature)
	case "nonce_signature_bytes":
		return string(in.NonceSignature)
	case "auth_code":
		return in.AuthCode.Reveal()
	case "token_ref":
		return in.TokenRef
	case "session":
		return in.Session
	}
	if strings.HasPrefix(name, "wallet.") {
		return walletInput(in.Wallet, name)
	}
	return cardInput(in.Card, name)
}

func walletInput(w *card.Wallet, name string) string {
	if w == nil {
		return ""
	}
	switch name {
	case "wallet.requestor":
		return w.RequestorID
	case "wallet.account":
		return w.AccountID
	case "wallet.device":
		return w.DeviceID
	}
	return w.AppID
}

func cardInput(c *card.Card, name string) string {
	if c == nil {
		return ""
	}
	switch name {
	case "pan":
		return c.PAN.Reveal()
	case "cvv2":
		return c.CVV2.Reveal()
	case "name":
		return c.Name
	}
	a := c.Address
	if a == nil {
		return ""
	}
	switch name {
	case "address.line1":
		return a.Line1
	case "address.line2":
		return a.Line2
	case "address.line3":
		return a.Line3
	case "address.city":
		return a.City
	case "address.state":
		return a.State
	case "address.postal_code":
		return a.PostalCode
	}
	return a.Country
}

// value returns the bytes of a piece.
func (r *run) value(p *piece) ([]byte, error) {
	var b []byte
	var err error
	switch p.kind {
	case "literal":
		return []byte(p.text), nil
	case "input":
		if b = []byte(r.input(p.text)); len(b) == 0 {
			return nil, card.NewFieldError(card.ErrField, p.text, "it is missing")
		}
	case "first", "last":
		pan := r.input("pan")
		if p.n > len(pan)-4 {
			return nil, card.NewFieldError(card.ErrPAN, "pan", "it is too short for the part that the layout writes")
		}
		if b = []byte(pan[:p.n]); p.kind == "last" {
			b = []byte(pan[len(pan)-p.n:])
		}
	case "expiry":
		b = []byte(writeExpiry(p.text, r.in.Card.Expiry))
	case "now":
		b = []byte(writeTime(p.text, r.now))
	case "until":
		b = []byte(writeTime(p.text, r.f.Expires(r.now)))
	case "label":
		b = []byte(r.label(p.text))
	case "random":
		if b, err = r.random(p.text); err != nil {
			return nil, err
		}
	case "step":
		b = r.done[p.text].out
	case "tag":
		b = r.done[p.text].tag
	case "length":
		if b, err = writeLength(p, len(r.done[p.text].out)); err != nil {
			return nil, err
		}
	}
	return p.encoding.encode(b), nil
}

func writeExpiry(format string, e card.Expiry) string {
	return replaceTokens(format, []string{"YYYY", "YY", "MM"}, func(token string) string {
		switch token {
		case "YYYY":
			return e.YYYY()
		case "YY":
			return e.YY()
		}
		return e.MM()
	})
}

func writeLength(p *piece, n int) ([]byte, error) {
	switch p.form {
	case "decimal":
		text := fmt.Sprintf("%0*d", p.n, n)
		if p.n > 0 && len(text) > p.n {
			return nil, code.Wrap(ErrProfile, "step "+p.text+" is longer than its length can be written")
		}
		return []byte(text), nil
	case "u8":
		if n > 0xff {
			return nil, code.Wrap(ErrProfile, "step "+p.text+" is longer than its length can be written")
		}
		return []byte{byte(n)}, nil
	case "u16":
		if n > 0xffff {
			return nil, code.Wrap(ErrProfile, "step "+p.text+" is longer than its length can be written")
		}
		return []byte{byte(n >> 8), byte(n)}, nil
	}
	return []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, nil
}

func (r *run) label(role string) string {
	k := r.f.plan.Keys[role]
	switch {
	case k.Label != "":
		return k.Label
	case k.ID != "":
		return k.ID
	}
	return role
}

func (r *run) random(name string) ([]byte, error) {
	if b, ok := r.drew[name]; ok {
		return b, nil
	}
	b, err := r.draws.random(name, r.f.plan.Random[name])
	if err != nil {
		return nil, err
	}
	r.drew[name] = b
	return b, nil
}

// make does what a step says, pads and encodes.
func (r *run) make(s *step) (*made, error) {
	m := &made{}
	var err error
	switch {
	case s.join != nil:
		err = r.join(s, m)
	case s.members != nil:
		w := canon.NewWriter(make([]byte, 0, 1024))
		_, err = r.object(s, m, w, s.members, "")
		m.raw = w.Bytes()
	case s.Encrypt != nil:
		err = r.encrypt(s, m)
	default:
		m.raw, err = r.primitive(s)
	}
	if err != nil {
		return nil, err
	}
	m.raw = s.Pad.fill(m.raw)
	if len(m.raw) > MaxOutput {
		return nil, broken(s, "it is longer than 64 KiB")
	}
	m.out = s.Encoding.encode(m.raw)
	return m, nil
}

// fill pads b.
func (p *Pad) fill(b []byte) []byte {
	if p == nil {
		return b
	}
	n := (p.To - len(b)%p.To) % p.To
	if n == 0 && (p.Always || p.With == "pkcs7") {
		n = p.To
	}
	with := byte(n)
	if p.With != "pkcs7" {
		one, _ := hex.DecodeString(p.With) // check has read it
		with = one[0]
	}
	return append(b, bytes.Repeat([]byte{with}, n)...)
}

func (r *run) segment(m *made, p *piece, start, end int, name string) {
	if !r.keep {
		return
	}
	seg := segment{start: start, end: end, name: name}
	if p.kind == "step" && p.encoding == Raw {
		seg.step = p.text
	}
	m.segs = append(m.segs, seg)
}

// join writes pieces one behind the other. A value that holds what separates it from
// the next one is refused: a reader could take it for two.
func (r *run) join(s *step, m *made) error {
	for i := range s.join {
		p := &s.join[i]
		b, err := r.value(p)
		if err != nil {
			return err
		}
		border := s.Separator
		if border == "" && i+1 < len(s.join) && s.join[i+1].kind == "literal" {
			border = s.join[i+1].text
		}
		if p.kind == "input" && p.encoding == Raw && !strings.HasSuffix(p.text, "_bytes") && border != "" && bytes.Contains(b, []byte(border)) {
			return card.NewFieldError(card.ErrField, p.text, "it holds the text that separates it from what follows")
		}
		if i > 0 {
			m.raw = append(m.raw, s.Separator...)
		}
		start := len(m.raw)
		m.raw = append(m.raw, b...)
		r.segment(m, p, start, len(m.raw), p.source)
	}
	return nil
}

// object writes an object; empty tells that all of it was left out.
func (r *run) object(s *step, m *made, w *canon.Writer, members []member, within string) (empty bool, err error) {
	w.Object()
	empty = true
	for i := range members {
		mem := &members[i]
		if mem.Optional && r.absent(mem) {
			continue
		}
		empty = false
		start := len(w.Bytes())
		w.Key(mem.Name)
		if mem.members != nil {
			if _, err := r.object(s, m, w, mem.members, within+mem.Name+"."); err != nil {
				return empty, err
			}
			continue
		}
		b, err := r.value(&mem.value)
		switch {
		case err != nil:
			return empty, err
		case mem.json:
			if _, err := strictjson.Parse(b, strictjson.Limits{MaxBytes: MaxOutput}); err != nil {
				return empty, broken(s, "member "+mem.Name+" is no strict JSON")
			}
			w.Raw(b)
		case !utf8.Valid(b):
			return empty, broken(s, "member "+mem.Name+" is no text; give its bytes an encoding")
		default:
			w.String(string(b))
		}
		r.segment(m, &piece{}, start, len(w.Bytes()), within+mem.Name)
	}
	w.EndObject()
	return empty, nil
}

// absent reports whether a member has nothing to write.
func (r *run) absent(m *member) bool {
	if m.members == nil {
		return m.value.kind == "input" && r.input(m.value.text) == ""
	}
	for i := range m.members {
		if !r.absent(&m.members[i]) {
			return false
		}
	}
	return true
}

// primitive does the steps that are one call of a library.
func (r *run) primitive(s *step) ([]byte, error) {
	if s.opaque {
		if b, ok := r.draws.opaque(s.Name); ok {
			return b, nil
		}
	}
	of, err := r.value(&s.of)
	if err != nil {
		return nil, err
	}
	if s.Hash != nil {
		h := hashOf(s.Hash.With).New()
		h.Write(of)
		return h.Sum(nil), nil
	}
	if s.PGP != "" {
		b, err := r.f.o.PGP.Seal(of, r.now)
		if err != nil {
			return nil, code.Wrap(ErrKey, "step "+s.Name+": OpenPGP does not seal")
		}
		return b, nil
	}
	k, err := r.f.key(s.key, &r.now)
	if err != nil {
		return nil, err
	}
	var b []byte
	if s.Wrap != nil {
		b, err = rsa.EncryptOAEP(hashOf(s.Wrap.Hash).New(), rand.Reader, k.Public.(*rsa.PublicKey), of, nil)
	} else {
		b, err = sign(s.Sign, k, of)
	}
	if err != nil {
		return nil, code.Wrap(ErrKey, "step "+s.Name+": the key does not do it")
	}
	return b, nil
}

func sign(s *Sign, k *keyring.Key, of []byte) ([]byte, error) {
	hash := hashOf(s.With)
	if strings.HasPrefix(s.With, "hmac-") {
		mac, err := k.MACer()
		if err != nil {
			return nil, err
		}
		return mac.MAC(hash, of)
	}
	signer, err := k.Signer()
	if err != nil {
		return nil, err
	}
	h := hash.New()
	h.Write(of)
	// PKCS #1 v1.5 is deterministic; randomness is for a key's blinding.
	return signer.Sign(rand.Reader, h.Sum(nil), hash)
}

func rsaKind(k *keyring.Key) string {
	pub, ok := k.Public.(*rsa.PublicKey)
	if !ok || keyring.CheckRSA(pub) != nil {
		return "it is no RSA key of 2048 to 8192 bits"
	}
	return ""
}

// encrypt does a step that encrypts.
func (r *run) encrypt(s *step, m *made) error {
	plaintext, err := r.value(&s.of)
	if err != nil {
		return err
	}
	var iv, aad []byte
	if s.iv.kind != "" {
		if iv, err = r.value(&s.iv); err != nil {
			return err
		}
	}
	if s.aad.kind != "" {
		if aad, err = r.value(&s.aad); err != nil {
			return err
		}
	}
	if s.Encrypt.Cipher == "aes-gcm" {
		return r.gcm(s, m, iv, aad, plaintext)
	}
	m.raw, err = r.cbc(s, iv, plaintext, true)
	return err
}

func (r *run) gcm(s *step, m *made, iv, aad, plaintext []byte) error {
	gcm, err := r.aead(s)
	if err != nil {
		return err
	}
	if iv == nil {
		iv = make([]byte, gcm.NonceSize())
	}
	if len(iv) != gcm.NonceSize() {
		return broken(s, "the iv of aes-gcm has 12 bytes")
	}
	m.raw = gcm.Seal(nil, iv, plaintext, aad)
	if s.Encrypt.TagApart {
		n := len(m.raw) - gcm.Overhead()
		m.raw, m.tag = m.raw[:n:n], m.raw[n:]
	}
	return nil
}

// aesKey returns the bytes of an AES key in memory: a random one, or that of a ring.
func (r *run) aesKey(s *step) ([]byte, error) {
	if s.random != "" {
		return r.random(s.random)
	}
	k, err := r.f.key(s.key, &r.now)
	if err != nil {
		return nil, err
	}
	if r.f.plan.Keys[s.key].Kind == KindAESOfText {
		sum := sha256.Sum256(k.Secret.Reveal())
		return sum[:], nil
	}
	if k.Secret.Len() == 0 {
		return nil, code.Wrap(ErrKey, s.key+": aes-cbc needs a key in memory")
	}
	return bytes.Clone(k.Secret.Reveal()), nil
}

func (r *run) aead(s *step) (cipher.AEAD, error) {
	if s.random == "" && r.f.plan.Keys[s.key].Kind == KindAES {
		k, err := r.f.key(s.key, &r.now)
		if err != nil {
			return nil, err
		}
		gcm, err := k.AEAD()
		if err != nil {
			return nil, code.Wrap(ErrKey, s.key+": it is no AES key")
		}
		return gcm, nil
	}
	block, err := r.block(s)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, ErrFIPS // the one reason that a block of 16 bytes has
	}
	return gcm, nil
}

func (r *run) block(s *step) (cipher.Block, error) {
	key, err := r.aesKey(s)
	if err != nil {
		return nil, err
	}
	if s.random == "" {
		defer clear(key)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, code.Wrap(ErrKey, "step "+s.Name+": the key has not 16, 24 or 32 bytes")
	}
	return block, nil
}

// cbc encrypts or decrypts whole blocks.
func (r *run) cbc(s *step, iv, text []byte, encrypt bool) ([]byte, error) {
	size := aes.BlockSize
	if s.Encrypt.Cipher == "tdes-cbc" {
		size = 8
	}
	if iv == nil {
		iv = make([]byte, size)
	}
	switch {
	case len(iv) != size:
		return nil, broken(s, fmt.Sprintf("the iv has not %d bytes", size))
	case len(text) == 0 || len(text)%size != 0:
		return nil, broken(s, fmt.Sprintf("its plaintext is no whole number of blocks of %d bytes: pad the step before", size))
	}
	if size == 8 {
		return r.tdes(s, iv, text, encrypt)
	}
	block, err := r.block(s)
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(text))
	mode := cipher.NewCBCDecrypter(block, iv)
	if encrypt {
		mode = cipher.NewCBCEncrypter(block, iv)
	}
	mode.CryptBlocks(out, text)
	return out, nil
}

func (r *run) tdes(s *step, iv, text []byte, encrypt bool) ([]byte, error) {
	k, err := r.f.key(s.key, &r.now)
	if err != nil {
		return nil, err
	}
	tdes, err := k.TDES()
	if err != nil {
		return nil, code.Wrap(ErrKey, s.key+": it is no Triple DES key")
	}
	do := tdes.DecryptCBC
	if encrypt {
		do = tdes.EncryptCBC
	}
	out, err := do(iv, text)
	if err != nil {
		return nil, code.Wrap(ErrKey, s.key+": it does not encrypt")
	}
	return out, nil
}
