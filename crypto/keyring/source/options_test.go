package source_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
	"github.com/issuant/issuant/internal/testutil"
)

func ExampleLoad() {
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	set := `{"format":1,"keys":[{"kid":"hook-1","kty":"oct","scheme":"stripe","k":"AAECAwQFBgcICQoLDA0ODw"}]}`
	if err := os.WriteFile(filepath.Join(dir, "hooks.jwks"), []byte(set), 0o600); err != nil {
		panic(err)
	}
	keys, warnings, err := source.Load(dir, source.Options{})
	fmt.Println(len(keys), keys[0].ID, keys[0].Kind(), keys[0].Scheme, keys[0].Secret, warnings, err)
	// Output: 1 hook-1 secret-16 stripe [key] [] <nil>
}

func write(t testing.TB, name string, data []byte, mode fs.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	// A new file takes its place by renaming, as an operator's tools do.
	if err := os.WriteFile(name+"~", data, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name+"~", mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+"~", name); err != nil {
		t.Fatal(err)
	}
	return name
}

func pemOf(kind string, der []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// pairs are key pairs of each kind.
func pairs(t testing.TB) map[string]crypto.Signer {
	m := map[string]crypto.Signer{"rsa-2048": testkey.RSA(t, "rsa2048-a")}
	for name, curve := range map[string]elliptic.Curve{"ec-p-256": elliptic.P256(), "ec-p-384": elliptic.P384(), "ec-p-521": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		m[name] = key
	}
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	m["ed25519"] = ed
	return m
}

func TestParseReadsPEMOfEachKind(t *testing.T) {
	for kind, key := range pairs(t) {
		forms := map[string][]byte{}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		forms["private PKCS #8"] = pemOf("PRIVATE KEY", der, err)
		der, err = x509.MarshalPKIXPublicKey(key.Public())
		forms["public"] = pemOf("PUBLIC KEY", der, err)
		forms["public certificate"] = []byte(testkey.Certificate(t, testkey.Template(), key.Public()))
		switch key := key.(type) {
		case *rsa.PrivateKey:
			forms["private PKCS #1"] = pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key), nil)
			forms["public PKCS #1"] = pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey), nil)
		case *ecdsa.PrivateKey:
			der, err := x509.MarshalECPrivateKey(key)
			forms["private SEC 1"] = append(pemOf("EC PARAMETERS", []byte{5, 0}, nil), pemOf("EC PRIVATE KEY", der, err)...)
		}
		for form, data := range forms {
			want := keyring.UseVerify
			if strings.HasPrefix(form, "private") {
				want = keyring.UseSign
				if _, _, err := source.Parse(data, source.Options{ID: "k"}); !errors.Is(err, source.ErrKeyFile) || !strings.Contains(err.Error(), "wanted is what may verify") {
					t.Errorf("%s, %s: taken where public keys are wanted: %v", kind, form, err)
				}
			}
			keys, warnings, err := source.Parse(data, source.Options{ID: "k", Uses: source.AnyUse})
			if err != nil || len(warnings) > 0 || len(keys) != 1 {
				t.Errorf("%s, %s: %v %v", kind, form, warnings, err)
				continue
			}
			k := keys[0]
			if k.ID != "k" || k.Kind() != kind || k.Use != want || k.Refused != "" || k.Private.IsZero() != (want == keyring.UseVerify) {
				t.Errorf("%s, %s: %+v", kind, form, k)
			}
			if form == "public certificate" && !k.NotAfter.Equal(testkey.NotAfter) {
				t.Errorf("%s: the certificate's dates are lost", kind)
			}
		}
	}
}

// The same keys as OpenSSL writes them: nothing of ours made these files.
func TestParseReadsWhatOpenSSLWrites(t *testing.T) {
	bin, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed; there is nothing independent that writes key files")
	}
	dir := t.TempDir()
	run := func(args ...string) []byte {
		cmd := exec.Command(bin, args...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("openssl %v: %v", args, err)
		}
		return out
	}
	for kind, c := range map[string][]string{
		"rsa-2048": {"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}, "ec-p-256": {"ecparam", "-genkey", "-name", "prime256v1"},
		"ec-p-384": {"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"}, "ed25519": {"genpkey", "-algorithm", "ed25519"},
	} {
		run(append(c, "-out", "k.pem")...)
		files := [][]byte{testutil.Read(t, filepath.Join(dir, "k.pem")), run("pkey", "-in", "k.pem"), run("pkey", "-in", "k.pem", "-pubout")}
		if kind != "ed25519" { // which has no older form
			files = append(files, run("pkey", "-in", "k.pem", "-traditional"))
		}
		for _, data := range files {
			keys, _, err := source.Parse(data, source.Options{ID: "k", Uses: source.AnyUse})
			if err != nil || keys[0].Kind() != kind {
				t.Errorf("%s: %v\n%.30s", kind, err, data)
			}
		}
		locked := run("pkey", "-in", "k.pem", "-aes256", "-passout", "pass:x")
		if _, _, err := source.Parse(locked, source.Options{ID: "k", Uses: source.AnyUse}); err == nil || !strings.Contains(err.Error(), "encrypted with a password; decrypt it") {
			t.Errorf("%s, encrypted: %v", kind, err)
		}
	}
}

