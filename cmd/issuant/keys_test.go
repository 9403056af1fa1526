package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/keyfile"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/secret"
)

// keyFolder is a folder in which the tool runs, and all that it ever printed there.
type keyFolder struct {
	*testing.T
	dir     string
	printed strings.Builder
}

func newKeyFolder(t *testing.T) *keyFolder {
	f := &keyFolder{T: t, dir: t.TempDir()}
	t.Chdir(f.dir)
	return f
}

// keys runs issuant keys, and fails when it ends with another code.
func (f *keyFolder) keys(want int, args ...string) (out, errs string) {
	f.Helper()
	code, out, errs := runTool(f.T, f.Context(), nil, append([]string{"keys"}, args...)...)
	f.printed.WriteString(out + errs)
	if code != want {
		f.Errorf("issuant keys %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errs)
	}
	if want != 0 && want != 1 && strings.Count(errs, "\n") != 1 {
		f.Errorf("issuant keys %s: not one line: %q", strings.Join(args, " "), errs)
	}
	return out, errs
}

func (f *keyFolder) put(name string, data []byte) string {
	f.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		f.Fatal(err)
	}
	return name
}

func (f *keyFolder) read(name string) []byte {
	f.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	return data
}

// load reads what the tool wrote, as an embedder would.
func (f *keyFolder) load(name string) map[string]*keyring.Key {
	f.Helper()
	keys, warnings, err := source.Load(name, source.Options{Uses: source.AnyUse})
	if err != nil || len(warnings) > 0 {
		f.Fatal(name, warnings, err)
	}
	m := map[string]*keyring.Key{}
	for i := range keys {
		m[keys[i].ID] = &keys[i]
	}
	return m
}

// silent looks for the secrets of a file in all that was printed.
func (f *keyFolder) silent(names ...string) {
	f.Helper()
	for _, name := range names {
		for _, k := range f.load(name) {
			planted := [][]byte{k.Secret.Reveal()}
			if p, ok := k.Private.Reveal().(*rsa.PrivateKey); ok {
				planted = append(planted, p.D.Bytes(), p.Primes[0].Bytes(), p.Primes[1].Bytes())
			}
			for _, b := range planted {
				if len(b) < 12 {
					continue
				}
				for _, text := range []string{hex.EncodeToString(b)[:16], strings.ToUpper(hex.EncodeToString(b))[:16], base64.StdEncoding.EncodeToString(b)[:12], base64.RawURLEncoding.EncodeToString(b)[:12], string(b), fmt.Sprint(b)[1:20]} {
					if strings.Contains(f.printed.String(), text) {
						f.Errorf("%s: a secret of %q was printed", name, k.ID)
					}
				}
			}
		}
	}
}

