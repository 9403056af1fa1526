package keyring_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bytesOf(t testing.TB, digits string) secret.Bytes { return secret.NewBytes(unhex(t, digits)) }

// refusal puts one key into a ring and says why it is refused.
func refusal(t *testing.T, k keyring.Key) string {
	t.Helper()
	k.ID = "k"
	r, err := keyring.NewRing(k)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := r.Lookup("k")
	return got.Refused
}

func private(t *testing.T, key any) keyring.Private {
	t.Helper()
	p, err := keyring.NewPrivate(key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryKindOfKeyIsKnown(t *testing.T) {
	ecKey := func(c elliptic.Curve) *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	x, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for want, key := range map[string]any{
		"rsa-2048": testkey.RSA(t, "rsa2048-a"), "ec-p-256": ecKey(elliptic.P256()), "ec-p-384": ecKey(elliptic.P384()), "ec-p-521": ecKey(elliptic.P521()),
		"ed25519": ed, "ecdh-x25519": x, "ecdh-p-256": p256,
	} {
		k := keyring.Key{ID: "k", Use: keyring.UseSign, Private: private(t, key)}
		r, err := keyring.NewRing(k)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := r.Lookup("k")
		if got.Refused != "" || got.Kind() != want || got.Public == nil || k.Kind() != want {
			t.Errorf("%s: kind %s, refused %q", want, got.Kind(), got.Refused)
		}
		if why := refusal(t, keyring.Key{Use: keyring.UseVerify, Public: got.Public}); why != "" {
			t.Errorf("%s, its public half: %s", want, why)
		}
		if why := refusal(t, keyring.Key{Use: keyring.UseSign, Public: got.Public}); why == "" {
			t.Errorf("%s: a public key signs", want)
		}
	}
	for name, key := range map[string]any{"nil": nil, "text": "x", "public": &testkey.RSA(t, "rsa2048-a").PublicKey, "P-224": ecKey(elliptic.P224())} {
		if _, err := keyring.NewPrivate(key); !errors.Is(err, keyring.ErrKind) || code.Of(err) != code.KeyKind {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := testkey.RSA(t, "rsa2048-b").PublicKey
	if why := refusal(t, keyring.Key{Use: keyring.UseSign, Private: private(t, testkey.RSA(t, "rsa2048-a")), Public: &other}); !strings.Contains(why, "no pair") {
		t.Errorf("halves of two pairs: %q", why)
	}
	if why := refusal(t, keyring.Key{Use: keyring.UseSign, Private: private(t, testkey.RSA(t, "rsa1024"))}); !strings.Contains(why, "weak") {
		t.Errorf("a weak pair: %q", why)
	}
}

func TestAlgorithmMustFitTheKey(t *testing.T) {
	rsaKey, ec := &testkey.RSA(t, "rsa2048-a").PublicKey, func() *ecdsa.PublicKey {
		k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return &k.PublicKey
	}()
	n := func(n int) secret.Bytes { return secret.NewBytes(bytes.Repeat([]byte{1, 2, 3}, n)[:n]) }
	for _, c := range []struct {
		key  keyring.Key
		good bool
	}{
		{keyring.Key{Alg: "RS256", Public: rsaKey}, true}, {keyring.Key{Alg: "PS512", Public: rsaKey}, true}, {keyring.Key{Alg: "RSA-OAEP-256", Public: rsaKey}, true},
		{keyring.Key{Alg: "ES256", Public: rsaKey}, false}, {keyring.Key{Alg: "HS256", Public: rsaKey}, false}, {keyring.Key{Alg: "TDES", Public: rsaKey}, false},
		{keyring.Key{Alg: "ES256", Public: ec}, true}, {keyring.Key{Alg: "ES384", Public: ec}, false}, {keyring.Key{Alg: "ECDH-ES+A256KW", Public: ec}, true}, {keyring.Key{Alg: "EdDSA", Public: ec}, false},
		{keyring.Key{Alg: "x-own", Public: ec}, true},
		{keyring.Key{Alg: "RS256", Secret: n(32)}, false}, {keyring.Key{Alg: "ES256", Secret: n(32)}, false},
		{keyring.Key{Alg: "HS256", Secret: n(32)}, true}, {keyring.Key{Alg: "HS256", Secret: n(31)}, false}, {keyring.Key{Alg: "HS512", Secret: n(63)}, false}, {keyring.Key{Alg: "HS512", Secret: n(80)}, true},
		{keyring.Key{Alg: "A256GCMKW", Secret: n(32)}, true}, {keyring.Key{Alg: "A256GCMKW", Secret: n(33)}, false}, {keyring.Key{Alg: "A128GCM", Secret: n(16)}, true},
		{keyring.Key{Alg: "TDES", Secret: n(16)}, true}, {keyring.Key{Alg: "TDES", Secret: n(24)}, true}, {keyring.Key{Alg: "TDES", Secret: n(8)}, false},
		{keyring.Key{Alg: "TDES", Secret: secret.NewBytes(bytes.Repeat([]byte{7}, 16))}, false},
		{keyring.Key{Scheme: "stripe", Secret: n(16)}, true}, {keyring.Key{Scheme: "stripe", Secret: n(15)}, false}, {keyring.Key{Secret: n(15)}, false}, {keyring.Key{Alg: "HS256", Scheme: "stripe", Secret: n(25)}, true},
	} {
		c.key.Use = keyring.UseVerify
		if why := refusal(t, c.key); (why == "") != c.good {
			t.Errorf("%s with %s: refused %q", c.key.Alg, c.key.Kind(), why)
		}
	}
	// The parts differ in parity bits alone.
	parity := secret.NewBytes(append(bytes.Repeat([]byte{6}, 8), bytes.Repeat([]byte{7}, 8)...))
	if why := refusal(t, keyring.Key{Use: keyring.UseEncrypt, Alg: keyring.AlgTDES, Secret: parity}); !strings.Contains(why, "single DES") {
		t.Errorf("%q", why)
	}
}

func TestPrivateKeysWorkAndDoNotPrint(t *testing.T) {
	pair := testkey.RSA(t, "rsa2048-a")
	k := keyring.Key{ID: "k", Use: keyring.UseSign, Private: private(t, pair)}
	s, err := k.Signer()
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("x"))
	sig, err := s.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil || rsa.VerifyPKCS1v15(s.Public().(*rsa.PublicKey), crypto.SHA256, digest[:], sig) != nil {
		t.Fatal("the signer does not sign", err)
	}
	d, err := k.Decrypter()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &pair.PublicKey, []byte("plain"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := d.Decrypt(rand.Reader, sealed, &rsa.OAEPOptions{Hash: crypto.SHA256}); err != nil || string(plain) != "plain" {
		t.Errorf("%q %v", plain, err)
	}
	for _, opts := range []crypto.DecrypterOpts{nil, struct{ SessionKeyLen int }{16}, (*rsa.OAEPOptions)(nil)} {
		if _, err := d.Decrypt(rand.Reader, sealed, opts); !errors.Is(err, keyring.ErrKind) {
			t.Errorf("%T: other padding than OAEP: %v", opts, err)
		}
	}
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	agree, err := private(t, ec).KeyExchanger()
	if err != nil {
		t.Fatal(err)
	}
	peer, _ := ecdh.P256().GenerateKey(rand.Reader)
	one, err1 := agree.ECDH(peer.PublicKey())
	two, err2 := peer.ECDH(agree.PublicKey())
	if err1 != nil || err2 != nil || !bytes.Equal(one, two) || agree.Curve() != ecdh.P256() {
		t.Error("key agreement", err1, err2)
	}
	if _, err := private(t, ec).Decrypter(); !errors.Is(err, keyring.ErrKind) {
		t.Errorf("an ECDSA key decrypts: %v", err)
	}
	var none keyring.Private
	if _, err := none.Signer(); !errors.Is(err, keyring.ErrKind) || none.Public() != nil || none.Reveal() != nil {
		t.Error("the zero Private holds something")
	}
	digits := []string{pair.D.String()[:40], hex.EncodeToString(pair.D.Bytes())[:40], strings.Trim(fmt.Sprint(pair.D.Bits()[:4]), "[]"), strings.Trim(fmt.Sprint(pair.D.Bytes()[:12]), "[]")}
	for _, v := range []any{k, &k, k.Private, &k.Private, s, d, agree, []any{s}, struct{ hidden crypto.Signer }{s}, struct{ p keyring.Private }{k.Private}} {
		for _, f := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			out := fmt.Sprintf(f, v)
			for _, planted := range digits {
				if strings.Contains(out, planted) {
					t.Errorf("%T %s shows the private key", v, f)
				}
			}
		}
		if b, err := json.Marshal(v); err == nil && bytes.Contains(b, []byte(digits[0])) {
			t.Errorf("%T shows the private key as JSON", v)
		}
	}
}

type fakeDevice struct{ PIN string }

func (fakeDevice) MAC(crypto.Hash, []byte) ([]byte, error) { return []byte("mac"), nil }

func TestDevicesTakeTheSecretsPlace(t *testing.T) {
	d, err := keyring.NewDevice(fakeDevice{"planted-pin"})
	if err != nil {
		t.Fatal(err)
	}
	k := keyring.Key{Use: keyring.UseVerify, Alg: "HS256", Device: d}
	if why := refusal(t, k); why != "" || k.Kind() != "device" {
		t.Error(why, k.Kind())
	}
	m, err := k.MACer()
	if err != nil {
		t.Fatal(err)
	}
	if mac, err := m.MAC(crypto.SHA256, nil); string(mac) != "mac" || err != nil {
		t.Error(mac, err)
	}
	for _, f := range []string{"%v", "%+v", "%#v"} {
		if out := fmt.Sprintf(f, k); strings.Contains(out, "planted") {
			t.Error(out)
		}
	}
	for _, err := range []error{
		func() error { _, err := k.TDES(); return err }(), func() error { _, err := k.AEAD(); return err }(), func() error { _, err := k.KeyWrapper(); return err }(),
		func() error { _, err := keyring.NewDevice(5); return err }(),
	} {
		if !errors.Is(err, keyring.ErrKind) {
			t.Error(err)
		}
	}
}

func TestPortsOfSecretsInMemory(t *testing.T) {
	k := keyring.Key{Alg: "HS256", Secret: bytesOf(t, strings.Repeat("0b", 32))}
	m, err := k.MACer()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		want := hmac.New(h.New, k.Secret.Reveal())
		want.Write([]byte("Hi There"))
		if got, err := m.MAC(h, []byte("Hi There")); err != nil || !bytes.Equal(got, want.Sum(nil)) {
			t.Error(h, err)
		}
	}
	for _, h := range []crypto.Hash{crypto.SHA1, crypto.MD5, 0} {
		if _, err := m.MAC(h, nil); !errors.Is(err, keyring.ErrKind) {
			t.Errorf("%d: %v", h, err)
		}
	}
	aes := keyring.Key{Alg: "A256GCMKW", Secret: k.Secret}
	if a, err := aes.AEAD(); err != nil || a.NonceSize() != 12 {
		t.Error(err)
	}
	if _, err := aes.TDES(); !errors.Is(err, keyring.ErrKind) {
		t.Error(err)
	}
	if _, err := aes.KeyWrapper(); !errors.Is(err, keyring.ErrKind) {
		t.Error(err)
	}
}

// NIST SP 800-67 gives no CBC vector with a key of two parts; OpenSSL makes them.
func TestTDESAgreesWithOpenSSL(t *testing.T) {
	bin, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed, nothing independent to compare Triple DES with")
	}
	for cipher, key := range map[string]string{"des-ede-cbc": "0123456789abcdeffedcba9876543210", "des-ede3-cbc": "0123456789abcdef23456789abcdef01456789abcdef0123"} {
		k := keyring.Key{Alg: keyring.AlgTDES, Secret: bytesOf(t, key)}
		box, err := k.TDES()
		if err != nil {
			t.Fatal(err)
		}
		for _, iv := range []string{"0000000000000000", "1122334455667788"} {
			plain := []byte("sixteen letters!and eight")[:24]
			cmd := exec.Command(bin, "enc", "-"+cipher, "-K", key, "-iv", iv, "-nopad")
			cmd.Stdin = bytes.NewReader(plain)
			want, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			got, err := box.EncryptCBC(unhex(t, iv), plain)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %x, OpenSSL says %x (%v)", cipher, got, want, err)
			}
			if back, err := box.DecryptCBC(unhex(t, iv), got); err != nil || !bytes.Equal(back, plain) {
				t.Errorf("%s does not open: %v", cipher, err)
			}
		}
		for _, bad := range [][2]int{{7, 8}, {8, 7}, {0, 8}, {16, 16}} {
			if _, err := box.EncryptCBC(make([]byte, bad[0]), make([]byte, bad[1])); !errors.Is(err, keyring.ErrKind) {
				t.Errorf("iv of %d, text of %d: %v", bad[0], bad[1], err)
			}
		}
	}
}

