package payload

import (
	"crypto"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/strictjson"
)

// jwe looks at a compact JWE of Visa.
func (l *looker) jwe(token string) error {
	l.Kind = "visa_jwe"
	parts := strings.Split(token, ".")
	text, err := unbase64url(parts[0])
	if err != nil {
		l.problem("the header is not base64url without padding")
		return nil
	}
	v, err := strictjson.Parse(text, strictjson.Limits{MaxBytes: 16 << 10, MaxDepth: 4, MaxValues: 64})
	if err != nil || v.Kind != strictjson.Object {
		l.problem("the header is no strict JSON object")
		return nil
	}
	kid := ""
	for _, m := range v.Members {
		value := m.Value.Str
		switch n, isInt := m.Value.Int64(); {
		case m.Name == "iat" && isInt && n < 1e11:
			value = l.stamp(n)
		case m.Name == "iat" && isInt:
			value = l.stamp(n/1000) + " in milliseconds"
			l.problem("header.iat counts milliseconds, as Visa's MLE does; a payload counts seconds")
		case m.Name == "iat":
			l.problem("header.iat is a text; Visa's sample has a number")
		case m.Name == "iv", m.Name == "tag":
			l.size("header."+m.Name, value, unbase64url, map[string]int{"iv": 12, "tag": 16}[m.Name])
			continue
		case m.Name == "kid":
			kid = value
		case m.Value.Kind != strictjson.String && m.Value.Kind != strictjson.Number:
			value = "(" + m.Value.Kind.String() + ")"
		}
		l.add("header."+m.Name, "%s", value)
	}
	alg, _ := v.Get("alg")
	wrapped := []int{}
	if alg.Str == "A256GCMKW" {
		wrapped = []int{32}
	}
	l.size("encrypted_key", parts[1], unbase64url, wrapped...)
	l.size("iv", parts[2], unbase64url, 12)
	l.size("ciphertext", parts[3], unbase64url)
	l.size("tag", parts[4], unbase64url, 16)
	l.openVisa(token, kid)
	return nil
}

// key returns a key of an id, or says why nothing is opened.
func (l *looker) key(id string) *keyring.Key {
	if l.o.Keys == nil {
		l.NotOpened = "no keys were given"
		return nil
	}
	k, ok := l.o.Keys.Lookup(id)
	if !ok {
		l.NotOpened = fmt.Sprintf("no key of the id %q was given", id)
		return nil
	}
	return k
}

func (l *looker) openVisa(token, kid string) {
	k := l.key(kid)
	if k == nil {
		return
	}
	var plaintext []byte
	var err error
	if k.Secret.Len() > 0 {
		var shared *visa.SharedKey
		if shared, err = visa.NewSharedKey(kid, secret.NewText(k.Secret.Reveal())); err == nil {
			plaintext, err = shared.Open(token)
		}
	} else {
		plaintext, err = visa.OpenField(token, l.decrypter)
	}
	if err != nil {
		l.refused(err)
		return
	}
	defer clear(plaintext)
	l.opened(plaintext)
}

func (l *looker) decrypter(id string) (crypto.Decrypter, bool) {
	k, ok := l.o.Keys.Lookup(id)
	if !ok {
		return nil, false
	}
	d, err := k.Decrypter()
	return d, err == nil
}

// mastercard looks at a payload, or at an envelope alone.
func (l *looker) mastercard(v strictjson.Value) error {
	l.Kind = "mastercard_payload"
	envelope := v
	if inner, ok := v.Get("cardInfo"); ok {
		l.add("shape", "cardInfo")
		envelope = inner
	} else if inner, ok := v.Get("fundingAccountInfo"); ok {
		l.add("shape", "fundingAccountInfo")
		l.unverified("shape fundingAccountInfo")
		if receipt, ok := inner.Get("pushAccountReceipt"); ok {
			l.add("fundingAccountInfo.pushAccountReceipt", "%s", receipt.Str)
			return nil
		}
		envelope, _ = inner.Get("encryptedPayload")
	} else {
		l.Kind = "mastercard_envelope"
	}
	l.envelope(envelope)
	if tav, ok := v.Get("tokenizationAuthenticationValue"); ok {
		inner, err := unbase64(tav.Str)
		if err != nil {
			l.problem("tokenizationAuthenticationValue is not Base64")
			return nil
		}
		t, err := strictjson.Parse(inner, strictjson.Limits{MaxBytes: 16 << 10})
		if err != nil {
			l.problem("tokenizationAuthenticationValue holds no strict JSON")
			return nil
		}
		kind := l.Kind
		_ = l.tav(t)
		l.Kind = kind
	} else if l.Kind == "mastercard_payload" {
		l.problem("there is no tokenizationAuthenticationValue: Mastercard has no proof that the issuer meant this card")
	}
	return nil
}