func TestKeysGenerateEveryKind(t *testing.T) {
	f := newKeyFolder(t)
	want := map[string]string{"hmac-256": "secret-32", "hmac-384": "secret-48", "hmac-512": "secret-64", "aes-128": "secret-16", "aes-192": "secret-24", "aes-256": "secret-32"}
	for _, kind := range keyfile.Kinds {
		for _, use := range kind.Uses {
			if strings.HasPrefix(kind.Name, "rsa-") && kind.Name != "rsa-2048" {
				continue // slow, and no other code
			}
			name := kind.Name + "-" + use.String()
			out, _ := f.keys(0, "generate", "--kind", kind.Name, "--use", use.String(), "--id", name, "--days", "90", "-o", name, "--format", "json")
			var printed struct {
				File string
				Keys []keyRow
			}
			if err := json.Unmarshal([]byte(out), &printed); err != nil || len(printed.Keys) != 1 || printed.File != name {
				t.Fatal(out, err)
			}
			if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o600 {
				t.Error(name, st.Mode(), err)
			}
			k := f.load(name)[name]
			material := want[kind.Name]
			if material == "" {
				material = kind.Name
			}
			if k == nil || k.Refused != "" || k.Use != use || k.Kind() != material || k.Alg != kind.Algs[use] || k.NotAfter.Sub(k.NotBefore) != 90*24*time.Hour-1 {
				t.Errorf("%s: %+v", name, k)
			}
			if row := printed.Keys[0]; row.Kind != material || (row.CheckValue == nil) != (row.Thumbprint != nil) {
				t.Errorf("%s: %+v", name, row)
			}
			f.silent(name)
		}
	}
	// Those with a form of their own.
	f.keys(0, "generate", "--kind", "age", "-o", "age.key", "--public", "age.pub")
	f.keys(0, "generate", "--kind", "age-hybrid", "-o", "hybrid.key")
	f.keys(0, "generate", "--kind", "ref", "--id", "k2", "-o", "ref.key")
	for _, name := range []string{"age.key", "hybrid.key", "ref.key"} {
		st, err := os.Stat(name)
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Error(name, st, err)
		}
	}
	if strings.Contains(f.printed.String(), "AGE-SECRET") || strings.Contains(f.printed.String(), strings.TrimSpace(strings.TrimPrefix(string(f.read("ref.key")), "k2:"))) {
		t.Error("a secret was printed")
	}
	// Sealed: nobody reads it without the identity.
	f.keys(0, "generate", "--kind", "hmac-256", "--id", "s", "-o", "sealed.age", "--seal-to", "age.pub")
	f.keys(5, "list", "--keys", "sealed.age")
	if out, _ := f.keys(0, "list", "--keys", "sealed.age", "--identity", "age.key"); !strings.Contains(out, "hmac-sha256") {
		t.Error(out)
	}
	f.keys(5, "list", "--keys", "sealed.age", "--identity", "hybrid.key")
}

func TestKeysNeverReplaceAFile(t *testing.T) {
	f := newKeyFolder(t)
	f.put("old", []byte("precious"))
	for _, args := range [][]string{
		{"generate", "--kind", "ed25519", "-o", "old"}, {"generate", "--kind", "age", "-o", "old"}, {"generate", "--kind", "ref", "-o", "old"},
		{"generate", "--kind", "ed25519", "-o", "new", "--public", "old"}, {"import", "--in", "old", "--encoding", "text", "--id", "x", "-o", "old", "--scheme", "x"},
		{"generate", "--kind", "ed25519", "-o", "missing/new"}, {"generate", "--kind", "ed25519", "--alg", "RS256", "-o", "new"},
	} {
		code := exitUsage
		if args[len(args)-1] == "x" || args[3] == "--alg" {
			code = exitRefused // what would be written is refused first
		}
		f.keys(code, args...)
	}
	// The public half is not left behind when the private one cannot be written.
	f.keys(2, "generate", "--kind", "ed25519", "-o", "old", "--public", "half")
	entries, err := os.ReadDir(".")
	if err != nil || len(entries) != 1 || string(f.read("old")) != "precious" {
		t.Error(entries, err)
	}
}

func TestKeysNeverPutASecretWhereOthersRead(t *testing.T) {
	f := newKeyFolder(t)
	f.keys(0, "generate", "--kind", "ed25519", "--id", "a", "-o", "a", "--public", "pub")
	f.keys(0, "generate", "--kind", "ed25519", "--id", "b", "-o", "b", "--public", "b.pub")
	before := string(f.read("pub"))
	if _, errs := f.keys(5, "generate", "--kind", "hmac-256", "--into", "pub"); !strings.Contains(errs, "chmod 600") || string(f.read("pub")) != before {
		t.Error(errs)
	}
	f.keys(0, "import", "--in", "b.pub", "--into", "pub")
	if keys := f.load("pub"); keys["a"] == nil || keys["b"] == nil {
		t.Error(keys)
	}
}

