package benchmarks

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
	gojwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/internal/strictjson"
	jwxjwa "github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"
)

// joseBody is the body whose hash the tokens claim.
var joseBody = fmt.Appendf(nil, bodies["sample"], 432)

// joseKey is a key in everybody's form.
type joseKey struct{ sign, ours, theirs any }

func joseKeys(tb testing.TB) map[string]joseKey {
	tb.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	ed := ed25519.NewKeyFromSeed(make([]byte, 32))
	mac := secret.NewBytes([]byte(strings.Repeat("k", 32)))
	return map[string]joseKey{
		jose.RS256: {r, &r.PublicKey, &r.PublicKey}, jose.PS256: {r, &r.PublicKey, &r.PublicKey}, jose.ES256: {e, &e.PublicKey, &e.PublicKey},
		jose.EdDSA: {ed, ed.Public(), ed.Public()}, jose.HS256: {mac, mac, mac.Reveal()},
	}
}

func bodyHash(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// joseToken is a token like Pismo's.
func joseToken(tb testing.TB, alg string, key any) string {
	tb.Helper()
	payload := fmt.Sprintf(`{"account-id":12345,"body-hash":%q,"exp":%d,"iat":%d,"iss":"api.pismo.io","kid":"k1","sub":"api-cards-tokenization"}`, bodyHash(joseBody), now.Unix()+864000, now.Unix())
	token, err := jose.Sign(alg, key, jose.Header{jose.Text("kid", "k1"), jose.Text("typ", "JWT")}, []byte(payload))
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

var errClaims = errors.New("claims")

// bareVerify is the standard library's check alone, of a token that was taken apart
// before, and the hash of the body.
func bareVerify(alg string, key any, token string) func() error {
	dot := strings.LastIndexByte(token, '.')
	input := []byte(token[:dot])
	sig, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		panic(err)
	}
	der := sig
	if alg == jose.ES256 { // the bare check takes ASN.1
		n := len(sig) / 2
		if der, err = asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:])}); err != nil {
			panic(err)
		}
	}
	check := func(ok bool) error {
		if !ok {
			return errClaims
		}
		return nil
	}
	return func() error {
		_ = sha256.Sum256(joseBody)
		switch alg {
		case jose.EdDSA:
			return check(ed25519.Verify(key.(ed25519.PublicKey), input, sig))
		case jose.HS256:
			mac := hmac.New(sha256.New, key.([]byte))
			mac.Write(input)
			return check(hmac.Equal(mac.Sum(nil), sig))
		}
		digest := sha256.Sum256(input)
		switch alg {
		case jose.RS256:
			return rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), crypto.SHA256, digest[:], sig)
		case jose.PS256:
			return rsa.VerifyPSS(key.(*rsa.PublicKey), crypto.SHA256, digest[:], sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return check(ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), digest[:], der))
	}
}

// oursVerify reads the same claims as the others have to, strictly.
func oursVerify(alg string, key any, headers *jose.Headers, jws *jose.JWS, token string) error {
	if err := headers.ParseInto(jws, token); err != nil {
		return err
	}
	payload, err := jws.Verify(alg, key)
	if err != nil {
		return err
	}
	headers.Keep(jws)
	doc, err := strictjson.ReadView(payload, strictjson.Limits{MaxBytes: jose.MaxTokenBytes, MaxDepth: 16, MaxValues: 1024})
	if err != nil {
		return err
	}
	defer doc.Release()
	v := doc.Root()
	iat, _ := v.Get("iat")
	exp, _ := v.Get("exp")
	iss, _ := v.Get("iss")
	sub, _ := v.Get("sub")
	hash, _ := v.Get("body-hash")
	issued, ok1 := iat.Int64()
	expires, ok2 := exp.Int64()
	if !ok1 || !ok2 || issued > now.Unix()+60 || expires <= now.Unix()-60 || iss.Str() != "api.pismo.io" || sub.Str() != "api-cards-tokenization" {
		return errClaims
	}
	var want [44]byte
	sum := sha256.Sum256(joseBody)
	base64.StdEncoding.Encode(want[:], sum[:])
	if subtle.ConstantTimeCompare(want[:], []byte(hash.Str())) != 1 {
		return errClaims
	}
	return nil
}

type pismoClaims struct {
	jwt.RegisteredClaims
	BodyHash string `json:"body-hash"`
}

