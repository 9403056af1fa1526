package openpgp_test

import (
	"bytes"
	"crypto"
	"crypto/fips140"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	pgp "github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/googlepay"
	"github.com/issuant/issuant/crypto/provision/googlepay/openpgp"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testutil"
)

func Example() {
	issuer, google := keyPair("issuer", nil), keyPair("google", nil)
	sealer, err := openpgp.NewSealer(openpgp.SealOptions{SigningKey: issuer.private, Recipients: google.public}, now)
	if err != nil {
		panic(err)
	}
	object, err := googlepay.NewUnverifiedCard(googlepay.UnverifiedCardOptions{PGP: sealer})
	if err != nil {
		panic(err)
	}
	pan, _ := secret.ParsePAN("4000000000000002")
	text, err := object.UnsafeBuild(&card.Card{PAN: pan, Expiry: card.Expiry{Year: 2029, Month: 12}}, "6f0f7d6e-7c4b-4a57-9d2c-0e3f6b1f2a11", now)
	if err != nil {
		panic(err)
	}
	message, _ := base64.StdEncoding.DecodeString(string(text)) // what Google does
	opener, err := openpgp.NewOpener(openpgp.OpenOptions{Key: google.private, Signers: issuer.public})
	if err != nil {
		panic(err)
	}
	plaintext, err := opener.Open(message, now)
	fmt.Println(string(plaintext), err)
	// Output: {"protocolHeader":{"version":1},"validationContext":{"serverSessionId":"6f0f7d6e-7c4b-4a57-9d2c-0e3f6b1f2a11"},"paymentCard":{"accountNumber":"4000000000000002","expiryMonth":"12","expiryYear":"29"}} <nil>
}

var now = time.Now().Truncate(time.Second) // GnuPG looks at its own clock

type pair struct{ private, public []byte }

// keyPair makes an entity; change alters what it is made from.
func keyPair(name string, change func(*packet.Config)) pair {
	c := &packet.Config{RSABits: 2048, Time: func() time.Time { return now.Add(-time.Hour) }, DefaultHash: crypto.SHA256, DefaultCipher: packet.CipherAES128}
	if change != nil {
		change(c)
	}
	e, err := pgp.NewEntity(name, "TEST ONLY", name+"@example.com", c)
	if err != nil {
		panic(err)
	}
	var private, public bytes.Buffer
	if err := e.SerializePrivate(&private, c); err != nil {
		panic(err)
	}
	if err := e.Serialize(&public); err != nil {
		panic(err)
	}
	return pair{private.Bytes(), public.Bytes()}
}

func newSealer(t *testing.T, issuer, google pair) *openpgp.Sealer {
	t.Helper()
	s, err := openpgp.NewSealer(openpgp.SealOptions{SigningKey: issuer.private, Recipients: google.public}, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newOpener(t *testing.T, google, issuer pair) *openpgp.Opener {
	t.Helper()
	o, err := openpgp.NewOpener(openpgp.OpenOptions{Key: google.private, Signers: issuer.public})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// issuer, google and stranger are for all tests; in FIPS 140-only
// mode none can be made.
var issuer, google, stranger pair

func init() {
	if !fips140.Enforced() {
		issuer, google, stranger = keyPair("issuer", nil), keyPair("google", nil), keyPair("stranger", nil)
	}
}

func TestOpensWhatItSealsAlsoWhenManySealAtOnce(t *testing.T) {
	both := pair{public: append(bytes.Clone(google.public), stranger.public...)}
	s := newSealer(t, issuer, both)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			want := fmt.Sprintf(`{"n":%d}`, i)
			message, err := s.Seal([]byte(want), now)
			if err != nil {
				t.Error(err)
				return
			}
			for _, reader := range []pair{google, stranger} {
				if got, err := newOpener(t, reader, issuer).Open(message, now); err != nil || string(got) != want {
					t.Errorf("%s %v (%s)", got, err, code.Detail(err))
				}
			}
		})
	}
	wg.Wait()
}