// rfcPairs are the private JWKs of RFC 7515 A.3 and RFC 8037 A.1.
var rfcPairs = map[string]string{
	"ec-p-256": `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"`,
	"ed25519":  `{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`,
}

func rsaJWK(t testing.TB, private bool) string {
	key := testkey.RSA(t, "rsa2048-a")
	b := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	s := fmt.Sprintf(`{"kty":"RSA","n":"%s","e":"AQAB"`, b(key.N.Bytes()))
	if private {
		s += fmt.Sprintf(`,"d":"%s","p":"%s","q":"%s"`, b(key.D.Bytes()), b(key.Primes[0].Bytes()), b(key.Primes[1].Bytes()))
	}
	return s
}

func TestParseReadsPrivateJWKs(t *testing.T) {
	all := map[string]string{"rsa-2048": rsaJWK(t, true)}
	for kind, text := range rfcPairs {
		all[kind] = text
	}
	for kind, text := range all {
		keys, warnings, err := source.Parse([]byte(`{"keys":[`+text+`,"kid":"k"}]}`), source.Options{Uses: source.AnyUse})
		if err != nil || len(warnings) > 0 || keys[0].Kind() != kind || keys[0].Use != keyring.UseSign {
			t.Errorf("%s: %+v %v %v", kind, keys, warnings, err)
			continue
		}
		s, err := keys[0].Signer()
		if err != nil {
			t.Fatal(err)
		}
		msg, opts := []byte("message"), crypto.SignerOpts(crypto.Hash(0))
		if kind != "ed25519" {
			sum := sha256.Sum256(msg)
			msg, opts = sum[:], crypto.SHA256
		}
		sig, err := s.Sign(rand.Reader, msg, opts)
		ok := err == nil
		switch pub := keys[0].Public.(type) {
		case *rsa.PublicKey:
			ok = ok && rsa.VerifyPKCS1v15(pub, crypto.SHA256, msg, sig) == nil
		case *ecdsa.PublicKey:
			ok = ok && ecdsa.VerifyASN1(pub, msg, sig)
		case ed25519.PublicKey:
			ok = ok && ed25519.Verify(pub, msg, sig)
		}
		if !ok {
			t.Errorf("%s: what it signs does not verify: %v", kind, err)
		}
	}
	key := testkey.RSA(t, "rsa2048-b")
	foreign := base64.RawURLEncoding.EncodeToString(key.D.Bytes())
	for name, text := range map[string]string{
		"halves of two RSA pairs": strings.Replace(rsaJWK(t, true), `"d":"`, `"d":"`+foreign+`","x":"`, 1),
		"no primes":               rsaJWK(t, false) + `,"d":"AQAB"`,
		"three primes":            rsaJWK(t, true) + `,"oth":[]`,
		"halves of two EC pairs":  strings.Replace(rfcPairs["ec-p-256"], `"d":"j`, `"d":"i`, 1),
		"short d":                 strings.Replace(rfcPairs["ec-p-256"], `"d":"jpsQ`, `"d":"`, 1),
		"halves of two Ed pairs":  strings.Replace(rfcPairs["ed25519"], `"d":"n`, `"d":"m`, 1),
		"short seed":              strings.Replace(rfcPairs["ed25519"], `"d":"nWGx`, `"d":"`, 1),
		"d is a number":           `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":5`,
	} {
		keys, warnings, err := source.Parse([]byte(`{"keys":[`+text+`,"kid":"k"}]}`), source.Options{Uses: source.AnyUse})
		if err != nil || len(warnings) != 1 || keys[0].Refused == "" || !keys[0].Private.IsZero() || keys[0].Public != nil {
			t.Errorf("%s: %+v %v %v", name, keys, warnings, err)
		}
	}
}