func golangJWTVerify(alg string, key any, token string) error {
	var claims pismoClaims
	_, err := jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return key, nil }, jwt.WithValidMethods([]string{alg}),
		jwt.WithIssuer("api.pismo.io"), jwt.WithSubject("api-cards-tokenization"), jwt.WithLeeway(time.Minute), jwt.WithTimeFunc(func() time.Time { return now }))
	if err == nil && claims.BodyHash != bodyHash(joseBody) {
		err = errClaims
	}
	return err
}

func goJoseVerify(alg string, key any, token string) error {
	t, err := gojwt.ParseSigned(token, []gojose.SignatureAlgorithm{gojose.SignatureAlgorithm(alg)})
	if err != nil {
		return err
	}
	var registered gojwt.Claims
	var own struct {
		BodyHash string `json:"body-hash"`
	}
	if err := t.Claims(key, &registered, &own); err != nil {
		return err
	}
	if own.BodyHash != bodyHash(joseBody) {
		return errClaims
	}
	return registered.ValidateWithLeeway(gojwt.Expected{Issuer: "api.pismo.io", Subject: "api-cards-tokenization", Time: now}, time.Minute)
}

func jwxVerify(alg string, key any, token string) error {
	a, _ := jwxjwa.LookupSignatureAlgorithm(alg)
	t, err := jwxjwt.ParseString(token, jwxjwt.WithKey(a, key), jwxjwt.WithValidate(true), jwxjwt.WithIssuer("api.pismo.io"), jwxjwt.WithSubject("api-cards-tokenization"),
		jwxjwt.WithAcceptableSkew(time.Minute), jwxjwt.WithClock(jwxjwt.ClockFunc(func() time.Time { return now })))
	if err != nil {
		return err
	}
	var hash string
	if err := t.Get("body-hash", &hash); err != nil || hash != bodyHash(joseBody) {
		return errClaims
	}
	return nil
}

// joseSide is one library in a weighing.
type joseSide struct {
	name string
	do   func() error
	turn turn
}

// weighJOSE prints each side's median as a multiple of the first one's. A side does it
// each times in a round: some hundred microseconds, so that a round is no accident.
func weighJOSE(b *testing.B, each int, sides []joseSide) {
	turns := make([]*turn, len(sides))
	for i := range sides {
		s := &sides[i]
		if err := s.do(); err != nil {
			b.Fatalf("%s: %v", s.name, err)
		}
		s.turn = turn{each: each, engine: func(int) {
			if err := s.do(); err != nil {
				b.Fatalf("%s: %v", s.name, err)
			}
		}}
		turns[i] = &s.turn
	}
	weigh(b, turns...)
	bare := &sides[0]
	for i := range sides {
		s := &sides[i]
		b.ReportMetric(s.turn.perEvent()/bare.turn.perEvent(), "x-"+s.name)
		if i == 1 {
			b.ReportMetric(float64(slices.Min(s.turn.took))/float64(slices.Min(bare.turn.took)), "x-"+s.name+"-best")
		}
		b.ReportMetric(testing.AllocsPerRun(20, func() { _ = s.do() }), "allocs-"+s.name)
	}
	b.ReportMetric(bare.turn.perEvent(), "ns-bare")
	b.ReportMetric(0, "ns/op") // the sum of all sides says nothing
}

// verifySides are the bare check and everybody's way of the same token.
func verifySides(tb testing.TB, alg string, key joseKey) []joseSide {
	token := joseToken(tb, alg, key.sign)
	var headers jose.Headers
	var jws jose.JWS
	sides := []joseSide{
		{name: "bare", do: bareVerify(alg, key.theirs, token)},
		{name: "issuant", do: func() error { return oursVerify(alg, key.ours, &headers, &jws, token) }},
	}
	if alg == jose.RS256 {
		ring, err := keyring.NewRing(keyring.Key{ID: "k1", Use: keyring.UseVerify, Public: key.ours.(*rsa.PublicKey)})
		if err != nil {
			tb.Fatal(err)
		}
		v, err := webhook.NewPismo(webhook.PismoOptions{Keys: ring, Accounts: []string{enginetest.PismoAccount, "12345"}})
		if err != nil {
			tb.Fatal(err)
		}
		header := map[string][]string{webhook.PismoHeader: {token}}
		sides = append(sides, joseSide{name: "issuant-webhook", do: func() error {
			_, err := v.Open(header, joseBody, now)
			return err
		}})
	}
	return append(sides,
		joseSide{name: "golang-jwt", do: func() error { return golangJWTVerify(alg, key.theirs, token) }},
		joseSide{name: "go-jose", do: func() error { return goJoseVerify(alg, key.theirs, token) }},
		joseSide{name: "jwx", do: func() error { return jwxVerify(alg, key.theirs, token) }},
	)
}

