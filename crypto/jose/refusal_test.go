package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/jwa"
	"github.com/issuant/issuant/internal/testkey"
)

// sealedUnder makes a message under dir and A256GCM with any header, as no Seal of
// ours would.
func sealedUnder(t testing.TB, header string) string {
	t.Helper()
	key := sequence(2, 32)
	aad := enc(header)
	sealed, err := jwa.ContentOf(A256GCM).Seal(nil, key, make([]byte, 12), []byte(aad), []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	n := len(sealed) - jwa.TagBytes
	return aad + ".." + b64.EncodeToString(make([]byte, 12)) + "." + b64.EncodeToString(sealed[:n]) + "." + b64.EncodeToString(sealed[n:])
}

// openDirect returns the name of the error of a message under that key, or "ok".
func openDirect(s string) string {
	e, err := ParseJWE(s)
	if err == nil {
		_, err = e.Open(Dir, secret.NewBytes(sequence(2, 32)), A256GCM)
	}
	return code.Of(err).String()
}

const directHeader = `{"alg":"dir","enc":"A256GCM"}`

func TestParseJWECapsLengthBeforeAnyWork(t *testing.T) {
	long := strings.Repeat(".", 10<<20)
	if got := testing.AllocsPerRun(10, func() { _, _ = ParseJWE(long) }); got > 0 {
		t.Errorf("a token of 10 MB costs %v allocations", got)
	}
	if got := openDirect(strings.Repeat("a", MaxTokenBytes+1)); got != "too_large" {
		t.Errorf("one byte too long: %s", got)
	}
	if _, err := ParseJWEUpTo(long[:MaxJWEBytes+1], 100<<20); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than a caller may allow: %v", err)
	}
	key := secret.NewBytes(sequence(2, 32))
	large, err := Seal(Dir, A256GCM, key, nil, make([]byte, 100_000))
	if err != nil {
		t.Fatal(err)
	}
	if got := openDirect(large); got != "too_large" {
		t.Errorf("a body, where a token is expected: %s", got)
	}
	e, err := ParseJWEUpTo(large, MaxJWEBytes)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := e.Open(Dir, key, A256GCM); err != nil || len(got) != 100_000 {
		t.Errorf("a body: %d bytes, %v", len(got), err)
	}
	if _, err := Seal(Dir, A256GCM, key, nil, make([]byte, MaxJWEBytes-10)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a message that nobody of us could open: %v", err)
	}
}

func TestParseJWEWantsFiveParts(t *testing.T) {
	good := sealedUnder(t, directHeader)
	if got := openDirect(good); got != "ok" {
		t.Fatalf("good message: %s", got)
	}
	parts := strings.Split(good, ".")
	for _, bad := range []string{"", "....", ".....", good + ".", "." + good, strings.Join(parts[:4], "."), strings.Join(parts[1:], "."), good + "." + good, strings.Repeat(".", MaxTokenBytes), `{"ciphertext":"","protected":""}`} {
		if got := openDirect(bad); got != "malformed" {
			t.Errorf("%.40q: %s", bad, got)
		}
	}
	for i := range parts {
		for name, s := range map[string]string{"padding": parts[i] + "=", "blank": parts[i] + " ", "line feed": parts[i] + "\n", "carriage return": "\r" + parts[i], "alphabet": "+/" + parts[i], "nul": "\x00" + parts[i], "not ASCII": "é" + parts[i]} {
			p := slices.Clone(parts)
			p[i] = s
			if got := openDirect(strings.Join(p, ".")); got != "malformed" {
				t.Errorf("part %d, %s: %s", i, name, got)
			}
		}
	}
}