func TestKeysRotateOverlaps(t *testing.T) {
	f := newKeyFolder(t)
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	at := func(t time.Time) []string { return []string{"--now", t.Format(time.RFC3339)} }
	f.keys(0, append([]string{"generate", "--kind", "ec-p-256", "--id", "one", "-o", "k"}, at(now)...)...)
	// A member that we do not know stays.
	f.put("k", bytes.Replace(f.read("k"), []byte(`"kid":"one"`), []byte(`"kid":"one","x-owner":"ana"`), 1))
	f.keys(0, append([]string{"rotate", "--keys", "k", "--new-id", "two", "--lead", "1h", "--overlap", "24h", "--public", "pub"}, at(now)...)...)
	if !bytes.Contains(f.read("k"), []byte(`"x-owner":"ana"`)) {
		t.Error("a member is lost")
	}
	if bytes.Contains(f.read("pub"), []byte(`"d"`)) {
		t.Error("the public file holds a private key")
	}
	var all []keyring.Key
	for _, k := range f.load("k") {
		all = append(all, *k)
	}
	ring, err := keyring.NewRing(all...)
	if err != nil {
		t.Fatal(err)
	}
	public, _, err := source.Load("pub", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	others, err := keyring.NewRing(public...)
	if err != nil {
		t.Fatal(err)
	}
	// Whatever signs, the other side can verify, at every moment and for the overlap after.
	for d := time.Duration(0); d < 30*time.Hour; d += 7 * time.Minute {
		signs, err := ring.Current(keyring.UseSign, "ES256", "", now.Add(d))
		if err != nil {
			t.Fatal(d, err)
		}
		if want := map[bool]string{true: "one", false: "two"}[d < time.Hour]; signs.ID != want {
			t.Errorf("after %v %s signs", d, signs.ID)
		}
		for _, later := range []time.Duration{0, time.Minute, 23 * time.Hour} {
			k, ok := others.Lookup(signs.ID)
			if why := k.Usable(keyring.UseVerify, "ES256", "", now.Add(d+later)); !ok || why != "" {
				t.Errorf("what %s signs after %v is refused %v later: %s", signs.ID, d, later, why)
			}
		}
	}
	f.keys(2, append([]string{"rotate", "--keys", "k", "--new-id", "two", "--id", "one"}, at(now)...)...)
	f.keys(2, append([]string{"rotate", "--keys", "k", "--id", "three"}, at(now)...)...)
	f.keys(2, append([]string{"rotate", "--keys", "pub", "--id", "one"}, at(now)...)...)
	f.keys(0, append([]string{"rotate", "--keys", "k", "--new-id", "three", "--prune"}, at(now.Add(48*time.Hour))...)...)
	if keys := f.load("k"); keys["one"] != nil || keys["two"] == nil || keys["three"] == nil {
		t.Error(keys)
	}
	f.keys(0, append([]string{"check", "--keys", "k", "--expires-within", "7"}, at(now.Add(50*time.Hour))...)...)
	for _, kind := range []string{"hmac-512", "aes-256", "tdes-2"} {
		f.keys(0, "generate", "--kind", kind, "--id", "one", "-o", kind)
		f.keys(0, "rotate", "--keys", kind, "--new-id", "two")
		keys := f.load(kind)
		if keys["one"].Kind() != keys["two"].Kind() || keys["one"].Use != keys["two"].Use || keys["one"].Alg != keys["two"].Alg || keys["one"].Secret.Equal(keys["two"].Secret) {
			t.Errorf("%s: %+v", kind, keys)
		}
		f.silent(kind)
	}
	f.silent("k")
}

func TestKeysCheckFindsWhatIsWrong(t *testing.T) {
	f := newKeyFolder(t)
	f.put("wsd", []byte(`{"keys":[{"kid":"wsd-1","kty":"oct","alg":"TDES","k":"ASNFZ4mrze_-3LqYdlQyEA"}]}`))
	f.keys(0, "check", "--keys", "wsd", "--id", "wsd-1", "--check-value", "08D7B4")
	f.keys(5, "check", "--keys", "wsd", "--id", "wsd-1", "--check-value", "08D7B5")
	f.keys(5, "check", "--keys", "wsd", "--id", "other", "--check-value", "08D7B4")
	f.keys(5, "check", "--keys", "wsd", "--id", "wsd-1", "--check-value", "08D7B4", "--check-method", "aes-zero")
	f.keys(2, "check", "--keys", "wsd", "--check-value", "08D7B4")
	f.keys(2, "check", "--keys", "missing")
	f.keys(2, "check")
	f.put("weak", []byte(`{"keys":[{"kid":"a","kty":"oct","k":"AAAA"},{"kid":"b","kty":"oct","alg":"TDES","k":"ASNFZ4mrze_-3LqYdlQyEA"}]}`))
	if _, errs := f.keys(5, "check", "--keys", "weak"); !strings.Contains(errs, `key "a" is refused: weak key`) {
		t.Error(errs)
	}
	f.put("broken", []byte("{"))
	if _, errs := f.keys(5, "check", "--keys", "broken"); !strings.Contains(errs, "broken:1:2: not strict JSON") {
		t.Error(errs)
	}
	if err := os.Chmod("wsd", 0o644); err != nil {
		t.Fatal(err)
	}
	if _, errs := f.keys(5, "check", "--keys", "wsd"); !strings.Contains(errs, "chmod 600") {
		t.Error(errs)
	}
	f.put("ended", []byte(`{"keys":[{"kid":"a","kty":"oct","exp":1000,"k":"ASNFZ4mrze_-3LqYdlQyEA"}]}`))
	f.keys(5, "check", "--keys", "ended")
	f.keys(0, "check", "--keys", "ended", "--now", "500")
	f.keys(0, "check", "--keys", "ended", "--now", "500", "--format", "json")
	f.keys(1, "check", "--keys", "ended", "--now", "500", "--expires-within", "1")
	f.keys(6, "check", "--keys", "https://127.0.0.1:1/keys")
	f.keys(2, "check", "--keys", "http://127.0.0.1:1/keys")
	f.keys(2, "lst")
	f.keys(2)
	f.silent("ended")
}

// A counterpart encrypts with OpenSSL; what is wrong with the ceremony is refused.
func TestKeysImportTheCeremony(t *testing.T) {
	bin, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed; there is no counterpart to play")
	}
	f := newKeyFolder(t)
	f.keys(0, "generate", "--kind", "rsa-2048", "--use", "decrypt", "--form", "pem", "-o", "transport.pem", "--public", "transport.pub.pem")
	f.keys(0, "generate", "--kind", "rsa-2048", "--use", "decrypt", "--form", "pem", "-o", "other.pem")
	f.keys(0, "generate", "--kind", "rsa-2048", "--use", "decrypt", "--id", "t1", "-o", "transport.jwks")
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	f.put("key.bin", key)
	value, err := keyring.CheckValue(keyring.CheckAESCMAC, secret.NewBytes(key))
	if err != nil {
		t.Fatal(err)
	}
	for i, hash := range []string{"sha256", "sha1", "sha512"} {
		cmd := exec.Command(bin, "pkeyutl", "-encrypt", "-pubin", "-inkey", "transport.pub.pem", "-in", "key.bin", "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:"+hash, "-pkeyopt", "rsa_mgf1_md:"+hash)
		wrapped, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		forms := [][]byte{wrapped, []byte(base64.StdEncoding.EncodeToString(wrapped) + "\n"), []byte(strings.ToUpper(hex.EncodeToString(wrapped)) + "\r\n")}
		f.put("wrapped", forms[i])
		args := []string{"import", "--wrapped", "wrapped", "--unwrap", "transport.pem", "--hash", hash, "--alg", "A256GCMKW", "--id", "mle-1", "--check-value", value}
		f.keys(0, append(args, "-o", hash+".jwks")...)
		if k := f.load(hash + ".jwks")["mle-1"]; !bytes.Equal(k.Secret.Reveal(), key) || k.Use != keyring.UseEncrypt {
			t.Errorf("%s: another key came out", hash)
		}
		f.silent(hash + ".jwks")
	}
	base := func(change ...string) []string {
		args := []string{"import", "--wrapped", "wrapped", "--unwrap", "transport.pem", "--hash", "sha512", "--alg", "A256GCMKW", "--id", "mle-1", "--check-value", value, "-o", "no"}
		for i := 0; i < len(change); i += 2 {
			for j := range args {
				if args[j] == change[i] {
					args[j+1] = change[i+1]
				}
			}
		}
		return args
	}
	for _, c := range []struct {
		code int
		args []string
		text string
	}{
		{5, base("--check-value", "000000"), "does not match"}, {5, base("--hash", "sha256"), "does not unwrap"}, {5, base("--unwrap", "other.pem"), "does not unwrap"},
		{5, base("--alg", "A128GCMKW"), "takes a secret of 16 bytes"}, {5, base("--wrapped", "key.bin"), "not 256 bytes"}, {2, base("--unwrap", "missing"), "missing"}, {2, base("--wrapped", "missing"), "missing"},
		{5, base("--unwrap", "transport.pub.pem"), "wanted is what may decrypt"}, {2, append(base(), "--in", "x"), "say what is imported"}, {5, base("--unwrap", "transport.jwks"), "does not unwrap"},
		{2, []string{"import", "--wrapped", "wrapped", "--unwrap", "transport.pem", "--id", "x", "-o", "no"}, "--check-value is needed"},
	} {
		if _, errs := f.keys(c.code, c.args...); !strings.Contains(errs, c.text) {
			t.Errorf("%v: %s", c.args, errs)
		}
	}
	if _, err := os.Stat("no"); err == nil {
		t.Error("something was written")
	}
	if strings.Contains(f.printed.String(), hex.EncodeToString(key)[:16]) {
		t.Error("the key was printed")
	}
}

