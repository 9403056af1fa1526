package pkcs11

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1"
	"crypto/sha256"
	_ "crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
)

const (
	tokenLabel = "issuant test"
	pin        = "planted-pin-73"
)

// require makes a machine without SoftHSM a failure; CI sets it, after installing it.
const require = "ISSUANT_REQUIRE_SOFTHSM"

var shared *Token // of all tests; nil when there is no SoftHSM

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "softhsm")
	if err != nil {
		panic(err)
	}
	why := start(dir)
	if why != "" && os.Getenv(require) != "" {
		fmt.Println("pkcs11:", why)
		os.Exit(1)
	}
	status := m.Run()
	if why != "" {
		fmt.Println("pkcs11: nothing was tried on a token:", why)
	}
	if shared != nil {
		_ = shared.Close()
	}
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// start makes a token in a folder and opens it; it returns why it cannot.
func start(dir string) (why string) {
	module := os.Getenv("SOFTHSM2_MODULE")
	for _, name := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so"} {
		if _, err := os.Stat(name); module == "" && err == nil {
			module = name
		}
	}
	tool, err := exec.LookPath("softhsm2-util")
	if module == "" || err != nil {
		return "SoftHSM 2 is not installed (Debian: apt-get install softhsm2; its module may be named by SOFTHSM2_MODULE)"
	}
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+dir+"\nlog.level = ERROR\n"), 0o600); err != nil {
		return err.Error()
	}
	os.Setenv("SOFTHSM2_CONF", conf)
	if out, err := exec.Command(tool, "--init-token", "--free", "--label", tokenLabel, "--pin", pin, "--so-pin", "12345678").CombinedOutput(); err != nil {
		return fmt.Sprintf("softhsm2-util: %v: %s", err, out)
	}
	config.Module = module
	// Once somebody has logged in, the token does not look at the PIN again.
	wrong := config
	wrong.PIN = secret.NewText("planted-wrong")
	if _, errWrongPIN = Open(wrong); errWrongPIN == nil {
		return "it opens with a wrong PIN"
	}
	if shared, err = Open(config); err != nil {
		return err.Error()
	}
	return ""
}

var errWrongPIN error // what Open said to a wrong PIN

var config = Config{Token: tokenLabel, PIN: secret.NewText(pin)}