var eachOf = map[string]int{
	jose.RS256: 20, jose.PS256: 20, jose.ES256: 20, jose.EdDSA: 20, jose.HS256: 500,
	jose.RSAOAEP256: 20, jose.ECDHES: 20, jose.A256GCMKW: 300,
}

// BenchmarkJWSVerify: signature, claims and body hash of a token like Pismo's, as a
// multiple of the standard library's check and hash alone.
func BenchmarkJWSVerify(b *testing.B) {
	keys := joseKeys(b)
	for _, alg := range []string{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA, jose.HS256} {
		b.Run("alg="+alg, func(b *testing.B) { weighJOSE(b, eachOf[alg], verifySides(b, alg, keys[alg])) })
	}
}

// sealSides encrypt the same KiB for the same receiver.
func sealSides(tb testing.TB, alg string) []joseSide {
	tb.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	kek := []byte(strings.Repeat("k", 32))
	ours := map[string]any{jose.RSAOAEP256: &r.PublicKey, jose.A256GCMKW: secret.NewBytes(kek), jose.ECDHES: &e.PublicKey}[alg]
	theirs := map[string]any{jose.RSAOAEP256: &r.PublicKey, jose.A256GCMKW: kek, jose.ECDHES: &e.PublicKey}[alg]
	plaintext := []byte(strings.Repeat("x", 1024))
	header := jose.Header{jose.Text("kid", "k1"), jose.Text("typ", "JOSE")}
	opts := new(gojose.EncrypterOptions).WithType("JOSE")
	encrypter, err := gojose.NewEncrypter(gojose.A256GCM, gojose.Recipient{Algorithm: gojose.KeyAlgorithm(alg), Key: theirs, KeyID: "k1"}, opts)
	if err != nil {
		tb.Fatal(err)
	}
	a, _ := jwxjwa.LookupKeyEncryptionAlgorithm(alg)
	peer, err := e.PublicKey.ECDH()
	if err != nil {
		tb.Fatal(err)
	}
	return []joseSide{
		{name: "bare", do: func() error { return bareEnvelope(alg, &r.PublicKey, kek, peer, plaintext) }},
		{name: "issuant", do: func() error {
			_, err := jose.Seal(alg, jose.A256GCM, ours, header, plaintext)
			return err
		}},
		{name: "go-jose", do: func() error {
			obj, err := encrypter.Encrypt(plaintext)
			if err != nil {
				return err
			}
			_, err = obj.CompactSerialize()
			return err
		}},
		{name: "jwx", do: func() error {
			_, err := jwe.Encrypt(plaintext, jwe.WithKey(a, theirs), jwe.WithContentEncryption(jwxjwa.A256GCM()))
			return err
		}},
	}
}

// bareEnvelope is what any implementation has to do: draw key and IVs, wrap, encrypt.
func bareEnvelope(alg string, pub *rsa.PublicKey, kek []byte, peer *ecdh.PublicKey, plaintext []byte) error {
	var cek [32]byte
	var iv [12]byte
	_, _ = rand.Read(iv[:])
	switch alg {
	case jose.ECDHES:
		k, err := ecdh.P256().GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		z, err := k.ECDH(peer)
		if err != nil {
			return err
		}
		cek = sha256.Sum256(z)
	case jose.RSAOAEP256:
		_, _ = rand.Read(cek[:])
		if _, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, pub, cek[:], nil); err != nil {
			return err
		}
	default:
		_, _ = rand.Read(cek[:])
		wrap, err := newAESGCM(kek)
		if err != nil {
			return err
		}
		var wrapIV [12]byte
		_, _ = rand.Read(wrapIV[:])
		wrap.Seal(nil, wrapIV[:], cek[:], nil)
	}
	gcm, err := newAESGCM(cek[:])
	if err != nil {
		return err
	}
	gcm.Seal(nil, iv[:], plaintext, []byte("eyJhbGciOiJBMjU2R0NNS1ciLCJlbmMiOiJBMjU2R0NNIn0"))
	return nil
}

func newAESGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// BenchmarkJWESeal: a KiB under a fresh key, as a multiple of the primitives alone.
func BenchmarkJWESeal(b *testing.B) {
	for _, alg := range []string{jose.RSAOAEP256, jose.A256GCMKW, jose.ECDHES} {
		b.Run("alg="+alg, func(b *testing.B) { weighJOSE(b, eachOf[alg], sealSides(b, alg)) })
	}
}

// BenchmarkJWERefused prints what the dearest refused messages cost.
func BenchmarkJWERefused(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	good, err := jose.Seal(jose.RSAOAEP256, jose.A256GCM, &key.PublicKey, nil, make([]byte, 8000))
	if err != nil {
		b.Fatal(err)
	}
	header, _, _ := strings.Cut(good, ".")
	for name, token := range map[string]string{
		"other_tag": good[:len(good)-4] + "AAAA", "dots": strings.Repeat(".", 10<<20), "long": strings.Repeat("A", 10<<20),
		"forged_key": header + "." + strings.Repeat("A", 342) + good[strings.LastIndexByte(good[:len(header)+345], '.'):],
		"deep":       base64.RawURLEncoding.EncodeToString([]byte(`{"a":`+strings.Repeat("[", 8000))) + "....",
	} {
		b.Run("token="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e, err := jose.ParseJWE(token)
				if err == nil {
					_, err = e.Open(jose.RSAOAEP256, key, jose.A256GCM)
				}
				if err == nil {
					b.Fatal("opened")
				}
			}
		})
	}
}

// TestEverybodyAcceptsTheTokensThatAreTimed keeps the benchmarks honest: what is timed
// accepts the good token and refuses one whose signature or body hash is not right.
func TestEverybodyAcceptsTheTokensThatAreTimed(t *testing.T) {
	for alg, key := range joseKeys(t) {
		good := joseToken(t, alg, key.sign)
		other := joseToken(t, alg, joseKeys(t)[alg].sign)
		if alg == jose.EdDSA || alg == jose.HS256 {
			other = good[:len(good)-4] + "AAAA"
		}
		for name, verify := range map[string]func(string) error{
			"issuant":    func(s string) error { return oursVerify(alg, key.ours, new(jose.Headers), new(jose.JWS), s) },
			"golang-jwt": func(s string) error { return golangJWTVerify(alg, key.theirs, s) },
			"go-jose":    func(s string) error { return goJoseVerify(alg, key.theirs, s) },
			"jwx":        func(s string) error { return jwxVerify(alg, key.theirs, s) },
		} {
			if err := verify(good); err != nil {
				t.Errorf("%s, %s: %v", alg, name, err)
			}
			if verify(other) == nil {
				t.Errorf("%s, %s: accepts another's token", alg, name)
			}
		}
		for _, s := range verifySides(t, alg, key) {
			if err := s.do(); err != nil {
				t.Errorf("%s, %s: %v", alg, s.name, err)
			}
		}
	}
	for _, alg := range []string{jose.RSAOAEP256, jose.A256GCMKW, jose.ECDHES} {
		for _, s := range sealSides(t, alg) {
			if err := s.do(); err != nil {
				t.Errorf("%s, %s: %v", alg, s.name, err)
			}
		}
	}
}

// TestVerificationAddsNoAllocation: into memory that is used again, verifying signature,
// claims and body hash needs none beyond the standard library's, whatever the algorithm.
func TestVerificationAddsNoAllocation(t *testing.T) {
	keys := joseKeys(t)
	for _, alg := range []string{jose.RS256, jose.PS256, jose.HS256, jose.EdDSA} {
		sides := verifySides(t, alg, keys[alg])
		for _, s := range sides[:2] {
			_ = s.do()
		}
		bare := testing.AllocsPerRun(100, func() { _ = sides[0].do() })
		ours := testing.AllocsPerRun(100, func() { _ = sides[1].do() })
		if ours > bare {
			t.Errorf("%s: %v allocations, the bare check %v", alg, ours, bare)
		}
	}
}