func TestOpeningHasOneAnswer(t *testing.T) {
	good, err := newSealer(t, issuer, google).Seal([]byte(`{"a":"b"}`), now)
	if err != nil {
		t.Fatal(err)
	}
	seal := func(f func(*bytes.Buffer) error) []byte {
		var b bytes.Buffer
		if err := f(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	read := func(p []byte) pgp.EntityList {
		keys, err := pgp.ReadKeyRing(bytes.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	bad := map[string][]byte{
		"nothing": nil, "rubbish": []byte("hello"), "cut off": good[:len(good)-1],
		"to somebody else": seal(func(b *bytes.Buffer) error {
			m, err := newSealer(t, issuer, stranger).Seal([]byte("{}"), now)
			b.Write(m)
			return err
		}),
		"by somebody else": seal(func(b *bytes.Buffer) error {
			m, err := newSealer(t, stranger, google).Seal([]byte("{}"), now)
			b.Write(m)
			return err
		}),
		"unsigned": seal(func(b *bytes.Buffer) error {
			w, err := pgp.Encrypt(b, read(google.public), nil, nil, nil)
			if err == nil {
				_, err = w.Write([]byte("{}"))
				w.Close()
			}
			return err
		}),
		"signed and in clear": seal(func(b *bytes.Buffer) error {
			w, err := pgp.Sign(b, read(issuer.private)[0], nil, nil)
			if err == nil {
				_, err = w.Write([]byte("{}"))
				w.Close()
			}
			return err
		}),
		"under a passphrase": seal(func(b *bytes.Buffer) error {
			w, err := pgp.SymmetricallyEncrypt(b, []byte("x"), nil, nil)
			if err == nil {
				_, err = w.Write([]byte("{}"))
				w.Close()
			}
			return err
		}),
		"too large": make([]byte, openpgp.MaxMessage+1),
		"a bomb": seal(func(b *bytes.Buffer) error {
			c := &packet.Config{DefaultCompressionAlgo: packet.CompressionZLIB, CompressionConfig: &packet.CompressionConfig{Level: 9}}
			w, err := pgp.Encrypt(b, read(google.public), read(issuer.private)[0], nil, c)
			if err == nil {
				_, err = w.Write(make([]byte, 8<<20))
				w.Close()
			}
			return err
		}),
	}
	for i := 0; i < len(good); i += 11 {
		b := bytes.Clone(good)
		b[i] ^= 1
		bad[fmt.Sprintf("bit %d", 8*i)] = b
	}
	o := newOpener(t, google, issuer)
	for what, message := range bad {
		plaintext, err := o.Open(message, now)
		// A changed key id or length can leave the same message.
		if err == nil && string(plaintext) == `{"a":"b"}` && strings.HasPrefix(what, "bit") {
			continue
		}
		if plaintext != nil || err == nil || err.Error() != openpgp.ErrOpen.Error() || code.Of(err) != code.Decryption {
			t.Errorf("%s: %q %v", what, plaintext, err)
		}
	}
	if _, err := o.Open(good, now.Add(-2*time.Hour)); !errors.Is(err, openpgp.ErrOpen) {
		t.Errorf("before its key was made: %v", err)
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	weak := keyPair("weak", func(c *packet.Config) { c.RSABits = 1024 })
	expired := keyPair("expired", func(c *packet.Config) { c.KeyLifetimeSecs = 60 })
	locked := lockedKey(t, "a passphrase")
	for what, o := range map[string]openpgp.SealOptions{
		"nothing":                    {},
		"no recipient":               {SigningKey: issuer.private},
		"no signer":                  {Recipients: google.public},
		"a public key that signs":    {SigningKey: issuer.public, Recipients: google.public},
		"two signers":                {SigningKey: append(bytes.Clone(issuer.private), google.private...), Recipients: google.public},
		"a weak signer":              {SigningKey: weak.private, Recipients: google.public},
		"a weak recipient":           {SigningKey: issuer.private, Recipients: weak.public},
		"an expired signer":          {SigningKey: expired.private, Recipients: google.public},
		"an expired recipient":       {SigningKey: issuer.private, Recipients: expired.public},
		"rubbish":                    {SigningKey: []byte("-----BEGIN PGP"), Recipients: google.public},
		"a locked signer":            {SigningKey: locked, Recipients: google.public},
		"a locked signer, wrong key": {SigningKey: locked, Passphrase: secret.NewText("another"), Recipients: google.public},
	} {
		if _, err := openpgp.NewSealer(o, now); !errors.Is(err, openpgp.ErrKey) || code.Of(err) != code.ProvisionKey {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := openpgp.NewSealer(openpgp.SealOptions{SigningKey: locked, Passphrase: secret.NewText("a passphrase"), Recipients: google.public}, now); err != nil {
		t.Errorf("a signer that its passphrase opens: %v", err)
	}
	s := newSealer(t, issuer, keyPair("short", func(c *packet.Config) { c.KeyLifetimeSecs = 7200 }))
	if got, err := s.Seal([]byte("{}"), now.Add(3*time.Hour)); !errors.Is(err, openpgp.ErrKey) || got != nil {
		t.Errorf("a recipient that has expired since: %v", err)
	}
	if _, err := s.Seal(make([]byte, openpgp.MaxPlaintext+1), now); !errors.Is(err, openpgp.ErrTooLarge) {
		t.Errorf("a large plaintext: %v", err)
	}
	if _, err := new(openpgp.Sealer).Seal(nil, now); !errors.Is(err, openpgp.ErrKey) {
		t.Errorf("the zero Sealer: %v", err)
	}
	if _, err := new(openpgp.Opener).Open(nil, now); !errors.Is(err, openpgp.ErrOpen) {
		t.Errorf("the zero Opener: %v", err)
	}
}

func lockedKey(t *testing.T, passphrase string) []byte {
	t.Helper()
	keys, err := pgp.ReadKeyRing(bytes.NewReader(issuer.private))
	if err != nil {
		t.Fatal(err)
	}
	if err := keys[0].EncryptPrivateKeys([]byte(passphrase), nil); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := keys[0].SerializePrivateWithoutSigning(&b, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestNothingPrintsAKey(t *testing.T) {
	s, o := newSealer(t, issuer, google), newOpener(t, google, issuer)
	for _, text := range []string{fmt.Sprintf("%+v", *s), fmt.Sprintf("%#v", *s), fmt.Sprintf("%+v", *o), fmt.Sprintf("%#v", *o)} {
		if len(text) > 120 {
			t.Errorf("prints %.200s", text)
		}
	}
}

// gnupg returns a function that runs gpg in a home of its own.
func gnupg(t *testing.T) func(stdin []byte, args ...string) []byte {
	t.Helper()
	bin, err := exec.LookPath("gpg")
	if err != nil {
		t.Skip("skipped: gpg is not installed; it checks messages both ways")
	}
	home, err := os.MkdirTemp("", "g") // a short path: gpg's agent listens on a socket in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		os.RemoveAll(home)
	})
	return func(stdin []byte, args ...string) []byte {
		t.Helper()
		cmd := exec.Command(bin, append([]string{"--homedir", home, "--batch", "--quiet", "--yes", "--trust-model", "always", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
		cmd.Stdin = bytes.NewReader(stdin)
		var failed bytes.Buffer
		cmd.Stderr = &failed
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("gpg %s: %v\n%s", strings.Join(args, " "), err, failed.String())
		}
		return out
	}
}

// TestGnuPGOpensWhatWeSeal: and sees AES-256, an integrity check and SHA-384, though
// our keys prefer others.
func TestGnuPGOpensWhatWeSeal(t *testing.T) {
	gpg := gnupg(t)
	gpg(google.private, "--import")
	gpg(issuer.public, "--import")
	const plaintext = `{"paymentCard":{"accountNumber":"4000000000000002"}}`
	message, err := newSealer(t, issuer, google).Seal([]byte(plaintext), now)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "status")
	got := gpg(message, "--status-file", file, "--decrypt")
	status, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != plaintext || !bytes.Contains(status, []byte("GOODSIG")) || !bytes.Contains(status, []byte("GOODMDC")) ||
		!bytes.Contains(status, []byte("DECRYPTION_INFO 2 9")) {
		t.Errorf("gpg read %s\n%s", got, status)
	}
	packets := string(gpg(message, "--list-packets"))
	for _, want := range []string{"mdc_method: 2", "digest algo 9", "raw data: 52 bytes"} {
		if !strings.Contains(packets, want) {
			t.Errorf("no %q in\n%s", want, packets)
		}
	}
	if strings.Contains(packets, "compressed packet") {
		t.Error("it is compressed")
	}
}

// TestGnuPGOpensAThousandCards: random cards, through the builder of the object.
func TestGnuPGOpensAThousandCards(t *testing.T) {
	gpg := gnupg(t)
	curve := func(c *packet.Config) { c.Algorithm = packet.PubKeyAlgoEdDSA } // RSA is slow in gpg's agent
	issuer, google := keyPair("issuer", curve), keyPair("google", curve)
	gpg(google.private, "--import")
	gpg(issuer.public, "--import")
	object, err := googlepay.NewUnverifiedCard(googlepay.UnverifiedCardOptions{PGP: newSealer(t, issuer, google)})
	if err != nil {
		t.Fatal(err)
	}
	r, dir := rand.New(rand.NewPCG(7, 2)), t.TempDir()
	args := []string{"--multifile", "--decrypt"}
	var want []string
	for i := range 1000 {
		digits := make([]byte, 12+r.IntN(8))
		for j := range digits {
			digits[j] = '0' + byte(r.IntN(10))
		}
		pan, err := secret.ParsePAN(digits)
		for d := byte('0'); err != nil; d++ {
			digits[len(digits)-1] = d
			pan, err = secret.ParsePAN(digits)
		}
		month, year := 1+r.IntN(12), 2030+r.IntN(20)
		text, err := object.UnsafeBuild(&card.Card{PAN: pan, Expiry: card.Expiry{Year: year, Month: month}}, fmt.Sprintf("session-%d", i), now)
		if err != nil {
			t.Fatal(err)
		}
		message, err := base64.StdEncoding.DecodeString(string(text))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, fmt.Sprintf("%d.gpg", i))
		if err := os.WriteFile(file, message, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
		want = append(want, fmt.Sprintf(`{"protocolHeader":{"version":1},"validationContext":{"serverSessionId":"session-%d"},"paymentCard":{"accountNumber":"%s","expiryMonth":"%02d","expiryYear":"%02d"}}`, i, digits, month, year%100))
	}
	gpg(nil, args...)
	for i := range want {
		got, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil || string(got) != want[i] {
			t.Fatalf("card %d: %s %v, want %s", i, got, err, want[i])
		}
	}
}

// TestWeOpenWhatGnuPGSeals: with keys that GnuPG made, too.
func TestWeOpenWhatGnuPGSeals(t *testing.T) {
	gpg := gnupg(t)
	gpg(nil, "--quick-gen-key", "issuer@example.com", "rsa2048", "default", "1y")
	gpg(nil, "--quick-gen-key", "google@example.com", "default", "default", "1y")
	const plaintext = `{"paymentCard":{"accountNumber":"4000000000000002"}}`
	message := gpg([]byte(plaintext), "--sign", "--digest-algo", "SHA384", "--encrypt", "--cipher-algo", "AES256",
		"--local-user", "issuer@example.com", "--recipient", "google@example.com")
	o, err := openpgp.NewOpener(openpgp.OpenOptions{
		Key: gpg(nil, "--export-secret-keys", "--armor", "google@example.com"), Signers: gpg(nil, "--export", "issuer@example.com"),
	})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(time.Second)
	if got, err := o.Open(message, at); err != nil || string(got) != plaintext {
		t.Errorf("%s %v (%s)", got, err, code.Detail(err))
	}
	s, err := openpgp.NewSealer(openpgp.SealOptions{
		SigningKey: gpg(nil, "--export-secret-keys", "issuer@example.com"), Recipients: gpg(nil, "--export", "--armor", "google@example.com"),
	}, at)
	if err != nil {
		t.Fatal(err)
	}
	if message, err = s.Seal([]byte(plaintext), at); err != nil {
		t.Fatal(err)
	}
	if got := gpg(message, "--decrypt"); string(got) != plaintext {
		t.Errorf("gpg read %s", got)
	}
}

// FuzzOpen: no message panics, and every refusal is the one answer.
func FuzzOpen(f *testing.F) {
	s, err := openpgp.NewSealer(openpgp.SealOptions{SigningKey: issuer.private, Recipients: google.public}, now)
	if err != nil {
		f.Fatal(err)
	}
	message, err := s.Seal([]byte("{}"), now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(message)
	f.Add([]byte("-----BEGIN PGP MESSAGE-----"))
	o, err := openpgp.NewOpener(openpgp.OpenOptions{Key: google.private, Signers: issuer.public})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		if got, err := o.Open(message, now); err == nil && string(got) != "{}" || err != nil && err.Error() != openpgp.ErrOpen.Error() {
			t.Fatalf("%q %v", got, err)
		}
	})
}

// TestInFIPSOnlyMode: OpenPGP refuses with a code.
func TestInFIPSOnlyMode(t *testing.T) {
	if !testutil.InFIPSOnly(t) {
		return
	}
	if _, err := openpgp.NewSealer(openpgp.SealOptions{}, now); !errors.Is(err, openpgp.ErrFIPS) {
		t.Errorf("sealing: %v", err)
	}
	if _, err := openpgp.NewOpener(openpgp.OpenOptions{}); !errors.Is(err, openpgp.ErrFIPS) {
		t.Errorf("opening: %v", err)
	}
}
