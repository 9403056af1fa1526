package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/internal/code"
)

// testOnlyKey was made by age-keygen v1.3.2, for tests only; sealedByAge by
// printf '{"id":"event-1"}' | age -r RECIPIENT | base64 -w0
const (
	testOnlyKey = "# created: 2026-11-23T12:02:01Z\n# public key: " + testRecipient + "\nAGE-SECRET-KEY-132CP2T3W3GF3AJ9FVC9E27KNZHUZA6NWQDKTEXTSYUC4Z3MRAWLSNQFS4E\n"

	testRecipient = "age1v369jw04e7edastndkdpf8guyj7s68t33w93apcd5encl2v7my6q47uqza"
	sealedByAge   = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSByNGtTTCtFRWFyMFkzZ29CSFQzNG1FREw2bXdTN051V2txcVdMZlpVb0ZBCjZoV2o2ZkkwYi9Hd0kwMk9yYTcxZXVHUmJNYndNb1o3RjRNS1NOV0hvSUUKLS0tIFhDRGx6dmQ0UkxGUkc2UUN3ejZKNCtwbllsb01ISFdsQ0t3UXc0aExrY3cKdpV1rocITuiygkJH9npknANF9jd9QvCjTt5ID4/XjffpUkpsKAB8Q0whIT9P+0IU"
)