func TestUseIsReadFromTheDocument(t *testing.T) {
	const secret16, secret32 = `{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"`, `{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"`
	public, private := rsaJWK(t, false), rsaJWK(t, true)
	for _, c := range []struct{ key, want string }{
		{public, "verify"}, {public + `,"use":"sig"`, "verify"}, {public + `,"use":"enc"`, "encrypt"}, {public + `,"alg":"RSA-OAEP-256"`, "encrypt"}, {public + `,"key_ops":["wrapKey"]`, "encrypt"},
		{public + `,"use":"sig","key_ops":["wrapKey"]`, ""}, {public + `,"use":"sig","alg":"ES256"`, ""}, {public + `,"use":"x"`, ""}, {public + `,"use":5`, ""}, {public + `,"key_ops":"verify"`, ""}, {public + `,"key_ops":[]`, ""},
		{private, "sign"}, {private + `,"use":"enc"`, "decrypt"}, {private + `,"alg":"RSA-OAEP-256","key_ops":["unwrapKey"]`, "decrypt"},
		{secret16, "verify"}, {secret16 + `,"key_ops":["sign"]`, "sign"}, {secret32 + `,"alg":"HS256"`, "verify"}, {secret16 + `,"alg":"HS256"`, ""}, {secret32 + `,"alg":"A256GCMKW"`, "encrypt"}, {secret32 + `,"alg":"A256GCMKW","key_ops":["unwrapKey"]`, "decrypt"},
		{secret16 + `,"alg":"TDES"`, "encrypt"}, {secret32 + `,"alg":"TDES"`, ""},
	} {
		keys, _, err := source.Parse([]byte(`{"keys":[`+c.key+`,"kid":"k"}]}`), source.Options{Uses: source.AnyUse})
		if err != nil {
			t.Fatal(c.key, err)
		}
		got := keys[0].Use.String()
		if keys[0].Refused != "" {
			got = ""
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s (%s)", c.key, got, c.want, keys[0].Refused)
		}
	}
	// The order of what is wanted decides for a secret.
	keys, _, err := source.Parse([]byte(`{"keys":[`+secret32+`,"kid":"k"}]}`), source.Options{Uses: []keyring.Use{keyring.UseSign}})
	if err != nil || keys[0].Use != keyring.UseSign {
		t.Error(keys, err)
	}
}

func opener(t testing.TB, file []byte) func([]byte) ([]byte, error) {
	ids, err := seal.ParseIdentities(file)
	if err != nil {
		t.Fatal(err)
	}
	return func(sealed []byte) ([]byte, error) { return seal.Open(ids, strings.TrimSpace(string(sealed))) }
}

