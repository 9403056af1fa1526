package main

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/redact"
	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/internal/strictjson"
)

// Schemes of plain tokens: the body is the token, and nothing but its signature, or
// its encryption, is checked. They say nothing of dates and claims.
const (
	schemeJWS = "jws"
	schemeJWE = "jwe"
)

// tokens verifies or opens tokens with the keys of one ring.
type tokens struct {
	ring     *keyring.Ring
	alg, enc string
}

func (a *app) tokenOpener(f *verifyFlags) (opener, error) {
	known, kind, flag := jose.SignatureAlgorithms(), "JWS", "alg"
	if f.scheme == schemeJWE {
		known, kind = jose.KeyAlgorithms(), "JWE"
		if !slices.Contains(jose.ContentAlgorithms(), f.enc) {
			known, flag, f.alg = jose.ContentAlgorithms(), "enc", f.enc
		}
	}
	if !slices.Contains(known, f.alg) {
		return nil, usage("verify: --%s %q is not one of a %s: %s", flag, f.alg, kind, strings.Join(known, ", "))
	}
	uses := []keyring.Use{keyring.UseVerify}
	if f.scheme == schemeJWE {
		// A key that does not say what it is for has the uses of signatures.
		uses = []keyring.Use{keyring.UseDecrypt, keyring.UseVerify, keyring.UseSign}
	}
	ring, err := a.loadKeys(f.keys, uses...)
	if err != nil {
		return nil, err
	}
	t := &tokens{ring, f.alg, f.enc}
	if f.scheme == schemeJWE {
		return t.jwe, nil
	}
	return t.jws, nil
}

func (t *tokens) jws(r webhook.Request, now time.Time) (opened, error) {
	token := string(r.Body)
	if token == "" {
		return opened{}, webhook.ErrNotSigned
	}
	jws, err := jose.Parse(token)
	if err != nil {
		return opened{}, err
	}
	if jws.Alg != t.alg {
		return opened{}, webhook.ErrAlgorithm
	}
	key, err := t.key(jws.KeyID, schemeJWS, now)
	if err != nil {
		return opened{}, err
	}
	var material any = key.Public
	if key.Public == nil {
		material = key.Secret
	}
	payload, err := jws.Verify(t.alg, material)
	if err != nil {
		return opened{}, err
	}
	// Without the signature, which may have many forms.
	return opened{key.ID, schemeJWS + ":" + digest.Of([]byte(token[:strings.LastIndexByte(token, '.')])), payloadClaims(payload)}, nil
}

func (t *tokens) jwe(r webhook.Request, now time.Time) (opened, error) {
	token := string(r.Body)
	if token == "" {
		return opened{}, webhook.ErrNotSigned
	}
	jwe, err := jose.ParseJWEUpTo(token, jose.MaxJWEBytes)
	if err != nil {
		return opened{}, err
	}
	if jwe.Alg != t.alg || jwe.Enc != t.enc {
		return opened{}, webhook.ErrAlgorithm
	}
	key, err := t.key(jwe.KeyID, schemeJWE, now)
	if err != nil {
		return opened{}, err
	}
	material, err := opens(key)
	if err != nil {
		return opened{}, webhook.ErrKeyRefused
	}
	payload, err := jwe.Open(t.alg, material, t.enc)
	if errors.Is(err, jose.ErrOpen) {
		return opened{}, webhook.ErrSignature // it is not what its sender made
	}
	if err != nil {
		return opened{}, err
	}
	return opened{key.ID, schemeJWE + ":" + digest.Of([]byte(token)), payloadClaims(payload)}, nil
}

// key finds the key that a token names; a token that names none has none.
func (t *tokens) key(id, scheme string, now time.Time) (*keyring.Key, error) {
	key, ok := t.ring.Lookup(id)
	if !ok || id == "" {
		return nil, webhook.ErrKeyUnknown
	}
	if key.Usable(key.Use, t.alg, scheme, now) != "" {
		return nil, webhook.ErrKeyRefused
	}
	return key, nil
}

// opens returns the key as package jose opens with it.
func opens(key *keyring.Key) (any, error) {
	switch key.Public.(type) {
	case nil:
		return key.Secret, nil
	case *rsa.PublicKey:
		return key.Private.Decrypter()
	case *ecdsa.PublicKey:
		return key.Private.KeyExchanger()
	}
	return key.Private.KeyExchanger()
}

// payloadLimits bounds a payload that is shown.
var payloadLimits = strictjson.Limits{MaxBytes: jose.MaxJWEBytes, MaxDepth: 32, MaxValues: 1 << 14}

// payloadClaims is what is shown of a payload: its members when it is a JSON object,
// with card numbers masked; else its size and digest.
func payloadClaims(payload []byte) []byte {
	v, err := strictjson.Parse(payload, payloadLimits)
	w := canon.NewWriter(nil)
	if err != nil || v.Kind != strictjson.Object {
		return w.Object().Key("payload_bytes").Int(int64(len(payload))).Key("payload_sha256").String(digest.Of(payload)).EndObject().Bytes()
	}
	writeMasked(w, v)
	return w.Bytes()
}

func writeMasked(w *canon.Writer, v strictjson.Value) {
	switch v.Kind {
	case strictjson.Bool:
		w.Bool(v.Bool)
	case strictjson.Number:
		if text := redact.Text(v.Str); text != v.Str {
			w.String(text)
		} else {
			w.Raw([]byte(v.Str))
		}
	case strictjson.String:
		w.String(redact.Text(v.Str))
	case strictjson.Array:
		w.Array()
		for _, item := range v.Items {
			writeMasked(w, item)
		}
		w.EndArray()
	case strictjson.Object:
		members := slices.Clone(v.Members)
		slices.SortFunc(members, func(a, b strictjson.Member) int { return strings.Compare(a.Name, b.Name) })
		w.Object()
		for _, m := range members {
			w.Key(redact.Text(m.Name))
			writeMasked(w, m.Value)
		}
		w.EndObject()
	default:
		w.Null()
	}
}