func token(t *testing.T) *Token {
	t.Helper()
	if shared == nil {
		t.Skip("there is no SoftHSM; " + require + "=1 makes that a failure")
	}
	return shared
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// put brings a known key into the token, where nothing gets it out again.
func put(t *testing.T, tok *Token, label string, kind uint, value []byte) {
	t.Helper()
	s := tok.open()
	session, err := s.raw.OpenSession(s.slot, p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	defer s.raw.CloseSession(session)
	attributes := []*p11.Attribute{
		p11.NewAttribute(p11.CKA_CLASS, p11.CKO_SECRET_KEY), p11.NewAttribute(p11.CKA_KEY_TYPE, kind), p11.NewAttribute(p11.CKA_LABEL, label), p11.NewAttribute(p11.CKA_ID, []byte(label)),
		p11.NewAttribute(p11.CKA_TOKEN, true), p11.NewAttribute(p11.CKA_PRIVATE, true), p11.NewAttribute(p11.CKA_SENSITIVE, true), p11.NewAttribute(p11.CKA_EXTRACTABLE, false), p11.NewAttribute(p11.CKA_VALUE, value),
	}
	for _, may := range []uint{p11.CKA_SIGN, p11.CKA_VERIFY, p11.CKA_ENCRYPT, p11.CKA_DECRYPT, p11.CKA_WRAP, p11.CKA_UNWRAP} {
		attributes = append(attributes, p11.NewAttribute(may, true))
	}
	if _, err := s.raw.CreateObject(session, attributes); err != nil {
		t.Fatal(err)
	}
}

// both are the key of the token and one in memory of the same value.
func both(t *testing.T, label string, kind uint, alg string, value []byte) (inToken, inMemory keyring.Key) {
	t.Helper()
	tok := token(t)
	put(t, tok, label, kind, value)
	d, err := tok.Secret(label)
	if err != nil {
		t.Fatal(err)
	}
	return keyring.Key{ID: label, Alg: alg, Use: keyring.UseVerify, Device: d}, keyring.Key{ID: label, Alg: alg, Use: keyring.UseVerify, Secret: secret.NewBytes(value)}
}

func TestPairsOfTheTokenSignAndDecrypt(t *testing.T) {
	tok := token(t)
	for kind, curve := range map[string]elliptic.Curve{RSA2048: nil, ECP256: elliptic.P256(), ECP384: elliptic.P384(), ECP521: elliptic.P521()} {
		label := "pair-" + kind
		if err := tok.Generate(label, kind); err != nil {
			t.Fatal(err)
		}
		if err := tok.Generate(label, kind); !errors.Is(err, ErrDevice) {
			t.Errorf("%s: a label twice: %v", kind, err)
		}
		p, err := tok.Pair(label)
		if err != nil {
			t.Fatal(err)
		}
		ring, err := keyring.NewRing(keyring.Key{ID: label, Use: keyring.UseSign, Private: p})
		if err != nil {
			t.Fatal(err)
		}
		k, err := ring.Current(keyring.UseSign, "", "", time.Now())
		if err != nil || k.Kind() != kind {
			t.Fatal(kind, err)
		}
		s, err := k.Signer()
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256([]byte("x"))
		sig, err := s.Sign(rand.Reader, digest[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if curve != nil {
			if pub := k.Public.(*ecdsa.PublicKey); pub.Curve != curve || !ecdsa.VerifyASN1(pub, digest[:], sig) {
				t.Errorf("%s: the signature does not verify", kind)
			}
			if _, err := k.Decrypter(); !errors.Is(err, keyring.ErrKind) {
				t.Errorf("%s decrypts: %v", kind, err)
			}
			continue
		}
		pub := k.Public.(*rsa.PublicKey)
		if rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest[:], sig) != nil {
			t.Error("PKCS #1 v1.5 does not verify")
		}
		opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
		if sig, err := s.Sign(rand.Reader, digest[:], opts); err != nil || rsa.VerifyPSS(pub, crypto.SHA256, digest[:], sig, opts) != nil {
			t.Error("PSS does not verify", err)
		}
		decrypts(t, k, pub)
		signsTokens(t, s, pub)
	}
}

// SoftHSM has OAEP with SHA-1 alone; a real device has SHA-256, and the code is the same.
func decrypts(t *testing.T, k *keyring.Key, pub *rsa.PublicKey) {
	t.Helper()
	d, err := k.Decrypter()
	if err != nil {
		t.Fatal(err)
	}
	for hash, works := range map[crypto.Hash]bool{crypto.SHA1: true, crypto.SHA256: false} {
		sealed, err := rsa.EncryptOAEP(hash.New(), rand.Reader, pub, []byte("plain"), nil)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := d.Decrypt(rand.Reader, sealed, &rsa.OAEPOptions{Hash: hash})
		switch {
		case works && (err != nil || string(plain) != "plain"):
			t.Errorf("OAEP with %v: %q %v", hash, plain, err)
		case !works && err == nil:
			t.Logf("this SoftHSM opens OAEP with %v too", hash)
		case !works && (!errors.Is(err, ErrDevice) || code.Of(err) != code.Device):
			t.Errorf("OAEP with %v: %v", hash, err)
		}
		if works {
			sealed[5] ^= 1
			if _, err := d.Decrypt(rand.Reader, sealed, &rsa.OAEPOptions{Hash: hash}); !errors.Is(err, ErrDevice) {
				t.Errorf("a changed text: %v", err)
			}
		}
	}
	if _, err := d.Decrypt(rand.Reader, make([]byte, 256), nil); !errors.Is(err, keyring.ErrKind) {
		t.Errorf("PKCS #1 v1.5: %v", err)
	}
}

// The token signs what crypto/jose verifies.
func signsTokens(t *testing.T, s crypto.Signer, pub *rsa.PublicKey) {
	t.Helper()
	text, err := jose.SignRS256(s, "k", []byte(`{"iss":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	j, err := jose.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if payload, err := j.VerifyRS256(pub); err != nil || string(payload) != `{"iss":"x"}` {
		t.Errorf("%q %v", payload, err)
	}
}

func TestMACsOfTheTokenAreThoseInMemory(t *testing.T) {
	value := make([]byte, 64)
	_, _ = rand.Read(value)
	inToken, inMemory := both(t, "mac", p11.CKK_GENERIC_SECRET, "HS256", value)
	a, err1 := inToken.MACer()
	b, err2 := inMemory.MACer()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for _, n := range []int{0, 1, 63, 64, 65, 5000} {
		message := make([]byte, n)
		_, _ = rand.Read(message)
		for _, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
			x, err1 := a.MAC(hash, message)
			y, err2 := b.MAC(hash, message)
			if err1 != nil || err2 != nil || !bytes.Equal(x, y) {
				t.Errorf("%v of %d bytes: %x, in memory %x (%v, %v)", hash, n, x, y, err1, err2)
			}
		}
	}
	if _, err := a.MAC(crypto.SHA1, nil); !errors.Is(err, keyring.ErrKind) {
		t.Error(err)
	}
	if _, err := inToken.TDES(); !errors.Is(err, keyring.ErrKind) {
		t.Error(err)
	}
}

func TestTDESOfTheTokenIsThatInMemory(t *testing.T) {
	inToken, inMemory := both(t, "wsd", p11.CKK_DES3, keyring.AlgTDES, unhex(t, "0123456789abcdef23456789abcdef01456789abcdef0123"))
	a, err1 := inToken.TDES()
	b, err2 := inMemory.TDES()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for _, iv := range []string{"0000000000000000", "1122334455667788"} {
		for _, n := range []int{0, 8, 64, 800} {
			plain := bytes.Repeat([]byte("visa wsd"), n/8)
			x, err1 := a.EncryptCBC(unhex(t, iv), plain)
			y, err2 := b.EncryptCBC(unhex(t, iv), plain)
			if err1 != nil || err2 != nil || !bytes.Equal(x, y) {
				t.Errorf("%d bytes: %x, in memory %x (%v, %v)", n, x, y, err1, err2)
			}
			if back, err := a.DecryptCBC(unhex(t, iv), x); err != nil || !bytes.Equal(back, plain) {
				t.Errorf("%d bytes do not open: %v", n, err)
			}
		}
	}
	for _, bad := range [][2]int{{7, 8}, {8, 7}} {
		if _, err := a.EncryptCBC(make([]byte, bad[0]), make([]byte, bad[1])); !errors.Is(err, keyring.ErrKind) {
			t.Error(err)
		}
	}
	// The check value, made by the token.
	zero, err := a.EncryptCBC(make([]byte, 8), make([]byte, 8))
	if err != nil {
		t.Fatal(err)
	}
	if err := keyring.MatchCheckValue(keyring.CheckTDESZero, inMemory.Secret, hex.EncodeToString(zero[:3])); err != nil {
		t.Error(err)
	}
}

func TestGCMOfTheTokenIsThatInMemory(t *testing.T) {
	inToken, inMemory := both(t, "gcm", p11.CKK_AES, "A256GCMKW", unhex(t, strings.Repeat("0123456789abcdef", 4)))
	a, err1 := inToken.AEAD()
	b, err2 := inMemory.AEAD()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	nonce, plain, more := make([]byte, 12), []byte("a content encryption key"), []byte("header")
	x, y := a.Seal(nil, nonce, plain, more), b.Seal(nil, nonce, plain, more)
	if !bytes.Equal(x, y) || a.NonceSize() != 12 || a.Overhead() != 16 {
		t.Errorf("%x, in memory %x", x, y)
	}
	if back, err := a.Open(nil, nonce, y, more); err != nil || !bytes.Equal(back, plain) {
		t.Error(err)
	}
	x[3] ^= 1
	if _, err := a.Open(nil, nonce, x, more); !errors.Is(err, ErrDevice) {
		t.Errorf("a changed text: %v", err)
	}
	// JWE under a key of the token, opened with the one in memory, and back.
	for _, pair := range [][2]any{{a, inMemory.Secret}, {inMemory.Secret, a}} {
		text, err := jose.Seal("A256GCMKW", "A256GCM", pair[0], jose.Header{}, []byte("plain"))
		if err != nil {
			t.Fatal(err)
		}
		if !opens(t, text, pair[1]) {
			t.Error("the JWE does not open")
		}
	}
}

// Known answers of RFC 3394, sections 4.1 and 4.6.
func TestKeyWrapIsThatOfRFC3394(t *testing.T) {
	for label, c := range map[string][3]string{
		"wrap-128": {"000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff", "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"},
		"wrap-256": {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f", "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"},
	} {
		inToken, _ := both(t, label, p11.CKK_AES, "A256KW", unhex(t, c[0]))
		w, err := inToken.KeyWrapper()
		if err != nil {
			t.Fatal(err)
		}
		wrapped, err := w.WrapKey(secret.NewBytes(unhex(t, c[1])))
		if err != nil || hex.EncodeToString(wrapped) != c[2] {
			t.Errorf("%s: %x %v", label, wrapped, err)
		}
		plain, err := w.UnwrapKey(unhex(t, c[2]))
		if err != nil || !bytes.Equal(plain.Reveal(), unhex(t, c[1])) {
			t.Errorf("%s does not unwrap: %v", label, err)
		}
		for i := range wrapped {
			changed := bytes.Clone(wrapped)
			changed[i] ^= 0x40
			if _, err := w.UnwrapKey(changed); !errors.Is(err, keyring.ErrUnwrap) || code.Of(err) != code.Unwrap {
				t.Errorf("%s, byte %d changed: %v", label, i, err)
			}
		}
		for _, n := range []int{0, 8, 23, 25, 528} {
			if _, err := w.UnwrapKey(make([]byte, n)); !errors.Is(err, keyring.ErrUnwrap) {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
		for _, n := range []int{0, 8, 17, 520} {
			if _, err := w.WrapKey(secret.NewBytes(make([]byte, n))); !errors.Is(err, keyring.ErrKind) {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
	}
	// A key that was made in the token wraps, too.
	tok := token(t)
	if err := tok.Generate("wrap-made", AES256); err != nil {
		t.Fatal(err)
	}
	d, err := tok.Secret("wrap-made")
	if err != nil {
		t.Fatal(err)
	}
	w, err := (&keyring.Key{Device: d}).KeyWrapper()
	if err != nil {
		t.Fatal(err)
	}
	key := secret.NewBytes(bytes.Repeat([]byte{7}, 32))
	wrapped, err := w.WrapKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := w.UnwrapKey(wrapped); err != nil || !back.Equal(key) {
		t.Error(err)
	}
}

func TestWhatIsNotThereIsAnError(t *testing.T) {
	tok := token(t)
	for _, label := range []string{"", strings.Repeat("x", 256), "nobody"} {
		if _, err := tok.Pair(label); !errors.Is(err, ErrNoKey) || code.Of(err) != code.NoKey {
			t.Errorf("pair %q: %v", label, err)
		}
		if _, err := tok.Secret(label); !errors.Is(err, ErrNoKey) {
			t.Errorf("secret %q: %v", label, err)
		}
	}
	for _, kind := range []string{"", "ed25519", "rsa-1024", "des"} {
		if err := tok.Generate("x", kind); !errors.Is(err, keyring.ErrKind) {
			t.Errorf("%q: %v", kind, err)
		}
	}
	for _, kind := range []string{HMAC256, AES128, TDES3} {
		if err := tok.Generate("made-"+kind, kind); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if _, err := tok.Secret("made-" + kind); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	put(t, tok, "twice", p11.CKK_GENERIC_SECRET, bytes.Repeat([]byte{1}, 32))
	put(t, tok, "twice", p11.CKK_GENERIC_SECRET, bytes.Repeat([]byte{2}, 32))
	if _, err := tok.Secret("twice"); !errors.Is(err, ErrNoKey) {
		t.Errorf("two keys of one label: %v", err)
	}
}

func TestThePINIsNotPrinted(t *testing.T) {
	tok := token(t)
	err := errWrongPIN
	missing := config
	missing.Module = "/nowhere/module.so"
	_, err2 := Open(missing)
	other := config
	other.Token = "nobody"
	_, err3 := Open(other)
	_, err4 := Open(Config{})
	for _, err := range []error{err, err2, err3, err4} {
		if !errors.Is(err, ErrDevice) || code.Of(err) != code.Device || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v", err)
		}
	}
	if err := tok.Generate("printed", HMAC256); err != nil {
		t.Fatal(err)
	}
	d, err5 := tok.Secret("printed")
	if err5 != nil {
		t.Fatal(err5)
	}
	k := keyring.Key{Device: d}
	m, _ := k.MACer()
	for _, v := range []any{config, &config, tok, *tok, d, k, []any{tok}, struct{ t *Token }{tok}, err, err2, err3, m} {
		for _, f := range []string{"%v", "%+v", "%#v", "%s"} {
			if out := fmt.Sprintf(f, v); strings.Contains(out, "planted") {
				t.Errorf("%T %s shows the PIN", v, f)
			}
		}
	}
}

func TestManyCallsAtATime(t *testing.T) {
	tok := token(t)
	if err := tok.Generate("busy", HMAC256); err != nil {
		t.Fatal(err)
	}
	d, err := tok.Secret("busy")
	if err != nil {
		t.Fatal(err)
	}
	m, err := (&keyring.Key{Device: d}).MACer()
	if err != nil {
		t.Fatal(err)
	}
	want, err := m.MAC(crypto.SHA256, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 40 { // more than there are sessions
		wg.Go(func() {
			for range 25 {
				if got, err := m.MAC(crypto.SHA256, []byte("x")); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%x %v", got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestAClosedTokenAnswersAnError(t *testing.T) {
	token(t)
	tok, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := tok.Generate("closing", AES256); err != nil {
		t.Fatal(err)
	}
	d, err := tok.Secret("closing")
	if err != nil {
		t.Fatal(err)
	}
	k := keyring.Key{Device: d}
	w, err := k.KeyWrapper()
	if err != nil {
		t.Fatal(err)
	}
	a, err := k.AEAD()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := tok.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.WrapKey(secret.NewBytes(make([]byte, 16))); !errors.Is(err, ErrDevice) {
		t.Error(err)
	}
	if _, err := tok.Pair("closing"); !errors.Is(err, ErrDevice) {
		t.Error(err)
	}
	defer func() {
		if err, ok := recover().(error); !ok || !errors.Is(err, ErrDevice) {
			t.Errorf("Seal: %v", err)
		}
	}()
	a.Seal(nil, make([]byte, 12), nil, nil)
}

func opens(t *testing.T, text string, key any) bool {
	t.Helper()
	j, err := jose.ParseJWE(text)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := j.Open("A256GCMKW", key, "A256GCM")
	if err != nil {
		t.Error(err)
	}
	return string(plain) == "plain"
}