func TestParseJWEReadsTheHeaderStrictly(t *testing.T) {
	for name, header := range map[string]string{
		"duplicate enc": `{"alg":"dir","enc":"A256GCM","enc":"A128GCM"}`, "Enc": `{"alg":"dir","Enc":"A256GCM"}`, "ALG too": `{"alg":"dir","enc":"A256GCM","ALG":"none"}`,
		"zip": `{"alg":"dir","enc":"A256GCM","zip":"DEF"}`, "zip none": `{"alg":"dir","enc":"A256GCM","zip":"none"}`, "Zip": `{"alg":"dir","enc":"A256GCM","Zip":"DEF"}`,
		"crit": `{"alg":"dir","enc":"A256GCM","crit":["x"],"x":1}`, "crit empty": `{"alg":"dir","enc":"A256GCM","crit":[]}`, "b64": `{"alg":"dir","enc":"A256GCM","b64":true}`,
		"enc number": `{"alg":"dir","enc":256}`, "kid null": `{"alg":"dir","enc":"A256GCM","kid":null}`, "iv number": `{"alg":"dir","enc":"A256GCM","iv":1}`,
		"deep": `{"alg":"dir","enc":"A256GCM","x":` + strings.Repeat("[", 9) + strings.Repeat("]", 9) + `}`, "many": `{"alg":"dir","enc":"A256GCM","x":[0` + strings.Repeat(",0", 300) + `]}`,
		"number": `{"alg":"dir","enc":"A256GCM","x":[{"y":1e400}]}`, "array": `[]`, "null": `null`, "empty": ``, "trailing": directHeader + `{}`, "utf-8": "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"x\":\"\xff\"}",
		"epk private": `{"alg":"dir","enc":"A256GCM","epk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}}`, "epk string": `{"alg":"dir","enc":"A256GCM","epk":"x"}`, "epk Crv": `{"alg":"dir","enc":"A256GCM","epk":{"Crv":"P-256"}}`,
	} {
		if got := openDirect(sealedUnder(t, header)); got != "malformed" {
			t.Errorf("%s: %s", name, got)
		}
	}
	for name, header := range map[string]string{
		"unknown member": `{"alg":"dir","enc":"A256GCM","iat":1.5e9,"x":{"y":[true]}}`, "keys": `{"alg":"dir","enc":"A256GCM","jwk":{"kty":"oct","k":"AA"},"x5c":5}`, "escapes": `{"\u0061lg":"d\u0069r","enc":"A256GCM"}`,
	} {
		if got := openDirect(sealedUnder(t, header)); got != "ok" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestOpenTakesTheRoutesAlgorithmsAlone(t *testing.T) {
	for _, header := range []string{
		`{"alg":"dir","enc":"A128GCM"}`, `{"alg":"dir","enc":"A256CBC-HS512"}`, `{"alg":"dir"}`, `{"enc":"A256GCM"}`, `{"alg":"DIR","enc":"A256GCM"}`, `{"alg":"dir","enc":"a256gcm"}`,
		`{"alg":"none","enc":"A256GCM"}`, `{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":2000000000,"p2s":"AAAAAAAA"}`, `{"alg":"RSA1_5","enc":"A256GCM"}`, `{"alg":"RSA-OAEP","enc":"A256GCM"}`, `{"alg":"A256KW","enc":"A256GCM"}`, `{}`,
	} {
		if got := openDirect(sealedUnder(t, header)); got != "algorithm" {
			t.Errorf("%s: %s", header, got)
		}
	}
	e, err := ParseJWE(sealedUnder(t, directHeader))
	if err != nil {
		t.Fatal(err)
	}
	key := secret.NewBytes(sequence(2, 32))
	for name, call := range map[string]func() ([]byte, error){
		"no enc":    func() ([]byte, error) { return e.Open(Dir, key) },
		"other enc": func() ([]byte, error) { return e.Open(Dir, key, A128GCM, A192GCM, A128CBCHS256, "") },
		"other alg": func() ([]byte, error) { return e.Open(A256GCMKW, key, A256GCM) },
		"no alg":    func() ([]byte, error) { return e.Open("", key, A256GCM) },
	} {
		if _, err := call(); !errors.Is(err, ErrAlgorithm) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Seal("RSA1_5", A256GCM, key, nil, nil); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("seal RSA1_5: %v", err)
	}
	if _, err := Seal(Dir, "A256CBC-HS512", key, nil, nil); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("seal A256CBC-HS512: %v", err)
	}
}

func TestEncryptedKeyIsThereExactlyWhenAlgWrapsOne(t *testing.T) {
	for _, alg := range KeyAlgorithms() {
		seal, _ := sealKeys(t, alg, A256GCM)
		good, err := Seal(alg, A256GCM, seal, nil, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(good, ".")
		spoilt := []string{"AAAA", ""}
		if alg == A256GCMKW {
			spoilt = append(spoilt, parts[1][:len(parts[1])-4], "AAAA"+parts[1])
		}
		for _, key := range spoilt {
			if (key == "") == (alg == Dir || alg == ECDHES) || alg == RSAOAEP256 && key != "" {
				continue
			}
			p := slices.Clone(parts)
			p[1] = key
			if _, err := ParseJWE(strings.Join(p, ".")); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s with an encrypted key of %d characters: %v", alg, len(key), err)
			}
		}
		for i, text := range map[int]string{2: "AAAAAAAAAAAAAAAAAAAA", 4: "AAAAAAAAAAAAAAAA"} { // 15 and 12 bytes
			p := slices.Clone(parts)
			p[i] = text
			if _, err := ParseJWE(strings.Join(p, ".")); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s with part %d of another length: %v", alg, i, err)
			}
		}
	}
	// A published sample of a wallet's payload has 56 bytes in the place of its IV.
	if _, err := ParseJWE(enc(directHeader) + ".." + b64.EncodeToString(make([]byte, 56)) + ".AAAA." + b64.EncodeToString(make([]byte, 16))); !errors.Is(err, ErrMalformed) {
		t.Errorf("an IV of 56 bytes: %v", err)
	}
	for _, header := range []string{
		`{"alg":"A256GCMKW","enc":"A256GCM"}`, `{"alg":"A256GCMKW","enc":"A256GCM","iv":"AAAAAAAAAAAAAAAA"}`, `{"alg":"A256GCMKW","enc":"A256GCM","iv":"AAAAAAAAAAAAAAAA","tag":"AAAA"}`,
		`{"alg":"A256GCMKW","enc":"A256GCM","iv":"AAAAAAAAAAAAAAA","tag":"AAAAAAAAAAAAAAAAAAAAAA"}`, `{"alg":"A256GCMKW","enc":"A256GCM","iv":"AAAAAAAAAAAAAAAA","tag":"AAAAAAAAAAAAAAAAAAAAAB"}`,
		`{"alg":"A256GCMKW","enc":"A256GCM","iv":"AAAAAAAA\nAAAAAAAA","tag":"AAAAAAAAAAAAAAAAAAAAAA"}`, `{"alg":"A256GCMKW","enc":"A256GCM","iv":"AAAAAAAAAAAAAAAA","tag":"AAAAAAAAAAAAAAAAAAAAAA\r"}`,
	} {
		token := enc(header) + "." + b64.EncodeToString(make([]byte, 32)) + "." + b64.EncodeToString(make([]byte, 12)) + ".AAAA." + b64.EncodeToString(make([]byte, 16))
		if _, err := ParseJWE(token); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", header, err)
		}
	}
}