func TestKeysImportComponents(t *testing.T) {
	f := newKeyFolder(t)
	whole, _ := hex.DecodeString("0123456789abcdeffedcba9876543210")
	one := sha256.Sum256([]byte("one"))
	two := make([]byte, 16)
	for i := range two {
		two[i] = whole[i] ^ one[i]
	}
	f.put("a", []byte(hex.EncodeToString(one[:16])+"\n"))
	f.put("b", []byte(strings.ToUpper(hex.EncodeToString(two[:8]))+" "+hex.EncodeToString(two[8:])))
	f.put("short", []byte("00"))
	args := func(more ...string) []string {
		return append([]string{"import", "--alg", "TDES", "--id", "wsd-1"}, more...)
	}
	f.keys(0, args("--component", "a", "--component", "b", "--check-value", "08d7b4", "-o", "wsd")...)
	if k := f.load("wsd")["wsd-1"]; !bytes.Equal(k.Secret.Reveal(), whole) || k.Kind() != "tdes-2" {
		t.Error("another key came out")
	}
	f.silent("wsd")
	for text, a := range map[string][]string{
		"does not match": {"--component", "a", "--component", "b", "--check-value", "08D7B5", "-o", "no"}, "has 1 bytes": {"--component", "a", "--component", "short", "--check-value", "08D7B4", "-o", "no"},
		"cancel each other": {"--component", "a", "--component", "a", "--check-value", "08D7B4", "-o", "no"}, "two components or more": {"--component", "a", "--check-value", "08D7B4", "-o", "no"},
	} {
		if _, errs := f.keys(5, args(a...)...); !strings.Contains(errs, text) {
			t.Error(errs)
		}
	}
}