func Example() {
	// The auditor makes a key file and gives away its public part alone.
	file, recipient, err := seal.NewKeyFile(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC))
	if err != nil {
		fmt.Println(err)
		return
	}
	// The server seals.
	to, err := seal.ParseRecipients([]byte(recipient))
	if err != nil {
		fmt.Println(err)
		return
	}
	sealed, err := seal.Seal(to, []byte(`{"id":"event-1"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	// The auditor opens.
	with, err := seal.ParseIdentities(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	plain, err := seal.Open(with, sealed)
	fmt.Println(string(plain), err)
	// Output: {"id":"event-1"} <nil>
}

func keyFile(t testing.TB) (*seal.Identities, *seal.Recipients) {
	t.Helper()
	return keysOf(t, seal.NewKeyFile)
}

// keysOf returns both halves of a key that make makes.
func keysOf(t testing.TB, make func(time.Time) (file []byte, recipient string, err error)) (*seal.Identities, *seal.Recipients) {
	t.Helper()
	file, recipient, err := make(time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	ids, err := seal.ParseIdentities(file)
	if err != nil {
		t.Fatal(err)
	}
	to, err := seal.ParseRecipients([]byte(recipient))
	if err != nil {
		t.Fatal(err)
	}
	if ids.Recipients().String() != to.String() {
		t.Fatalf("%s, %s", ids.Recipients(), to)
	}
	return ids, to
}

func TestOpenReadsWhatAgeSealed(t *testing.T) {
	ids, err := seal.ParseIdentities([]byte(testOnlyKey))
	if err != nil {
		t.Fatal(err)
	}
	if ids.Recipients().String() != testRecipient {
		t.Errorf("recipient %s", ids.Recipients())
	}
	if plain, err := seal.Open(ids, sealedByAge); string(plain) != `{"id":"event-1"}` || err != nil {
		t.Errorf("%q %v", plain, err)
	}
}

func TestEachRecipientOpens(t *testing.T) {
	a, toA := keyFile(t)
	b, toB := keyFile(t)
	stranger, _ := keyFile(t)
	to, err := seal.ParseRecipients([]byte("# the auditor\r\n" + toA.String() + "\r\n\n  " + toB.String()))
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range []string{"", "x", strings.Repeat("long ", 50_000)} {
		sealed, err := seal.Seal(to, []byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		for _, ids := range []*seal.Identities{a, b} {
			if got, err := seal.Open(ids, sealed); string(got) != plain || err != nil {
				t.Errorf("%d bytes: got %d, %v", len(plain), len(got), err)
			}
		}
		if got, err := seal.Open(stranger, sealed); got != nil || !errors.Is(err, seal.ErrNoIdentity) {
			t.Errorf("a stranger got %q, %v", got, err)
		}
		if again, _ := seal.Seal(to, []byte(plain)); again == sealed {
			t.Error("the same text gave the same result twice")
		}
	}
}

// TestOpenRefusesEveryChange: no byte of a sealed text can be changed, none can be
// left out, and what is returned then is nothing.
func TestOpenRefusesEveryChange(t *testing.T) {
	ids, to := keyFile(t)
	sealed, err := seal.Seal(to, []byte("the event"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, text string) {
		t.Helper()
		got, err := seal.Open(ids, text)
		if got != nil || !errors.Is(err, seal.ErrSealed) && !errors.Is(err, seal.ErrNoIdentity) {
			t.Errorf("%s: %q %v", what, got, err)
		}
	}
	for i := range file {
		changed := bytes.Clone(file)
		changed[i] ^= 1
		refused(fmt.Sprintf("byte %d", i), base64.StdEncoding.EncodeToString(changed))
		refused(fmt.Sprintf("cut at %d", i), base64.StdEncoding.EncodeToString(file[:i]))
	}
	refused("more", base64.StdEncoding.EncodeToString(append(bytes.Clone(file), 0)))
	for what, text := range map[string]string{
		"empty": "", "line end": sealed[:4] + "\n" + sealed[4:], "blank": " " + sealed, "URL alphabet": strings.Repeat("-_", 100),
		"no padding": base64.RawStdEncoding.EncodeToString(append(bytes.Clone(file), 1, 2)), "two": sealed + sealed,
	} {
		refused(what, text)
	}
}

func TestBoundsAreRefusedByName(t *testing.T) {
	ids, to := keyFile(t)
	sealed, err := seal.Seal(to, make([]byte, seal.MaxPlain))
	if err != nil || len(sealed) > seal.MaxSealed {
		t.Fatalf("%d %v", len(sealed), err)
	}
	if plain, err := seal.Open(ids, sealed); len(plain) != seal.MaxPlain || err != nil {
		t.Errorf("%d %v", len(plain), err)
	}
	if _, err := seal.Seal(to, make([]byte, seal.MaxPlain+1)); !errors.Is(err, seal.ErrTooLarge) {
		t.Error(err)
	}
	if _, err := seal.Open(ids, strings.Repeat("A", seal.MaxSealed+1)); !errors.Is(err, seal.ErrTooLarge) {
		t.Error(err)
	}
	if _, err := seal.Seal(nil, nil); !errors.Is(err, seal.ErrKey) {
		t.Error(err)
	}
	if _, err := seal.Seal(&seal.Recipients{}, nil); !errors.Is(err, seal.ErrKey) {
		t.Error(err)
	}
	if _, err := seal.Open(nil, sealed); !errors.Is(err, seal.ErrKey) {
		t.Error(err)
	}
}

func TestKeysAreRefusedPlainly(t *testing.T) {
	secret := strings.TrimSpace(testOnlyKey[strings.Index(testOnlyKey, "AGE-"):])
	many := strings.Repeat(secret+"\n", seal.MaxKeys+1)
	for text, want := range map[string]string{
		"":                                   "there is none",
		"# only a comment\n":                 "there is none",
		secret:                               "line 1 is a secret key",
		strings.ToLower(secret):              "line 1 is a secret key",
		"\n\nage1nonsense":                   "line 3 is neither an X25519 recipient",
		testRecipient + "\n" + testRecipient: "line 2 stands twice",
		"ssh-ed25519 AAAA":                   "line 1 is neither an X25519 recipient",
		"age1pq1" + strings.Repeat("q", 40):  "line 1 is neither an X25519 recipient",
		strings.Repeat("a", 2049):            "line 1 is too long",
		strings.Repeat("#\n", seal.MaxKeyFile/2+1):                          "longer than",
		"age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqs3g9yqt": "line 1 is",
	} {
		_, err := seal.ParseRecipients([]byte(text))
		if !errors.Is(err, seal.ErrKey) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "32CP2T") {
			t.Errorf("recipients %.20q: %v, want %s", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                       "there is none",
		testRecipient:            "line 1 is a public key",
		secret[:len(secret)-1]:   "line 1 is neither an X25519 identity",
		"AGE-SECRET-KEY-PQ-1QQ":  "line 1 is neither an X25519 identity",
		many:                     "more than 16 keys",
		"-----BEGIN PRIVATE KEY": "line 1 is neither an X25519 identity",
	} {
		_, err := seal.ParseIdentities([]byte(text))
		if !errors.Is(err, seal.ErrKey) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "32CP2T") {
			t.Errorf("identities %.20q: %v, want %s", text, err, want)
		}
		if code.Of(err) != code.KeyFile {
			t.Errorf("code %v", code.Of(err))
		}
	}
}

func TestIdentitiesAreNotPrinted(t *testing.T) {
	ids, err := seal.ParseIdentities([]byte(testOnlyKey))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, ids); got != "[identities]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestRecipientsPrintTheirPublicKeysAlone(t *testing.T) {
	_, to := keyFile(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, to); got != to.String() {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func FuzzOpen(f *testing.F) {
	ids, err := seal.ParseIdentities([]byte(testOnlyKey))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealedByAge)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		plain, err := seal.Open(ids, text)
		if err != nil && (plain != nil || code.Of(err) == code.Internal) {
			t.Errorf("%q %v", plain, err)
		}
	})
}

func FuzzParseRecipients(f *testing.F) {
	f.Add([]byte(testRecipient))
	f.Add([]byte(testOnlyKey))
	f.Fuzz(func(t *testing.T, text []byte) {
		to, err := seal.ParseRecipients(text)
		if err != nil {
			if !errors.Is(err, seal.ErrKey) {
				t.Error(err)
			}
			return
		}
		again, err := seal.ParseRecipients([]byte(strings.ReplaceAll(to.String(), ",", "\n")))
		if err != nil || again.String() != to.String() {
			t.Errorf("%s, %s, %v", to, again, err)
		}
	})
}