func (l *looker) envelope(v strictjson.Value) {
	mode := "CBC"
	for _, m := range v.Members {
		switch m.Name {
		case "encryptedData", "encryptedKey", "iv", "tag", "aad":
			e := unhex
			if _, err := hex.DecodeString(m.Value.Str); err != nil {
				e = unbase64
			}
			l.size(m.Name, m.Value.Str, e)
		case "algorithmCipherMode":
			if mode = m.Value.Str; mode == "GCM" {
				l.unverified("mode GCM")
			}
			l.add(m.Name, "%s", m.Value.Str)
		default:
			l.add(m.Name, "%s", m.Value.Str)
		}
	}
	for _, name := range []string{"iv", "oaepHashingAlgorithm"} {
		if _, ok := v.Get(name); !ok {
			l.problem("%s is missing: a receiver assumes a weak default", name)
		}
	}
	if l.o.Keys == nil {
		l.NotOpened = "no keys were given"
		return
	}
	opener, err := mastercard.NewOpener(mastercard.OpenOptions{Key: l.fingerprint})
	if err != nil {
		l.refused(err)
		return
	}
	plaintext, err := opener.Open(object(v))
	if err != nil {
		l.refused(err)
		return
	}
	defer clear(plaintext)
	l.opened(plaintext)
}

// fingerprint finds the key that has a fingerprint as its id or is one's own computation
// of it, or the one RSA key pair that there is: two of the three fingerprints are of a
// certificate, which is not at hand here.
func (l *looker) fingerprint(fp string) (crypto.Decrypter, bool) {
	if d, ok := l.decrypter(fp); ok {
		return d, true
	}
	ring, ok := l.o.Keys.(*keyring.Ring)
	if !ok {
		return nil, false
	}
	var pairs []crypto.Decrypter
	for _, k := range ring.All() {
		own := publicFingerprint(k)
		d, err := k.Decrypter()
		if own == "" || err != nil {
			continue
		}
		if own == fp {
			return d, true
		}
		pairs = append(pairs, d)
	}
	if len(pairs) != 1 {
		return nil, false
	}
	return pairs[0], true
}

// tav looks at a tokenization authentication value.
func (l *looker) tav(v strictjson.Value) error {
	l.Kind = "mastercard_tav"
	version, _ := v.Get("version")
	l.unverified("TAV version " + version.Str)
	for _, m := range v.Members {
		name := "tav." + m.Name
		switch {
		case m.Name == "signature":
			l.size(name, m.Value.Str, unbase64)
		case m.Name == "dataValidUntilTimestamp":
			t, err := time.Parse(time.RFC3339, m.Value.Str)
			if err != nil {
				l.problem("%s is not RFC 3339", name)
			} else if !t.After(l.o.Now) {
				l.problem("%s has passed", name)
			} else if t.Sub(l.o.Now) > mastercard.MaxValidity {
				l.problem("%s lies more than 30 days ahead", name)
			}
			l.add(name, "%s", m.Value.Str)
		case m.Value.Kind == strictjson.Bool:
			l.add(name, "%v", m.Value.Bool)
			l.problem("%s is a boolean; Mastercard's sample has a text", name)
		default:
			l.add(name, "%s", m.Value.Str)
		}
	}
	return nil
}

// mbp looks at Visa's MBPAC or MBPAD.
func (l *looker) mbp(text string) error {
	l.Kind = "visa_" + strings.ToLower(text[:5])
	l.unverified(text[:5])
	parts := strings.Split(text, "-")
	names := []string{"type", "version", "key_scheme", "key_set", "ephemeral_key", "algorithm", "encrypted"}
	if len(parts) != len(names) {
		l.problem("it has %d parts, where %d are wanted", len(parts), len(names))
		return nil
	}
	for i, name := range names[:6] {
		l.add(name, "%s", parts[i])
	}
	sealed := l.size("encrypted", parts[6], unhex)
	if len(sealed)%8 != 0 || len(sealed) == 0 {
		l.problem("encrypted is no whole number of blocks of 8 bytes")
		return nil
	}
	k := l.zoneKey(parts[3])
	if k == nil {
		return nil
	}
	tdes, err := k.TDES()
	if err != nil {
		l.refused(err)
		return nil
	}
	block, err := tdes.DecryptCBC(make([]byte, 8), sealed)
	if err != nil {
		l.refused(err)
		return nil
	}
	defer clear(block)
	l.block(block)
	return nil
}

// zoneKey returns the key of a key set identifier, or the one Triple DES key that there
// is: the identifier is Visa's, and a key's id our own.
func (l *looker) zoneKey(id string) *keyring.Key {
	ring, ok := l.o.Keys.(*keyring.Ring)
	if !ok {
		return l.key(id)
	}
	var only *keyring.Key
	for _, k := range ring.All() {
		if k.ID == id {
			return k
		}
		if k.Alg == keyring.AlgTDES {
			if only != nil {
				return l.key(id)
			}
			only = k
		}
	}
	if only == nil {
		return l.key(id)
	}
	return only
}

// block shows the clear text of a block whose layout is not known: what stands around
// it as hex, its values masked.
func (l *looker) block(block []byte) {
	start := strings.Index(string(block), "nonce=")
	if start < 0 {
		start = strings.Index(string(block), "pan=")
	}
	if start < 0 {
		l.NotOpened = "it was decrypted, and there is neither nonce= nor pan= in it: another key, or another layout"
		return
	}
	l.Opened = append(l.Opened, Field{"block.before", hex.EncodeToString(block[:start])})
	end := len(block)
	for end > start && (block[end-1] < '0' || block[end-1] > 'z' || block[end-1] == '!') {
		end--
	}
	for _, part := range strings.Split(string(block[start:end]), ";") {
		name, value, _ := strings.Cut(part, "=")
		l.Opened = append(l.Opened, Field{"block." + name, Mask(name, value)})
	}
	l.Opened = append(l.Opened, Field{"block.pad", hex.EncodeToString(block[end:])})
}