func TestCheckValues(t *testing.T) {
	// CMAC of zero blocks: computed with "openssl mac -macopt cipher:AES-NNN-CBC
	// -macopt hexkey:KEY CMAC" over 16 zero bytes; TestCheckValuesAgreeWithOpenSSL asks again.
	const aes128 = "2b7e151628aed2a6abf7158809cf4f3c" // RFC 4493: AES(0) is 7df76b0c1ab899b33e42f047b91b546f
	if got, err := keyring.CheckValue(keyring.CheckAESZero, bytesOf(t, aes128)); err != nil || got != "7DF76B" {
		t.Errorf("aes-zero of RFC 4493's key: %s %v", got, err)
	}
	tdes := bytesOf(t, "0123456789abcdeffedcba9876543210")
	if got, err := keyring.CheckValue(keyring.CheckTDESZero, tdes); err != nil || got != "08D7B4" {
		t.Errorf("tdes-zero: %s %v", got, err)
	}
	if err := keyring.MatchCheckValue(keyring.CheckTDESZero, tdes, "08d7b4fb62"); err != nil {
		t.Error("five bytes, lower case:", err)
	}
	for _, stated := range []string{"", "08D7", "08D7B5", "08D7B4FB6299", "08D7Bx", "08 D7 B4"} {
		err := keyring.MatchCheckValue(keyring.CheckTDESZero, tdes, stated)
		if !errors.Is(err, keyring.ErrCheckValue) || code.Of(err) != code.CheckValue {
			t.Errorf("%q: %v", stated, err)
		}
		if stated != "" && err != nil && strings.Contains(err.Error(), stated) {
			t.Errorf("%q is quoted", stated)
		}
	}
	for m, key := range map[keyring.CheckMethod]secret.Bytes{keyring.CheckAESCMAC: bytesOf(t, "00"), keyring.CheckAESZero: {}, keyring.CheckTDESZero: bytesOf(t, aes128[:16]), keyring.CheckHMAC: {}, "sha1": tdes} {
		if _, err := keyring.CheckValue(m, key); !errors.Is(err, keyring.ErrKind) {
			t.Errorf("%s: %v", m, err)
		}
	}
	for alg, want := range map[string]keyring.CheckMethod{"TDES": keyring.CheckTDESZero, "A256GCMKW": keyring.CheckAESCMAC, "A128CBC": keyring.CheckAESCMAC, "HS256": keyring.CheckHMAC, "A128CBC-HS256": keyring.CheckHMAC, "": keyring.CheckHMAC, "Aardvark": keyring.CheckHMAC} {
		if got := keyring.CheckMethodOf(alg); got != want {
			t.Errorf("%s: %s", alg, got)
		}
	}
}