func TestEphemeralKeyIsAPointOnItsCurve(t *testing.T) {
	raw := ecKey(t, elliptic.P256())
	pub, err := raw.PublicKey.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	x, y := b64.EncodeToString(pub.Bytes()[1:33]), b64.EncodeToString(pub.Bytes()[33:])
	epk := func(members string) error {
		_, err := ParseJWE(sealedUnder(t, `{"alg":"ECDH-ES","enc":"A256GCM",`+members+`}`))
		return err
	}
	good := `"epk":{"kty":"EC","crv":"P-256","x":"` + x + `","y":"` + y + `"}`
	if err := epk(good); err != nil {
		t.Fatal(err)
	}
	zeros := b64.EncodeToString(make([]byte, 32))
	for name, members := range map[string]string{
		"none": `"x":1`, "empty": `"epk":{}`, "off the curve": `"epk":{"kty":"EC","crv":"P-256","x":"` + x + `","y":"` + x + `"}`, "zero": `"epk":{"kty":"EC","crv":"P-256","x":"` + zeros + `","y":"` + zeros + `"}`,
		"other curve": `"epk":{"kty":"EC","crv":"P-384","x":"` + x + `","y":"` + y + `"}`, "P-224": `"epk":{"kty":"EC","crv":"P-224","x":"` + x + `","y":"` + y + `"}`, "secp256k1": `"epk":{"kty":"EC","crv":"secp256k1","x":"` + x + `","y":"` + y + `"}`,
		"no y": `"epk":{"kty":"EC","crv":"P-256","x":"` + x + `"}`, "short x": `"epk":{"kty":"EC","crv":"P-256","x":"` + x[:40] + `","y":"` + y + `"}`, "shifted": `"epk":{"kty":"EC","crv":"P-256","x":"AA` + x + `","y":"` + y + `"}`,
		"padded": `"epk":{"kty":"EC","crv":"P-256","x":"` + x + `=","y":"` + y + `"}`, "kty": `"epk":{"kty":"OKP","crv":"P-256","x":"` + x + `","y":"` + y + `"}`, "X25519 with y": `"epk":{"kty":"OKP","crv":"X25519","x":"` + x + `","y":"` + y + `"}`,
		"X25519 as EC": `"epk":{"kty":"EC","crv":"X25519","x":"` + x + `"}`, "private": strings.Replace(good, `"x"`, `"d":"`+x+`","x"`, 1), "apu": good + `,"apu":"A"`, "apu with a line feed": good + `,"apu":"AAAA\n"`, "x with a line feed": strings.Replace(good, `"y":"`, `"y":"\n`, 1), "apv": good + `,"apv":"AA=="`,
	} {
		if err := epk(members); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// failures are messages that are well formed and cannot be opened, with the alg and
// the key to try them with.
func failures(t testing.TB) map[string]struct {
	token, alg string
	key        any
} {
	t.Helper()
	type try = struct {
		token, alg string
		key        any
	}
	list := map[string]try{}
	for _, alg := range KeyAlgorithms() {
		for _, encName := range ContentAlgorithms() {
			sealKey, openKey := sealKeys(t, alg, encName)
			token, err := Seal(alg, encName, sealKey, nil, []byte("a text of more than one block"))
			if err != nil {
				t.Fatal(err)
			}
			parts := strings.Split(token, ".")
			for i := 1; i < 5; i++ {
				if parts[i] == "" {
					continue
				}
				p := slices.Clone(parts)
				raw, _ := b64.DecodeString(p[i])
				raw[len(raw)/2] ^= 1
				p[i] = b64.EncodeToString(raw)
				list[fmt.Sprint(alg, " ", encName, ", part ", i)] = try{strings.Join(p, "."), alg, openKey}
			}
			list[fmt.Sprint(alg, " ", encName, ", header")] = try{enc(strings.Replace(textOf(t, parts[0]), "{", "{ ", 1)) + strings.TrimPrefix(token, parts[0]), alg, openKey}
		}
	}
	r := testkey.RSA(t, "rsa2048-a")
	short, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &r.PublicKey, make([]byte, 16), nil)
	if err != nil {
		t.Fatal(err)
	}
	rest := "." + b64.EncodeToString(make([]byte, 12)) + ".AAAA." + b64.EncodeToString(make([]byte, 16))
	h := enc(`{"alg":"RSA-OAEP-256","enc":"A256GCM"}`) + "."
	list["content key of 16 bytes"] = try{h + b64.EncodeToString(short) + rest, RSAOAEP256, r}
	list["encrypted key of zeros"] = try{h + b64.EncodeToString(make([]byte, 256)) + rest, RSAOAEP256, r}
	list["encrypted key beyond the modulus"] = try{h + b64.EncodeToString(bytes.Repeat([]byte{255}, 256)) + rest, RSAOAEP256, r}
	list["encrypted key too short"] = try{h + "AAAA" + rest, RSAOAEP256, r}
	other := ecKey(t, elliptic.P384())
	token, err := Seal(ECDHES, A256GCM, &ecKey(t, elliptic.P256()).PublicKey, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	list["a curve that is not ours"] = try{token, ECDHES, other}
	x, err := ecdh.X25519().NewPrivateKey(sequence(1, 32))
	if err != nil {
		t.Fatal(err)
	}
	list["an agreement of zeros"] = try{sealedUnder(t, `{"alg":"ECDH-ES","enc":"A256GCM","epk":{"kty":"OKP","crv":"X25519","x":"`+b64.EncodeToString(make([]byte, 32))+`"}}`), ECDHES, x}
	return list
}

func textOf(t testing.TB, s string) string {
	t.Helper()
	b, err := b64.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEverythingBehindTheShapeIsOneError: neither text nor code nor type tells where
// it failed; only Detail does.
func TestEverythingBehindTheShapeIsOneError(t *testing.T) {
	details := map[string]bool{}
	for name, f := range failures(t) {
		e, err := ParseJWE(f.token)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		plain, err := e.Open(f.alg, f.key, ContentAlgorithms()...)
		if plain != nil || !errors.Is(err, ErrOpen) || err.Error() != ErrOpen.Error() || fmt.Sprintf("%v %s", err, err) != ErrOpen.Error()+" "+ErrOpen.Error() {
			t.Errorf("%s: %q, %v", name, plain, err)
		}
		if c, ok := err.(interface{ Code() uint32 }); !ok || c.Code() != uint32(code.Decryption) {
			t.Errorf("%s: no code", name)
		}
		detailed, _ := errors.AsType[*Error](err)
		details[detailed.Detail()] = true
	}
	if len(details) < 5 {
		t.Errorf("the record is told only %v", details)
	}
}

// TestTheTagIsCheckedBeforePadding: of A128CBC-HS256, a text whose padding is wrong is
// refused as one whose tag is, and a text with a wrong tag is never deciphered.
func TestTheTagIsCheckedBeforePadding(t *testing.T) {
	key, iv, aad := sequence(2, 32), make([]byte, 16), []byte("aad")
	c := jwa.ContentOf(A128CBCHS256)
	sealed, err := c.Seal(nil, key, iv, aad, make([]byte, 31))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		for bit := range 8 {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1 << bit
			if _, ok := c.Open(key, iv, aad, bad); ok {
				t.Fatalf("byte %d, bit %d: opened", i, bit)
			}
		}
	}
	for name, bad := range map[string][]byte{"no ciphertext": sealed[32:], "half a block": append(bytes.Clone(sealed[:24]), sealed[32:]...), "tag alone": make([]byte, 16)} {
		if _, ok := c.Open(key, iv, aad, bad); ok {
			t.Errorf("%s: opened", name)
		}
	}
}

func TestWeakKeysAreRefusedByThisPackageToo(t *testing.T) {
	weak := testkey.RSA(t, "rsa1024")
	small := &rsa.PublicKey{N: testkey.RSA(t, "rsa2048-a").N, E: 3}
	even := &rsa.PublicKey{N: new(big.Int).Add(small.N, big.NewInt(1)), E: 65537}
	huge := &rsa.PublicKey{N: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 8200), big.NewInt(1)), E: 65537}
	for name, pub := range map[string]*rsa.PublicKey{"1024 bits": &weak.PublicKey, "exponent 3": small, "even": even, "8201 bits": huge, "exponent 2^16": {N: small.N, E: 1 << 16}, "exponent 2^31": {N: small.N, E: 1<<31 + 1}, "nothing": {}} {
		for _, alg := range []string{RS256, RS384, RS512, PS256, PS384, PS512} {
			if err := CheckKey(alg, pub); !errors.Is(err, ErrKey) {
				t.Errorf("%s, %s: %v", alg, name, err)
			}
			if err := VerifyBytes(alg, pub, nil, make([]byte, 256)); !errors.Is(err, ErrKey) {
				t.Errorf("%s, %s: %v", alg, name, err)
			}
		}
		if _, err := Seal(RSAOAEP256, A256GCM, pub, nil, nil); !errors.Is(err, ErrKey) {
			t.Errorf("seal, %s: %v", name, err)
		}
	}
	good, err := Seal(RSAOAEP256, A256GCM, &testkey.RSA(t, "rsa2048-a").PublicKey, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ParseJWE(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]any{"1024 bits": weak, "nil": nil, "signer alone": ed25519.NewKeyFromSeed(make([]byte, 32)), "public": &weak.PublicKey, "bytes": []byte("x"), "secret": secret.NewBytes(make([]byte, 32))} {
		if _, err := e.Open(RSAOAEP256, key, A256GCM); !errors.Is(err, ErrKey) {
			t.Errorf("open, %s: %v", name, err)
		}
	}
	for alg, n := range map[string]int{HS256: 32, HS384: 48, HS512: 64} {
		if err := CheckKey(alg, secret.NewBytes(make([]byte, n-1))); !errors.Is(err, ErrKey) {
			t.Errorf("%s with %d bytes: %v", alg, n-1, err)
		}
		if err := CheckKey(alg, secret.NewBytes(make([]byte, n))); err != nil {
			t.Errorf("%s with %d bytes: %v", alg, n, err)
		}
	}
	for name, seal := range map[string]func() (string, error){
		"GCMKW of 16":        func() (string, error) { return Seal(A256GCMKW, A256GCM, secret.NewBytes(make([]byte, 16)), nil, nil) },
		"GCMKW of bytes":     func() (string, error) { return Seal(A256GCMKW, A256GCM, make([]byte, 32), nil, nil) },
		"dir of 16":          func() (string, error) { return Seal(Dir, A256GCM, secret.NewBytes(make([]byte, 16)), nil, nil) },
		"dir of 33":          func() (string, error) { return Seal(Dir, A256GCM, secret.NewBytes(make([]byte, 33)), nil, nil) },
		"ECDH-ES of nothing": func() (string, error) { return Seal(ECDHES, A256GCM, (*ecdh.PublicKey)(nil), nil, nil) },
		"ECDH-ES of RSA":     func() (string, error) { return Seal(ECDHES, A256GCM, small, nil, nil) },
	} {
		if _, err := seal(); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPSSWantsASaltAsLongAsTheHash(t *testing.T) {
	key := testkey.RSA(t, "rsa2048-a")
	for alg, h := range map[string]crypto.Hash{PS256: crypto.SHA256, PS384: crypto.SHA384, PS512: crypto.SHA512} {
		d := h.New()
		d.Write([]byte("message"))
		digest := d.Sum(nil)
		// Signatures without any salt are among Wycheproof's.
		for _, salt := range []int{1, 20, 32, 48, 64, 100} {
			sig, err := rsa.SignPSS(rand.Reader, key, h, digest, &rsa.PSSOptions{SaltLength: salt})
			if err != nil {
				t.Fatal(err)
			}
			if err := VerifyBytes(alg, &key.PublicKey, []byte("message"), sig); (err == nil) != (salt == h.Size()) {
				t.Errorf("%s, salt of %d bytes: %v", alg, salt, err)
			}
		}
	}
}

func TestSignaturesOfZerosAndOfOtherLengths(t *testing.T) {
	for alg, pair := range allKeys(t) {
		s, err := SignBytes(alg, pair[0], []byte("m"))
		if err != nil {
			t.Fatal(err)
		}
		for name, sig := range map[string][]byte{"none": nil, "zeros": make([]byte, len(s)), "short": s[1:], "cut": s[:len(s)-1], "long": append(bytes.Clone(s), 0), "zero before": append([]byte{0}, s...), "twice": append(bytes.Clone(s), s...), "ones": bytes.Repeat([]byte{255}, len(s))} {
			if err := VerifyBytes(alg, pair[1], []byte("m"), sig); !errors.Is(err, ErrSignature) {
				t.Errorf("%s, %s: %v", alg, name, err)
			}
		}
	}
	// ASN.1, as other protocols write ECDSA, is not what JWS has.
	key := ecKey(t, elliptic.P256())
	digest := sha256.Sum256([]byte("m"))
	der, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyBytes(ES256, &key.PublicKey, []byte("m"), der); !errors.Is(err, ErrSignature) {
		t.Errorf("ASN.1: %v", err)
	}
	// A point that is not on the curve is no key.
	//lint:ignore SA1019 there is no other way to have such a key
	off := &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}
	if err := VerifyBytes(ES256, off, []byte("m"), make([]byte, 64)); err == nil {
		t.Error("a point off the curve verifies")
	}
}

func TestHeadersKeepTheirOrderAndRefuseGames(t *testing.T) {
	key := secret.NewBytes(sequence(1, 32))
	text := func(h Header) string {
		s, err := Sign(HS256, key, h, nil)
		if err != nil {
			return code.Of(err).String()
		}
		return textOf(t, s[:strings.IndexByte(s, '.')])
	}
	for want, h := range map[string]Header{
		`{"alg":"HS256"}`:                                      nil,
		`{"alg":"HS256","kid":"k","iat":-5}`:                   {Text("kid", "k"), Int("iat", -5)},
		`{"kid":"k","alg":"HS256","typ":"JOSE"}`:               {Text("kid", "k"), Here("alg"), Text("typ", "JOSE")},
		`{"alg":"HS256","kid":"a\",\"alg\":\"none"}`:           {Text("kid", `a","alg":"none`)},
		`{"alg":"HS256","channelSecurityContext":"é","n\"":1}`: {Text("channelSecurityContext", "é"), Int(`n"`, 1)},
	} {
		if got := text(h); got != want {
			t.Errorf("header is %s, not %s", got, want)
		}
	}
	for name, h := range map[string]Header{
		"alg": {Text("alg", "none")}, "enc": {Text("enc", "x")}, "iv": {Text("iv", "x")}, "twice": {Text("a", "1"), Text("a", "2")}, "case": {Text("a", "1"), Text("A", "2")}, "Alg": {Text("Alg", "none")}, "Kid": {Text("Kid", "x")},
		"crit": {Text("crit", "x")}, "b64": {Int("b64", 0)}, "zip": {Text("zip", "DEF")}, "jwk": {Text("jwk", "x")}, "x5c": {Text("x5c", "x")}, "p2c": {Int("p2c", 1)}, "kid number": {Int("kid", 1)}, "kid empty": {Text("kid", "")},
		"kid long": {Text("kid", strings.Repeat("k", 257))}, "kid utf-8": {Text("kid", "\xff")}, "no name": {Text("", "x")}, "name utf-8": {Text("\xff", "x")}, "zero": {Param{}}, "here enc": {Here("enc")}, "here kid": {Here("kid")},
		"here twice": {Here("alg"), Here("alg")}, "many": make(Header, 33), "long": {Text("a", strings.Repeat("x", 17_000))},
	} {
		if got := text(h); got != "config" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if _, err := Sign(HS256, key, nil, make([]byte, MaxTokenBytes)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a token that Parse would refuse: %v", err)
	}
}

// TestEveryMessageHasItsOwnKeyAndNonce: nothing that is drawn occurs twice.
func TestEveryMessageHasItsOwnKeyAndNonce(t *testing.T) {
	for _, alg := range KeyAlgorithms() {
		seal, _ := sealKeys(t, alg, A256GCM)
		seen := map[string]bool{}
		for range 50 {
			token, err := Seal(alg, A256GCM, seal, nil, []byte("the same"))
			if err != nil {
				t.Fatal(err)
			}
			parts := strings.Split(token, ".")
			for i, part := range parts {
				if part == "" || i == 0 && (alg == Dir || alg == RSAOAEP256) {
					continue
				}
				if seen[part] {
					t.Fatalf("%s: part %d occurs twice", alg, i)
				}
				seen[part] = true
			}
		}
	}
}

func TestInputsAreLeftAsTheyAre(t *testing.T) {
	message := []byte("message....spare")
	before := bytes.Clone(message)
	for alg, pair := range allKeys(t) {
		sig, err := SignBytes(alg, pair[0], message[:7])
		if err != nil {
			t.Fatal(err)
		}
		if err := VerifyBytes(alg, pair[1], message[:7], sig); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		if _, err := Sign(alg, pair[0], nil, message[:7]); err != nil {
			t.Fatal(err)
		}
	}
	for _, alg := range KeyAlgorithms() {
		for _, encName := range ContentAlgorithms() {
			seal, _ := sealKeys(t, alg, encName)
			if _, err := Seal(alg, encName, seal, nil, message[:7]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !bytes.Equal(message, before) {
		t.Errorf("the message or what lies behind it became %q", message)
	}
}

func TestOneTokenIsReadByMany(t *testing.T) {
	key := testkey.RSA(t, "rsa2048-a")
	jws, err := Parse(token(t, goodHeader))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := Seal(ECDHES, A128CBCHS256, &ecKey(t, elliptic.P256()).PublicKey, nil, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	jwe, err := ParseJWE(sealed)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				if _, err := jws.Verify(RS256, &key.PublicKey); err != nil {
					t.Error(err)
				}
				if got, err := jwe.Open(ECDHES, ecKey(t, elliptic.P256()), A128CBCHS256); err != nil || string(got) != "x" {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// device is a secret, and AES-GCM, that are not in memory as far as this package knows.
type device struct {
	key  secret.Bytes
	fail bool
}

func (d device) MAC(hash crypto.Hash, message []byte) ([]byte, error) {
	if d.fail {
		return nil, io.ErrUnexpectedEOF
	}
	return signatureOf(map[crypto.Hash]string{crypto.SHA256: HS256, crypto.SHA384: HS384, crypto.SHA512: HS512}[hash]).appendMAC(nil, d.key, message)
}

func TestKeysMayLiveInDevices(t *testing.T) {
	key := secret.NewBytes(sequence(1, 64))
	for _, alg := range []string{HS256, HS384, HS512} {
		s, err := Sign(alg, device{key: key}, nil, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		j, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		for name, k := range map[string]any{"device": device{key: key}, "memory": key} {
			if _, err := j.Verify(alg, k); err != nil {
				t.Errorf("%s with a key in %s: %v", alg, name, err)
			}
		}
		if _, err := j.Verify(alg, device{fail: true}); !errors.Is(err, ErrSignature) {
			t.Errorf("%s with a dead device: %v", alg, err)
		}
		if _, err := Sign(alg, device{fail: true}, nil, nil); !errors.Is(err, ErrSigner) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s with a dead device: %v", alg, err)
		}
	}
	aead, err := jwa.NewGCM(sequence(1, 32))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Seal(A256GCMKW, A256GCM, aead, nil, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := ParseJWE(s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := e.Open(A256GCMKW, secret.NewBytes(sequence(1, 32)), A256GCM); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := e.Open(A256GCMKW, aead, A256GCM); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestRefusedMessagesAreCheap is the JWE's half of TestRefusedTokensAreCheap.
func TestRefusedMessagesAreCheap(t *testing.T) {
	if underRace {
		t.Skip("allocations tell nothing under the race detector")
	}
	big := strings.Repeat("A", 12_000)
	tries := failures(t)
	for name, token := range map[string]string{
		"10 MB": strings.Repeat("A", 10<<20), "dots": strings.Repeat(".", MaxTokenBytes), "deep header": enc(strings.Repeat("[", 8000)) + "....", "distinct names": enc(distinct()) + "....",
		"long ciphertext": enc(directHeader) + ".." + b64.EncodeToString(make([]byte, 12)) + "." + big + "." + b64.EncodeToString(make([]byte, 16)), "long key": enc(`{"alg":"RSA-OAEP-256","enc":"A256GCM"}`) + "." + big + ".AAAAAAAAAAAAAAAA.AAAA." + b64.EncodeToString(make([]byte, 16)),
		"long epk":   enc(`{"alg":"ECDH-ES","enc":"A256GCM","epk":{"kty":"EC","crv":"P-521","x":"`+big[:5000]+`","y":"`+big[:5000]+`"}}`) + "..AAAAAAAAAAAAAAAA.AAAA." + b64.EncodeToString(make([]byte, 16)),
		"long party": enc(`{"alg":"ECDH-ES","enc":"A256GCM","epk":{"kty":"OKP","crv":"X25519","x":"`+b64.EncodeToString(sequence(9, 32))+`"},"apu":"`+big[:8000]+`"}`) + "..AAAAAAAAAAAAAAAA.AAAA." + b64.EncodeToString(make([]byte, 16)),
	} {
		f := tries["RSA-OAEP-256 A256GCM, part 1"]
		f.token = token
		tries[name] = f
	}
	f := tries["long ciphertext"]
	f.alg, f.key = Dir, secret.NewBytes(sequence(2, 32))
	tries["long ciphertext"] = f
	var before, after runtime.MemStats
	for name, f := range tries {
		least := uint64(1 << 62)
		for range 3 {
			runtime.ReadMemStats(&before)
			e, err := ParseJWE(f.token)
			if err == nil {
				_, err = e.Open(f.alg, f.key, ContentAlgorithms()...)
			}
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatalf("%s: opened", name)
			}
			least = min(least, after.TotalAlloc-before.TotalAlloc)
		}
		if least > 64<<10 {
			t.Errorf("%s: allocates %d bytes", name, least)
		}
	}
}
