package jose

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/jwa"
	"github.com/issuant/issuant/internal/testkey"
)

func ExampleSeal() {
	kek := sha256.Sum256([]byte("the shared secret, as text"))
	key := secret.NewBytes(kek[:])
	token, err := Seal(A256GCMKW, A256GCM, key, Header{Text("kid", "k1"), Int("iat", 1700000000)}, []byte("payload"))
	if err != nil {
		fmt.Println(err)
		return
	}
	jwe, err := ParseJWE(token)
	if err != nil {
		fmt.Println(err)
		return
	}
	plaintext, err := jwe.Open(A256GCMKW, key, A256GCM)
	fmt.Println(jwe.KeyID, string(plaintext), err)
	// Output: k1 payload <nil>
}

// counted is a source whose draws are given beforehand, in order.
func counted(draws ...[]byte) source {
	s := system
	s.fill = func(b []byte) {
		if len(draws) == 0 || len(draws[0]) != len(b) {
			panic("a draw that the test does not expect")
		}
		copy(b, draws[0])
		draws = draws[1:]
	}
	return s
}

func sequence(from byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}

// visaPlaintext and the other values are a known answer that Python's cryptography,
// go-jose, jose2go and jwx agree on.
const visaPlaintext = `{"accountNumber":"4000000000000002","cvv2":"123","name":"TEST CARDHOLDER","expirationDate":{"month":"12","year":"2030"},` +
	`"billingAddress":{"line1":"1 Test Street","city":"Testville","state":"CA","country":"US","postalCode":"94000"},` +
	`"provider":{"intent":"PUSH_PROV_MOBILE","clientWalletProvider":"40010075001","clientWalletAccountID":"walletaccount0000000001","clientDeviceID":"device000000000000000001","clientAppID":"TestIssuerApp","isIDnV":"false"}}`

func TestSealMakesTheKnownVisaPayload(t *testing.T) {
	kek := sha256.Sum256([]byte("0123456789abcdefghijklmnopqrstuvwxyzABCD"))
	if got := hex.EncodeToString(kek[:]); got != "fb65825bb81d9c4923c4f4f9b2d30400fa03b04521137d3b36f13c0a0561ca20" {
		t.Fatal(got)
	}
	s := counted(slices.Concat(sequence(0, 32), sequence(0x40, 12), sequence(0x60, 12)))
	header := Header{
		Here("alg"), Text("channelSecurityContext", "SHARED_SECRET"), Here("enc"), Int("iat", 1700000000), Here("iv"),
		Text("kid", "TESTAPIKEY0000000000000000000000000000000000000001"), Here("tag"), Text("typ", "JOSE"),
	}
	got, err := s.seal(&job{alg: A256GCMKW, enc: A256GCM, key: secret.NewBytes(kek[:]), header: header}, nil, []byte(visaPlaintext))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256([]byte(got)); len(got) != 979 || hex.EncodeToString(sum[:]) != "952d1141703615a22d3adf4b13bdc69a7e685de6b165858dd16e2f5e6c0b50db" {
		t.Errorf("%d characters, SHA-256 %x:\n%s", len(got), sum, got)
	}
	jwe, err := ParseJWE(got)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := jwe.Open(A256GCMKW, secret.NewBytes(kek[:]), A256GCM)
	if err != nil || string(plain) != visaPlaintext {
		t.Errorf("%q, %v", plain, err)
	}
}

