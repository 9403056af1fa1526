package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/crypto/secret"
)

func sealed(t testing.TB, to *seal.Recipients, form seal.Form, plain []byte) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := seal.SealStream(&file, to, form)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func opened(file []byte, with *seal.Identities) ([]byte, error) {
	r, err := seal.OpenStream(bytes.NewReader(file), with)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func hybridFile(t testing.TB) (*seal.Identities, *seal.Recipients) {
	t.Helper()
	return keysOf(t, seal.NewHybridKeyFile)
}

func passphrase(t testing.TB, text string) (*seal.Identities, *seal.Recipients) {
	t.Helper()
	to, err := seal.CheapPassphraseRecipients(secret.NewText(text), 4)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := seal.PassphraseIdentities(secret.NewText(text))
	if err != nil {
		t.Fatal(err)
	}
	return ids, to
}

// TestStreamsOpenInEveryFormAndForEveryKind: lengths lie around the chunks of 64 KiB.
func TestStreamsOpenInEveryFormAndForEveryKind(t *testing.T) {
	kinds := map[string]func(testing.TB) (*seal.Identities, *seal.Recipients){
		"x25519": keyFile, "hybrid": hybridFile,
		"passphrase": func(t testing.TB) (*seal.Identities, *seal.Recipients) { return passphrase(t, "correct horse battery") },
	}
	stranger, _ := keyFile(t)
	for kind, keys := range kinds {
		ids, to := keys(t)
		for _, form := range []seal.Form{seal.Binary, seal.Armoured} {
			for _, n := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 200_000} {
				plain := bytes.Repeat([]byte{7}, n)
				file := sealed(t, to, form, plain)
				got, err := opened(file, ids)
				if err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%s, form %d, %d bytes: %d, %v", kind, form, n, len(got), err)
				}
				if isText := bytes.HasPrefix(file, []byte("-----BEGIN AGE ENCRYPTED FILE-----\n")); isText != (form == seal.Armoured) {
					t.Errorf("%s: form %d begins with %.20q", kind, form, file)
				}
				if _, err := opened(file, stranger); !errors.Is(err, seal.ErrNoIdentity) {
					t.Errorf("%s: a stranger gets %v", kind, err)
				}
			}
		}
	}
}

// TestACutStreamIsNeverWhole: whatever is cut off the end, the reader never says EOF.
func TestACutStreamIsNeverWhole(t *testing.T) {
	ids, to := keyFile(t)
	plain := bytes.Repeat([]byte("0123456789abcdef"), 10_000) // three chunks
	for _, form := range []seal.Form{seal.Binary, seal.Armoured} {
		file := sealed(t, to, form, plain)
		for n := 0; n < len(file); n += 1 + len(file)/200 {
			got, err := opened(file[:n], ids)
			if form == seal.Armoured && bytes.Equal(got, plain) && err == nil {
				continue // a line end after the footer is no part of it
			}
			if !errors.Is(err, seal.ErrSealed) {
				t.Fatalf("form %d, cut at %d of %d: %d bytes, %v", form, n, len(file), len(got), err)
			}
		}
		// Two chunks change places: each is genuine.
		if form == seal.Binary {
			chunk := 64<<10 + 16
			head := len(file) - (len(plain) + 3*16)
			moved := bytes.Clone(file)
			copy(moved[head:], file[head+chunk:head+2*chunk])
			copy(moved[head+chunk:], file[head:head+chunk])
			if got, err := opened(moved, ids); len(got) != 0 || !errors.Is(err, seal.ErrSealed) {
				t.Errorf("chunks in another order: %d bytes, %v", len(got), err)
			}
		}
	}
}

func TestErrorsOfTheCallersReaderAndWriterComeBack(t *testing.T) {
	ids, to := keyFile(t)
	broken := errors.New("the disk is full")
	file := sealed(t, to, seal.Binary, make([]byte, 200_000))
	for _, n := range []int{0, 10, 150, 300, 70_000, 200_100} {
		r, err := seal.OpenStream(io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(broken)), ids)
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, broken) {
			t.Errorf("reader breaks after %d: %v", n, err)
		}
	}
	for _, form := range []seal.Form{seal.Binary, seal.Armoured} {
		for _, n := range []int{0, 10, 200, 70_000} {
			w, err := seal.SealStream(&limited{n, broken}, to, form)
			if err == nil {
				_, err = w.Write(make([]byte, 200_000))
			}
			if err == nil {
				err = w.Close()
			}
			if !errors.Is(err, broken) {
				t.Errorf("writer breaks after %d: %v", n, err)
			}
		}
	}
}

type limited struct {
	left int
	err  error
}

func (l *limited) Write(b []byte) (int, error) {
	if l.left -= len(b); l.left < 0 {
		return 0, l.err
	}
	return len(b), nil
}