func TestSealedDocumentsAreOpened(t *testing.T) {
	file, to, err := seal.NewKeyFile(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	recipients, err := seal.ParseRecipients([]byte(to))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := seal.Seal(recipients, []byte(`{"keys":[`+rsaJWK(t, true)+`,"kid":"k"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	// Others may read it: it is sealed.
	name := write(t, filepath.Join(t.TempDir(), "keys.age"), []byte(sealed+"\n"), 0o644)
	opt := source.Options{Uses: source.AnyUse, Open: opener(t, file)}
	if keys, _, err := source.Load(name, opt); err != nil || keys[0].Kind() != "rsa-2048" {
		t.Error(keys, err)
	}
	other, _, _ := seal.NewKeyFile(time.Now())
	for what, opt := range map[string]source.Options{"nobody opens it": {}, "another identity": {Open: opener(t, other)}} {
		_, _, err := source.Load(name, opt)
		if !errors.Is(err, source.ErrKeyFile) || !strings.Contains(err.Error(), "keys.age: sealed with age") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, _, err := source.ParseKeys([]byte(sealed)); err == nil || !strings.Contains(err.Error(), "sealed with age") {
		t.Error(err)
	}
}

func TestLoadLooksAtModes(t *testing.T) {
	dir := t.TempDir()
	secret := []byte(`{"keys":[{"kty":"oct","kid":"s","k":"AAECAwQFBgcICQoLDA0ODw"}]}`)
	public := []byte(`{"keys":[` + rsaJWK(t, false) + `,"kid":"p"}]}`)
	for _, c := range []struct {
		data []byte
		mode fs.FileMode
		ok   bool
	}{{secret, 0o600, true}, {secret, 0o640, false}, {secret, 0o604, false}, {public, 0o644, true}, {public, 0o664, false}, {public, 0o646, false}} {
		name := write(t, filepath.Join(dir, "k.jwks"), c.data, c.mode)
		_, _, err := source.Load(name, source.Options{})
		if (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), "chmod") {
			t.Errorf("%04o: %v", c.mode, err)
		}
		if _, _, err := source.Load(name, source.Options{UnsafeModes: true}); err != nil {
			t.Errorf("%04o, whatever its mode: %v", c.mode, err)
		}
	}
}

func TestLoadReadsFolders(t *testing.T) {
	dir := t.TempDir()
	pub, err := x509.MarshalPKIXPublicKey(testkey.RSA(t, "rsa2048-b").Public())
	write(t, filepath.Join(dir, "visa.pub.pem"), pemOf("PUBLIC KEY", pub, err), 0o644)
	write(t, filepath.Join(dir, "b.jwks"), []byte(`{"keys":[`+rsaJWK(t, false)+`,"kid":"p"},{"kid":"bad","kty":"x"}]}`), 0o644)
	write(t, filepath.Join(dir, ".hidden"), []byte("x"), 0o644)
	write(t, filepath.Join(dir, "deeper", "x"), []byte("x"), 0o644)
	keys, warnings, err := source.Load(dir, source.Options{})
	if err != nil || len(keys) != 3 || keys[2].ID != "visa" || len(warnings) != 1 || !strings.HasPrefix(warnings[0], "b.jwks: ") {
		t.Error(keys, warnings, err)
	}
	write(t, filepath.Join(dir, "c.jwks"), []byte("{"), 0o644)
	if _, _, err := source.Load(dir, source.Options{}); err == nil || !strings.Contains(err.Error(), "c.jwks:1:2: not strict JSON") {
		t.Error(err)
	}
	for name, want := range map[string]error{filepath.Join(dir, "missing"): fs.ErrNotExist, t.TempDir(): source.ErrKeyFile} {
		if _, _, err := source.Load(name, source.Options{}); !errors.Is(err, want) || code.Of(err) != code.KeyFile || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := t.TempDir()
	for i := range 3 {
		var b strings.Builder
		for j := range 100 {
			fmt.Fprintf(&b, `,{"kid":"%d-%d","kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}`, i, j)
		}
		write(t, filepath.Join(many, fmt.Sprint(i)), []byte(`{"keys":[`+b.String()[1:]+`]}`), 0o600)
	}
	if _, _, err := source.Load(many, source.Options{}); err == nil || !strings.Contains(err.Error(), "more than 256 keys") {
		t.Error(err)
	}
}