func TestCheckValuesAgreeWithOpenSSL(t *testing.T) {
	bin, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed, nothing independent to compare check values with")
	}
	run := func(in []byte, args ...string) string {
		cmd := exec.Command(bin, args...)
		cmd.Stdin = bytes.NewReader(in)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("openssl %s: %v", args[0], err)
		}
		return strings.ToUpper(strings.TrimSpace(string(out)))
	}
	for i := range 60 {
		n := []int{16, 24, 32}[i%3]
		key := make([]byte, n)
		_, _ = rand.Read(key)
		digits := hex.EncodeToString(key)
		want := run(make([]byte, 16), "mac", "-cipher", fmt.Sprintf("AES-%d-CBC", n*8), "-macopt", "hexkey:"+digits, "CMAC")
		if got, err := keyring.CheckValue(keyring.CheckAESCMAC, secret.NewBytes(key)); err != nil || got != want[:6] {
			t.Errorf("aes-cmac of a key of %d bytes: %s, OpenSSL says %s (%v)", n, got, want[:6], err)
		}
		if i < 6 {
			want = run(nil, "mac", "-digest", "SHA256", "-macopt", "hexkey:"+digits, "HMAC")
			if got, err := keyring.CheckValue(keyring.CheckHMAC, secret.NewBytes(key)); err != nil || got != want[:6] {
				t.Errorf("hmac-sha256: %s, OpenSSL says %s (%v)", got, want[:6], err)
			}
		}
	}
}

