package vectors

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	agetest "c2sp.org/CCTV/age"

	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/crypto/secret"
)

// kitCase is one file of age's test kit: an age file, how it was made, and at which
// layer it must fail.
type kitCase struct {
	expect     string
	payload    []byte // SHA-256 of what can be read, also of a file that fails later
	identities []string
	passphrase string
	file       []byte
}

func parseKitCase(t *testing.T, text []byte) *kitCase {
	t.Helper()
	c := &kitCase{}
	compressed := false
	for {
		line, rest, ok := bytes.Cut(text, []byte("\n"))
		if !ok {
			t.Fatal("no end of the head")
		}
		if text = rest; len(line) == 0 {
			break
		}
		name, value, _ := strings.Cut(string(line), ": ")
		switch name {
		case "expect":
			c.expect = value
		case "payload":
			var err error
			if c.payload, err = hex.DecodeString(value); err != nil {
				t.Fatal(err)
			}
		case "identity":
			c.identities = append(c.identities, value)
		case "passphrase":
			if c.passphrase != "" {
				c.passphrase += "\n" // two of them: see open
			}
			c.passphrase += value
		case "compressed":
			compressed = true
		case "file key", "armored", "comment":
		default:
			t.Fatalf("unknown member %q", name)
		}
	}
	if c.file = text; compressed {
		r, err := zlib.NewReader(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if c.file, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// open opens a file with each of the passphrases, or with all identities.
func (c *kitCase) open(t *testing.T) (plain []byte, err error) {
	t.Helper()
	var with []*seal.Identities
	for words := range strings.Lines(c.passphrase) {
		ids, err := seal.PassphraseIdentities(secret.NewText(strings.TrimSuffix(words, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		with = append(with, ids)
	}
	if len(c.identities) > 0 {
		ids, err := seal.ParseIdentities([]byte(strings.Join(c.identities, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		with = append(with, ids)
	}
	if with == nil { // the file fails before anybody asks for a key
		file, _, err := seal.NewKeyFile(time.Now())
		check(t, err)
		ids, err := seal.ParseIdentities(file)
		check(t, err)
		with = append(with, ids)
	}
	for _, ids := range with {
		var r io.Reader
		r, err = seal.OpenStream(bytes.NewReader(c.file), ids)
		if errors.Is(err, seal.ErrNoIdentity) {
			continue
		}
		if err == nil {
			plain, err = io.ReadAll(r)
		}
		return plain, err
	}
	return nil, err
}

// layers are the layers of the kit in our errors: what is inside the file is one error,
// since nobody outside shall learn which part of it was wrong.
var layers = map[string]error{
	"success": nil, "header failure": seal.ErrSealed, "HMAC failure": seal.ErrSealed, "armor failure": seal.ErrSealed,
	"payload failure": seal.ErrSealed, "no match": seal.ErrNoIdentity,
}

// TestAgeTestKit runs every file of the kit through our own door. A file that wants more
// work of a passphrase than we do, or a longer header than we read, is not in it.
func TestAgeTestKit(t *testing.T) {
	names, err := fs.Glob(agetest.Vectors, "*")
	if err != nil || len(names) < 100 {
		t.Fatalf("%d files: %v", len(names), err)
	}
	count := map[string]int{}
	for _, name := range names {
		text, err := fs.ReadFile(agetest.Vectors, name)
		if err != nil {
			t.Fatal(err)
		}
		c := parseKitCase(t, text)
		want, known := layers[c.expect]
		if !known {
			t.Fatalf("%s expects %q", name, c.expect)
		}
		count[c.expect]++
		plain, err := c.open(t)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if sum := sha256.Sum256(plain); c.payload != nil && !bytes.Equal(sum[:], c.payload) {
			t.Errorf("%s: what was read is not what can be read: %d bytes", name, len(plain))
		}
	}
	t.Logf("%d files of %s, each opened or refused as it has to be, without a difference: %v", len(names), "c2sp.org/CCTV/age", count)
}

// ageCommand builds the age command, or age-keygen, from the module of its makers.
func ageCommand(t *testing.T, name string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), name)
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	cmd := exec.Command("go", "build", "-o", bin, "filippo.io/age/cmd/"+name)
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

func run(t *testing.T, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", filepath.Base(name), args, err, errs.String())
	}
	return out
}

// TestTheAgeCommandAndWeOpenEachOthersFiles: every kind of key, both forms, and keys
// that either side made.
func TestTheAgeCommandAndWeOpenEachOthersFiles(t *testing.T) {
	age, keygen := ageCommand(t, "age"), ageCommand(t, "age-keygen")
	plain := bytes.Repeat([]byte("a plan "), 20_000)
	now := time.Now()
	makers := map[string]func() []byte{
		"x25519, by age-keygen": func() []byte { return run(t, nil, keygen) },
		"hybrid, by age-keygen": func() []byte { return run(t, nil, keygen, "-pq") },
		"x25519, by us":         func() []byte { file, _, err := seal.NewKeyFile(now); check(t, err); return file },
		"hybrid, by us":         func() []byte { file, _, err := seal.NewHybridKeyFile(now); check(t, err); return file },
	}
	for name, make := range makers {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "key")
			text := make()
			check(t, os.WriteFile(file, text, 0o600))
			ids, err := seal.ParseIdentities(text)
			check(t, err)
			recipient := strings.TrimSpace(string(run(t, nil, keygen, "-y", file)))
			if got := ids.Recipients().String(); got != recipient {
				t.Fatalf("the recipient is %.40s for us, %.40s for age-keygen", got, recipient)
			}
			for _, armour := range []bool{false, true} {
				args, form := []string{"-r", recipient}, seal.Binary
				if armour {
					args, form = append(args, "-a"), seal.Armoured
				}
				r, err := seal.OpenStream(bytes.NewReader(run(t, plain, age, args...)), ids)
				check(t, err)
				got, err := io.ReadAll(r)
				if err != nil || !bytes.Equal(got, plain) {
					t.Errorf("armour %v: what age sealed gives %d bytes, %v", armour, len(got), err)
				}
				var sealed bytes.Buffer
				to, err := seal.ParseRecipients([]byte(recipient))
				check(t, err)
				w, err := seal.SealStream(&sealed, to, form)
				check(t, err)
				_, err = w.Write(plain)
				check(t, err)
				check(t, w.Close())
				if got := run(t, sealed.Bytes(), age, "-d", "-i", file); !bytes.Equal(got, plain) {
					t.Errorf("armour %v: what we sealed gives age %d bytes", armour, len(got))
				}
			}
		})
	}
	// A text of ours is an age file in Base64.
	text, recipient, err := seal.NewKeyFile(now)
	check(t, err)
	file := filepath.Join(t.TempDir(), "key")
	check(t, os.WriteFile(file, text, 0o600))
	to, err := seal.ParseRecipients([]byte(recipient))
	check(t, err)
	key, err := seal.NewDataKey(to, seal.DataKeyLimits{}, now)
	check(t, err)
	raw, err := decodeBase64(key.Wrapped())
	check(t, err)
	if got := run(t, raw, age, "-d", "-i", file); len(got) != 32 {
		t.Errorf("the data key has %d bytes for age", len(got))
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