func TestLoadEnv(t *testing.T) {
	set := `{"keys":[` + rsaJWK(t, false) + `,"kid":"p"}]}`
	pub, err := x509.MarshalPKIXPublicKey(testkey.RSA(t, "rsa2048-b").Public())
	text := string(pemOf("PUBLIC KEY", pub, err))
	for value, want := range map[string]string{set: "p", " " + base64.StdEncoding.EncodeToString([]byte(set)) + "\n": "p", text: "hook_keys", base64.StdEncoding.EncodeToString([]byte(text)): "hook_keys"} {
		t.Setenv("HOOK_KEYS", value)
		if keys, _, err := source.LoadEnv("HOOK_KEYS", source.Options{}); err != nil || len(keys) != 1 || keys[0].ID != want {
			t.Errorf("%.20s: %v %v", value, keys, err)
		}
	}
	for _, value := range []string{"", " ", "planted-secret", base64.StdEncoding.EncodeToString([]byte("planted-secret"))} {
		t.Setenv("HOOK_KEYS", value)
		_, _, err := source.LoadEnv("HOOK_KEYS", source.Options{})
		if !errors.Is(err, source.ErrKeyFile) || !strings.Contains(err.Error(), "$HOOK_KEYS") || strings.Contains(err.Error(), "planted") {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestEveryMalformedFileGivesOneLineWithItsPlace(t *testing.T) {
	der, err := x509.MarshalPKCS8PrivateKey(testkey.RSA(t, "rsa2048-a"))
	private := string(pemOf("PRIVATE KEY", der, err))
	weak, err := x509.MarshalPKCS8PrivateKey(testkey.RSA(t, "rsa1024"))
	dir := t.TempDir()
	for text, want := range map[string]string{
		"":                         `k.pem:1:1: not strict JSON: text ends where a value should stand`,
		"# my key\nabc":            `k.pem:1:1: not strict JSON: `,
		`{"keys":[]}`:              `k.pem: holds no key`,
		`{"format":2,"keys":[]}`:   `k.pem:1:11: format is not 1, which is all that this release reads`,
		`{"kty":"oct","k":"AAAA"}`: `k.pem: a single JWK; put it into a set: {"keys": [ ... ]}`,
		private[:900]:              `k.pem:1:1: this PEM block cannot be read: it is cut off or changed`,
		private + private:          `k.pem:29:1: a second block (the first, of line 1, is a PRIVATE KEY); put one key into a file`,
		strings.Replace(private, "MII", "MIX", 1):                                         `k.pem:1:1: the PRIVATE KEY cannot be read: it is damaged, weak, or of a kind that is not known`,
		strings.ReplaceAll(private, "PRIVATE KEY", "SSH KEY"):                             `k.pem:1:1: the PEM block is none of CERTIFICATE, PUBLIC KEY, RSA PUBLIC KEY, PRIVATE KEY, RSA PRIVATE KEY, EC PRIVATE KEY`,
		strings.Replace(private, "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\n\n", 1): `k.pem:1:1: encrypted with a password; decrypt it (openssl pkey -in FILE -out PLAIN) and seal it with age (issuant seal) where it lies about`,
		string(pemOf("PRIVATE KEY", weak, err)):                                           `k.pem:1:1: weak key: RSA of 1024 bits, outside 2048 to 8192`,
		string(pemOf("EC PARAMETERS", []byte{5, 0}, nil)):                                 `k.pem:1:1: there is no PEM block with a key`,
		"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n":                                      `k.pem: sealed with age; give the identity that opens it`,
		strings.Repeat(" ", 1<<20) + "x":                                                  `k.pem: it is longer than 1048576 bytes`,
	} {
		name := write(t, filepath.Join(dir, "k.pem"), []byte(text), 0o600)
		_, _, err := source.Load(name, source.Options{Uses: source.AnyUse})
		if err == nil || !strings.HasPrefix(err.Error(), "source: "+dir+"/"+want) || strings.ContainsAny(err.Error(), "\n\r") || code.Of(err) != code.KeyFile {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

// rotated writes a set with these ids in the place of the one before.
func rotated(t testing.TB, name string, ids ...string) {
	t.Helper()
	var b strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&b, `,{"kid":%q,"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}`, id)
	}
	write(t, name, []byte(`{"keys":[`+strings.TrimPrefix(b.String(), ",")+`]}`), 0o600)
}

func holds(l keyring.Lookup, id string) bool { _, ok := l.Lookup(id); return ok }

func TestFilesKeepTheLastGoodKeys(t *testing.T) {
	name := filepath.Join(t.TempDir(), "k.jwks")
	var now atomic.Int64
	now.Store(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC).Unix())
	var mu sync.Mutex
	var events []string
	opt := source.FilesOptions{MaxStale: time.Hour, Now: func() time.Time { return time.Unix(now.Load(), 0) }, Log: func(event string, attrs ...any) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, event+" "+fmt.Sprint(attrs[2:]...))
	}}
	if _, err := source.NewFiles(name, opt); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a missing file:", err)
	}
	rotated(t, name, "a")
	events = nil
	f, err := source.NewFiles(name, opt)
	if err != nil || !holds(f, "a") || len(f.All()) != 1 {
		t.Fatal(err)
	}
	rotated(t, name, "a", "b")
	if err := f.Refresh(t.Context()); err != nil || !holds(f, "a") || !holds(f, "b") {
		t.Error("overlap:", err)
	}
	rotated(t, name, "b")
	if err := f.Refresh(t.Context()); err != nil || holds(f, "a") || !holds(f, "b") {
		t.Error("a key that is gone is still there:", err)
	}
	for what, bad := range map[string]func(){
		"broken": func() { write(t, name, []byte("{"), 0o600) }, "empty": func() { write(t, name, nil, 0o600) }, "no key": func() { rotated(t, name) },
		"readable by others": func() { rotated(t, name, "b"); _ = os.Chmod(name, 0o644) }, "gone": func() { _ = os.Remove(name) },
		"none usable": func() { write(t, name, []byte(`{"keys":[{"kid":"x","kty":"oct","k":"AA"}]}`), 0o600) },
	} {
		bad()
		if err := f.Refresh(t.Context()); !errors.Is(err, source.ErrKeyFile) || !holds(f, "b") {
			t.Errorf("%s: %v", what, err)
		}
	}
	now.Add(3600)
	if !holds(f, "b") {
		t.Error("gone before MaxStale")
	}
	now.Add(1)
	if holds(f, "b") || f.Ring() != nil {
		t.Error("used after MaxStale")
	}
	rotated(t, name, "b")
	if err := f.Refresh(t.Context()); err != nil || !holds(f, "b") {
		t.Error("the same keys come back:", err)
	}
	now.Add(3600)
	if err := f.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
	now.Add(3600)
	if !holds(f, "b") {
		t.Error("a look that found nothing new does not count")
	}
	all := strings.Join(events, "\n")
	for _, want := range []string{`keys_refreshed keys1new["a"]`, `keys_refreshed keys2new["b"]`, `keys_refreshed keys1gone["a"]`, "keys_refresh_failed"} {
		if !strings.Contains(all, want) {
			t.Errorf("not logged: %s in\n%s", want, all)
		}
	}
	for _, opt := range []source.FilesOptions{{MaxStale: -1}, {MaxStale: 25 * time.Hour}, {Poll: time.Millisecond}, {Poll: 2 * time.Hour}} {
		if _, err := source.NewFiles(name, opt); !errors.Is(err, source.ErrOptions) {
			t.Errorf("%+v: %v", opt, err)
		}
	}
}