func TestCurrentRotatesByItself(t *testing.T) {
	start := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	key := func(id string, from, to time.Time) keyring.Key {
		k := good(id)
		k.Use, k.Alg, k.NotBefore, k.NotAfter = keyring.UseSign, "HS256", from, to
		return k
	}
	turn := start.Add(time.Hour)
	r, err := keyring.NewRing(key("old", start, turn.Add(time.Hour)), key("new", turn, time.Time{}), key("other-alg", turn.Add(time.Minute), time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		now  time.Time
		want string
	}{{start, "old"}, {turn.Add(-1), "old"}, {turn, "new"}, {turn.Add(time.Minute), "other-alg"}, {turn.Add(24 * time.Hour), "other-alg"}} {
		if k, err := r.Current(keyring.UseSign, "HS256", "", c.now); err != nil || k.ID != c.want {
			t.Errorf("at %v: %v %v", c.now, k, err)
		}
	}
	if _, err := r.Current(keyring.UseSign, "HS256", "", start.Add(-1)); !errors.Is(err, keyring.ErrNoKey) {
		t.Errorf("before all: %v", err)
	}
	var none *keyring.Ring
	if _, err := none.Current(keyring.UseSign, "HS256", "", start); !errors.Is(err, keyring.ErrNoKey) {
		t.Errorf("nil ring: %v", err)
	}
}

func TestJoinAsksInOrder(t *testing.T) {
	a, b := good("k"), good("k")
	b.Scheme = "second"
	one, _ := keyring.NewRing(a)
	two, _ := keyring.NewRing(b, good("only-here"))
	j := keyring.Join{one, two}
	if k, ok := j.Lookup("k"); !ok || k.Scheme != "" {
		t.Error("the first does not win")
	}
	if _, ok := j.Lookup("only-here"); !ok {
		t.Error("the second is not asked")
	}
	if _, ok := (keyring.Join{}).Lookup("k"); ok {
		t.Error("nobody has it")
	}
}