// TestALongHeaderCostsLittle: each stanza costs a curve operation, so a header is cut
// off where no list of recipients reaches.
func TestALongHeaderCostsLittle(t *testing.T) {
	ids, to := keyFile(t)
	file := sealed(t, to, seal.Binary, nil)
	lines := bytes.SplitAfter(file, []byte("\n"))
	stanza := bytes.Join(lines[1:3], nil)
	long := append(bytes.Clone(lines[0]), bytes.Repeat(stanza, 2*seal.MaxHeader/len(stanza))...)
	r := &counting{r: io.MultiReader(bytes.NewReader(long), bytes.NewReader(file[len(lines[0]):]))}
	if _, err := seal.OpenStream(r, ids); !errors.Is(err, seal.ErrTooLarge) || r.n > seal.MaxHeader+8<<10 {
		t.Errorf("%d bytes read: %v", r.n, err)
	}
	// The greatest header that we write is within it.
	all := make([]string, seal.MaxKeys)
	var last *seal.Identities
	for i := range all {
		var to *seal.Recipients
		last, to = hybridFile(t)
		all[i] = to.String()
	}
	many, err := seal.ParseRecipients([]byte(strings.Join(all, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := opened(sealed(t, many, seal.Armoured, []byte("x")), last); string(got) != "x" || err != nil {
		t.Errorf("%d hybrid recipients: %q %v", seal.MaxKeys, got, err)
	}
}

type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += n
	return n, err
}

func TestKindsOfRecipientsAreNotMixed(t *testing.T) {
	_, a := keyFile(t)
	_, b := hybridFile(t)
	for _, text := range []string{a.String() + "\n" + b.String(), b.String() + "\n" + a.String()} {
		if _, err := seal.ParseRecipients([]byte(text)); !errors.Is(err, seal.ErrKey) || !strings.Contains(err.Error(), "line 2 is of another kind") {
			t.Errorf("%.20s...: %v", text, err)
		}
	}
}

// TestPluginsAreNeverRun: a key of another kind is a text that is not understood.
func TestPluginsAreNeverRun(t *testing.T) {
	for _, text := range []string{
		"age1yubikey1q2w7u3vpya839jxxuq8g0sedh3d740d4xvn639sqhr95ejj8vu3hyfumptt", "age1tag1qt8lw0ual6avlwmwatk888yqnmdamm7xfd0wak53ut6elz5c4swx2yqdj4e",
		"ssh-rsa AAAA", "github:filippo", "AGE-PLUGIN-YUBIKEY-1Q2W7U3VPYA839JXXUQ8G0SEDH3D740D4XVN639SQHR95EJJ8VU3HYFUMPTT",
	} {
		if _, err := seal.ParseRecipients([]byte(text)); !errors.Is(err, seal.ErrKey) {
			t.Errorf("recipient %s: %v", text, err)
		}
		if _, err := seal.ParseIdentities([]byte(text)); !errors.Is(err, seal.ErrKey) {
			t.Errorf("identity %s: %v", text, err)
		}
	}
}

func TestPassphrasesHaveTheirBounds(t *testing.T) {
	for n, ok := range map[int]bool{0: false, seal.MinPassphrase - 1: false, seal.MinPassphrase: true, seal.MaxPassphrase: true, seal.MaxPassphrase + 1: false} {
		if _, err := seal.PassphraseRecipients(secret.NewText(strings.Repeat("p", n))); (err == nil) != ok || err != nil && !errors.Is(err, seal.ErrKey) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := seal.PassphraseIdentities(secret.Text{}); !errors.Is(err, seal.ErrKey) {
		t.Error(err)
	}
	_, to := passphrase(t, "correct horse battery")
	wrong, _ := passphrase(t, "correct horse batterx")
	if _, err := opened(sealed(t, to, seal.Binary, nil), wrong); !errors.Is(err, seal.ErrNoIdentity) {
		t.Error("another passphrase:", err)
	}
}

// TestAFileCannotDemandMoreWorkThanWeAllow: the work factor is the sender's word, and
// 22 would be 4 GiB.
func TestAFileCannotDemandMoreWorkThanWeAllow(t *testing.T) {
	ids, to := passphrase(t, "correct horse battery")
	file := sealed(t, to, seal.Binary, nil)
	for _, factor := range []int{seal.MaxWorkFactor + 1, 22, 30, 64} {
		forged := bytes.Replace(file, []byte(" 4\n"), fmt.Appendf(nil, " %d\n", factor), 1)
		if _, err := opened(forged, ids); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("2^%d: %v", factor, err)
		}
	}
}

func TestDroppedKeysOpenNothing(t *testing.T) {
	ids, to := keyFile(t)
	file := sealed(t, to, seal.Binary, []byte("x"))
	text, err := seal.Seal(to, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	ids.Drop()
	if _, err := opened(file, ids); !errors.Is(err, seal.ErrKey) {
		t.Error(err)
	}
	if _, err := seal.Open(ids, text); !errors.Is(err, seal.ErrKey) {
		t.Error(err)
	}
	if ids.Recipients().String() != to.String() {
		t.Error("the public keys are gone too")
	}
}

func FuzzOpenStream(f *testing.F) {
	ids, err := seal.ParseIdentities([]byte(testOnlyKey))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed(f, ids.Recipients(), seal.Binary, []byte("x")))
	f.Add(sealed(f, ids.Recipients(), seal.Armoured, []byte("x")))
	f.Fuzz(func(t *testing.T, file []byte) {
		plain, err := opened(file, ids)
		if err == nil {
			return
		}
		if len(plain) > len(file) || !errors.Is(err, seal.ErrSealed) && !errors.Is(err, seal.ErrNoIdentity) && !errors.Is(err, seal.ErrTooLarge) {
			t.Errorf("%d bytes of %d, %v", len(plain), len(file), err)
		}
	})
}