func TestFilesRunTakesKeysWhenTheFolderChanges(t *testing.T) {
	dir := t.TempDir()
	rotated(t, filepath.Join(dir, "one"), "a")
	f, err := source.NewFiles(dir, source.FilesOptions{Poll: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- f.Run(ctx) }()
	// Until Run watches, it looks itself; so both ways the key comes.
	time.Sleep(50 * time.Millisecond)
	rotated(t, filepath.Join(dir, "two"), "b")
	for deadline := time.Now().Add(time.Minute); !holds(f, "b"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the new file was not taken")
		}
	}
	if !holds(f, "a") {
		t.Error("the other file's key is gone")
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFilesUnderLoad(t *testing.T) {
	name := filepath.Join(t.TempDir(), "k.jwks")
	rotated(t, name, "always", "0")
	f, err := source.NewFiles(name, source.FilesOptions{})
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if !holds(f, "always") || len(f.All()) != 2 {
					t.Error("a key is gone during a rotation")
					return
				}
			}
		})
	}
	for i := range 100 {
		if i%5 == 4 {
			write(t, name, []byte("{"), 0o600)
		} else {
			rotated(t, name, "always", fmt.Sprint(i))
		}
		_ = f.Refresh(t.Context())
	}
	close(stop)
	wg.Wait()
}

func FuzzParse(f *testing.F) {
	for _, doc := range []string{`{"keys":[` + rsaJWK(f, false) + `,"kid":"k"}]}`, `{"keys":[` + rfcPairs["ed25519"] + `,"kid":"k","key_ops":["sign"]}]}`, `{"keys":[` + rfcPairs["ec-p-256"] + `,"kid":"k","use":"sig"}]}`, `{"k":"-----BEGIN CERTIFICATE-----"}`, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "age-encryption.org/v1\n"} {
		f.Add([]byte(doc))
	}
	// RSA keys are seeds as public ones alone: to check a private one takes so long that
	// little else would be tried.
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	der, err := x509.MarshalPKCS8PrivateKey(ed)
	f.Add(pemOf("PRIVATE KEY", der, err))
	der, err = x509.MarshalPKIXPublicKey(testkey.RSA(f, "rsa2048-a").Public())
	f.Add(pemOf("PUBLIC KEY", der, err))
	opt := source.Options{ID: "k", Uses: source.AnyUse, Open: func(b []byte) ([]byte, error) { return bytes.TrimPrefix(b, []byte("age-encryption.org/v1\n")), nil }}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, warnings, err := source.Parse(data, opt)
		if err != nil {
			if code.Of(err) != code.KeyFile || strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("%q", err.Error())
			}
			return
		}
		if len(keys) == 0 {
			t.Fatal("no key and no error")
		}
		for _, w := range warnings {
			if strings.ContainsAny(w, "\n\r") {
				t.Fatalf("%q", w)
			}
		}
		ring, err := keyring.NewRing(keys...)
		if err != nil {
			return
		}
		for _, k := range ring.All() {
			if k.Refused == "" && (k.Use == 0 || k.Kind() == "none" || (k.Use == keyring.UseSign || k.Use == keyring.UseDecrypt) && k.Private.IsZero() && k.Secret.Len() == 0) {
				t.Fatalf("%+v", k)
			}
		}
	})
}