// Files that OpenSSL wrote, each imported into one set.
func TestKeysImportWhatOpenSSLWrites(t *testing.T) {
	bin, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed; there is nothing independent that writes key files")
	}
	f := newKeyFolder(t)
	openssl := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(bin, args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "k.pem")
	openssl("req", "-x509", "-key", "k.pem", "-subj", "/CN=x", "-days", "400", "-out", "c.pem")
	openssl("pkcs12", "-export", "-inkey", "k.pem", "-in", "c.pem", "-passout", "pass:sesame", "-out", "modern.p12")
	openssl("pkcs12", "-export", "-legacy", "-inkey", "k.pem", "-in", "c.pem", "-passout", "pass:sesame", "-out", "legacy.p12")
	openssl("pkey", "-in", "k.pem", "-outform", "DER", "-out", "k.der")
	openssl("x509", "-in", "c.pem", "-outform", "DER", "-out", "c.der")
	for _, name := range []string{"modern.p12", "legacy.p12"} {
		_ = os.Chmod(name, 0o600)
	}
	f.put("pass", []byte("sesame\n"))
	f.put("wrong", []byte("sesam\n"))
	f.put("jwk", []byte(`{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	f.put("hook.txt", []byte("It's a Secret to Everybody\n"))
	f.keys(0, "generate", "--kind", "hmac-256", "--id", "first", "-o", "all")
	for _, args := range [][]string{
		{"--in", "modern.p12", "--password-file", "pass", "--id", "modern"}, {"--in", "legacy.p12", "--password-file", "pass", "--alg", "RS256"},
		{"--in", "k.pem", "--id", "pem"}, {"--in", "k.der", "--id", "der", "--use", "decrypt"}, {"--in", "c.pem", "--id", "cert"}, {"--in", "c.der", "--id", "cert-der", "--scheme", "pismo"},
		{"--in", "jwk", "--id", "jwk"}, {"--in", "hook.txt", "--encoding", "text", "--id", "hook", "--scheme", "github"},
	} {
		f.keys(0, append([]string{"import", "--into", "all"}, args...)...)
	}
	keys := f.load("all")
	for id, want := range map[string]string{"first": "secret-32 verify", "modern": "rsa-2048 sign", "legacy": "rsa-2048 sign", "pem": "rsa-2048 sign", "der": "rsa-2048 decrypt", "cert": "rsa-2048 verify", "cert-der": "rsa-2048 verify", "jwk": "ed25519 sign", "hook": "secret-26 verify"} {
		if k := keys[id]; k == nil || k.Kind()+" "+k.Use.String() != want || k.Refused != "" {
			t.Errorf("%s: %+v", id, k)
		}
	}
	if keys["modern"].NotAfter.IsZero() || keys["cert"].NotAfter.IsZero() || keys["cert-der"].Scheme != "pismo" || keys["legacy"].Alg != "RS256" {
		t.Error("dates, scheme or algorithm are lost")
	}
	for text, args := range map[string][]string{
		"the password is wrong": {"--in", "modern.p12", "--password-file", "wrong"}, "not a PKCS #12 file": {"--in", "k.der", "--password-file", "pass"},
		"DER, but neither a key": {"--in", "modern.der"}, "not written in hex": {"--in", "hook.txt", "--encoding", "hex", "--id", "x"},
		"has a key \"hook\" already": {"--in", "hook.txt", "--encoding", "text", "--id", "hook", "--scheme", "x"},
	} {
		if strings.HasPrefix(text, "DER") {
			f.put("modern.der", f.read("modern.p12"))
		}
		if _, errs := f.keys(5, append([]string{"import", "--into", "all"}, args...)...); !strings.Contains(errs, text) {
			t.Errorf("%v: %s", args, errs)
		}
	}
	f.keys(2, "import", "--in", "modern.p12", "-o", "no")
	f.silent("all")
	if strings.Contains(f.printed.String(), "sesame") {
		t.Error("a password was printed")
	}
}

func TestThumbprintOfRFC7638(t *testing.T) {
	keys, _, err := source.Parse([]byte(`{"keys":[{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}]}`), source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := keyfile.Thumbprint(keys[0].Public); got != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Error(got)
	}
}