// TestAgreementIsThatOfRFC7518: appendix C.
func TestAgreementIsThatOfRFC7518(t *testing.T) {
	raw := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	alice, err := ecdh.P256().NewPrivateKey(raw("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo"))
	if err != nil {
		t.Fatal(err)
	}
	bob, err := ecdh.P256().NewPrivateKey(raw("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := alice.ECDH(bob.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	got := jwa.ContentOf(A128GCM).Derive(z, []byte("Alice"), []byte("Bob"))
	if !bytes.Equal(got, raw("VqqN6vgjbSBcIijNcacQGg")) {
		t.Errorf("derived %x", got)
	}
}

// sealKeys are for each algorithm the key that seals and the one that opens.
func sealKeys(t testing.TB, alg, enc string) (seal, open any) {
	t.Helper()
	switch alg {
	case RSAOAEP256:
		key := testkey.RSA(t, "rsa2048-a")
		return &key.PublicKey, key
	case A256GCMKW:
		k := secret.NewBytes(sequence(1, 32))
		return k, k
	case Dir:
		k := secret.NewBytes(sequence(2, jwa.ContentOf(enc).KeyBytes))
		return k, k
	}
	key := ecKey(t, elliptic.P256())
	return &key.PublicKey, key
}

// ecKey returns a fixed key on a curve.
func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.ParseRawPrivateKey(curve, append([]byte{0}, sequence(7, (curve.Params().BitSize+7)/8-1)...))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestOpenReturnsWhatWasSealed(t *testing.T) {
	for _, alg := range KeyAlgorithms() {
		for _, enc := range ContentAlgorithms() {
			sealKey, openKey := sealKeys(t, alg, enc)
			for _, n := range []int{0, 1, 15, 16, 17, 1000} {
				want := sequence(0, n)
				token, err := Seal(alg, enc, sealKey, Header{Text("kid", "k"), Text("typ", "JOSE"), Text("cty", "x")}, want)
				if err != nil {
					t.Fatalf("%s %s: %v", alg, enc, err)
				}
				jwe, err := ParseJWE(token)
				if err != nil {
					t.Fatalf("%s %s: %v", alg, enc, err)
				}
				if jwe.Alg != alg || jwe.Enc != enc || jwe.KeyID != "k" || jwe.Type != "JOSE" || jwe.ContentType != "x" {
					t.Errorf("%s %s: header is %s", alg, enc, jwe.Header())
				}
				for range 2 { // opening changes nothing
					got, err := jwe.Open(alg, openKey, ContentAlgorithms()...)
					if err != nil || !bytes.Equal(got, want) {
						t.Errorf("%s %s, %d bytes: %v", alg, enc, n, err)
					}
				}
			}
		}
	}
}

func TestAgreementOnEveryCurve(t *testing.T) {
	for _, curve := range []ecdh.Curve{ecdh.P256(), ecdh.P384(), ecdh.P521(), ecdh.X25519()} {
		n := map[ecdh.Curve]int{ecdh.P256(): 32, ecdh.P384(): 48, ecdh.P521(): 66, ecdh.X25519(): 32}[curve]
		key, err := curve.NewPrivateKey(append([]byte{0}, sequence(9, n-1)...))
		if err != nil {
			t.Fatal(err)
		}
		for name, h := range map[string]Header{"plain": nil, "parties": {Text("apu", "QWxpY2U"), Here("epk"), Text("apv", "Qm9i")}} {
			token, err := Seal(ECDHES, A256GCM, key.PublicKey(), h, []byte("x"))
			if err != nil {
				t.Fatalf("%v %s: %v", curve, name, err)
			}
			jwe, err := ParseJWE(token)
			if err != nil {
				t.Fatalf("%v %s: %v", curve, name, err)
			}
			if got, err := jwe.Open(ECDHES, key, A256GCM); err != nil || string(got) != "x" {
				t.Errorf("%v %s: %v", curve, name, err)
			}
		}
	}
}

func TestOpenNestedAsVisaSends(t *testing.T) {
	visa, ours := testkey.RSA(t, "rsa2048-a"), testkey.RSA(t, "rsa2048-b")
	inner, err := Seal(RSAOAEP256, A256GCM, &ours.PublicKey, Header{Text("kid", "ours"), Text("typ", "JOSE")}, []byte("hola mundo"))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(alg, kid, cty, payload string) string {
		token, err := Sign(alg, visa, Header{Text("typ", "JOSE"), Text("kid", kid), Text("cty", cty)}, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	n := Nested{
		SignAlg: PS256, Alg: RSAOAEP256, Enc: []string{A256GCM},
		VerifyKey: func(id string) (any, bool) { return &visa.PublicKey, id == "715EA257" },
		OpenKey:   func(id string) (any, bool) { return ours, id == "ours" },
	}
	good := sign(PS256, "715EA257", "JWE", inner)
	if got, err := n.Open(good); err != nil || string(got) != "hola mundo" {
		t.Fatalf("%q, %v", got, err)
	}
	stranger, _ := Seal(RSAOAEP256, A256GCM, &ours.PublicKey, Header{Text("kid", "theirs")}, nil)
	forOthers, _ := Seal(RSAOAEP256, A256GCM, &visa.PublicKey, Header{Text("kid", "ours")}, nil)
	weaker, _ := Seal(RSAOAEP256, A128GCM, &ours.PublicKey, Header{Text("kid", "ours")}, nil)
	details := map[string]bool{}
	for name, token := range map[string]string{
		"outer kid": sign(PS256, "x", "JWE", inner), "outer alg": sign(RS256, "715EA257", "JWE", inner), "cty": sign(PS256, "715EA257", "JWT", inner),
		"signature": good[:len(good)-8] + "AAAAAAAA", "no JWE inside": sign(PS256, "715EA257", "JWE", "x"), "inner kid": sign(PS256, "715EA257", "JWE", stranger),
		"inner key": sign(PS256, "715EA257", "JWE", forOthers), "inner enc": sign(PS256, "715EA257", "JWE", weaker), "inner bit": sign(PS256, "715EA257", "JWE", inner[:len(inner)-4]+"AAAA"),
	} {
		_, err := n.Open(token)
		if !errors.Is(err, ErrOpen) || err.Error() != ErrOpen.Error() {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e, _ := errors.AsType[*Error](err)
		details[e.Detail()] = true
	}
	if len(details) < 8 {
		t.Errorf("the record cannot tell refusals apart: %v", details)
	}
	if _, err := new(Nested).Open(good); !errors.Is(err, ErrOpen) {
		t.Errorf("the zero Nested: %v", err)
	}
	for _, bad := range []string{"", "a.b", inner, good + ".x"} {
		if _, err := n.Open(bad); code.Of(err) != code.Malformed {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	if _, err := n.Open(strings.Repeat("a", MaxTokenBytes+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}
