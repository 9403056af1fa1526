package evecc_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/issuant/issuant/internal/evecc"
	"github.com/issuant/issuant/internal/testutil"
)

func Example() {
	theirs, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	sealed, ephemeral, err := evecc.Seal(theirs.PublicKey(), []byte(`{"nonce":"9c023092"}`))
	if err != nil {
		panic(err)
	}
	plaintext, err := evecc.Open(theirs, ephemeral, sealed)
	fmt.Println(len(ephemeral), string(plaintext), err)
	// Output: 65 {"nonce":"9c023092"} <nil>
}

// The known answer that public implementations share.
const (
	knownReceiver  = "042E3E5CCF6B9AB04BE7A22F3FACCFDE73C87E87155394A34815408A896CA18A374DAC669AF3BF6220FC863767F4AF47507C5BC221FC4A19874DAF39B4074E3EB8"
	knownEphemeral = "7EEE47DEE108A08EDD2BCD2BB762A543CA23EA96C9AF09AD54BEB9FA3CE1A026"
	knownPoint     = "0499A6F42E83EA4F150A78780FFB562C9CDB9B7507BC5D28CBFBF8CC3EF0AF68B36E60CB10DB69127830F7F899492017089E3B73C83FCF0EBDF2C06B613C3F88B7"
	knownZ         = "A88B995FECBDF756515ED42BA53A6CCCA4F5936F69CF4D15352C94C592B347B1"
	knownK         = "083080D3D0C521C02CD3AE2134363D09EA50DFF914677FAB9E22F18F9C28A3B9"
	knownPlaintext = `{"Parameter1":"Value1","Parameter2":"Value2","Parameter3":"Value3"}`
	knownSealed    = "E3EF6BA2FFA05B6985FE129E3CB6845C4EA1E94AE98D31A538A4E24906FB720D764D640894CD9DE7CEC00114396651A1CCAEDCF480C57A959E925C04492B9CF85FC711FAB3CBED10DC2BA99A2BB063CEFF8DE1"
	secondPlain    = "Data to encrypt"
	secondSealed   = "dcac4fa2adb5592c94f503dd67fcd25260e780f69d520469cbe751eecbbab7"
)

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func known(tb testing.TB) (own *ecdh.PrivateKey, to *ecdh.PublicKey) {
	tb.Helper()
	own, err := ecdh.P256().NewPrivateKey(unhex(tb, knownEphemeral))
	if err != nil {
		tb.Fatal(err)
	}
	to, err = ecdh.P256().NewPublicKey(unhex(tb, knownReceiver))
	if err != nil {
		tb.Fatal(err)
	}
	return own, to
}

func TestEveryStepIsTheKnownAnswer(t *testing.T) {
	own, to := known(t)
	if got := own.PublicKey().Bytes(); !bytes.Equal(got, unhex(t, knownPoint)) {
		t.Errorf("E: %X", got)
	}
	z, err := own.ECDH(to)
	if err != nil || !bytes.Equal(z, unhex(t, knownZ)) {
		t.Errorf("Z: %X %v", z, err)
	}
	if k := evecc.Derive(z, own.PublicKey().Bytes()); !bytes.Equal(k[:], unhex(t, knownK)) {
		t.Errorf("K: %X", k)
	}
	for plaintext, want := range map[string]string{knownPlaintext: knownSealed, secondPlain: secondSealed} {
		sealed, ephemeral, err := evecc.SealWith(own, to, []byte(plaintext))
		if err != nil || !bytes.Equal(sealed, unhex(t, want)) || !bytes.Equal(ephemeral, unhex(t, knownPoint)) {
			t.Errorf("%s: %X %v", plaintext, sealed, err)
		}
	}
}

// TestUsualMistakesAreNotTheKnownAnswer: each variant that somebody might take for the
// format gives other bytes, and ours are none of them.
func TestUsualMistakesAreNotTheKnownAnswer(t *testing.T) {
	z, e := unhex(t, knownZ), unhex(t, knownPoint)
	k := unhex(t, knownK)
	hash := func(parts ...[]byte) []byte { d := sha256.Sum256(slices.Concat(parts...)); return d[:] }
	seal := func(key []byte, iv int) []byte {
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		gcm, err := cipher.NewGCMWithNonceSize(block, iv)
		if err != nil {
			t.Fatal(err)
		}
		return gcm.Seal(nil, make([]byte, iv), []byte(knownPlaintext), nil)
	}
	one, id, apple := []byte{0, 0, 0, 1}, []byte("\x0did-aes256-GCM"), []byte("Apple")
	of := func(b []byte) []byte { return hash(b) }
	for what, variant := range map[string]struct {
		key []byte
		iv  int
	}{
		"an IV of 16 bytes":               {k, 16},
		"X9.63: the counter behind Z":     {hash(z, one, id, apple, e), 12},
		"PartyV: hash of the receiver":    {hash(one, z, id, apple, of(unhex(t, knownReceiver))), 12},
		"PartyV: hash of E":               {hash(one, z, id, apple, of(e)), 12},
		"PartyV: E without its 04":        {hash(one, z, id, apple, e[1:]), 12},
		"no length before the algorithm":  {hash(one, z, id[1:], apple, e), 12},
		"a length before each party":      {hash(one, z, id, []byte{5}, apple, []byte{65}, e), 12},
		"no counter":                      {hash(z, id, apple, e), 12},
		"a counter from 0":                {hash([]byte{0, 0, 0, 0}, z, id, apple, e), 12},
		"the merchant's PartyU, in lower": {hash(one, z, id, []byte("apple"), e), 12},
	} {
		got := seal(variant.key, variant.iv)
		if bytes.Equal(got, unhex(t, knownSealed)) {
			t.Errorf("%s gives the known answer", what)
		}
		if what == "an IV of 16 bytes" && !bytes.HasPrefix(got, unhex(t, "BDF3964E")) {
			t.Errorf("the control itself is wrong: %X", got[:4])
		}
	}
	if got := seal(hash(one, z, id, apple, e), 12); !bytes.Equal(got, unhex(t, knownSealed)) {
		t.Error("the right variant, written here again, is not the known answer")
	}
}

// TestLeadingZeroBytesKeepTheirPlace: points whose coordinates begin with 00, and
// agreed ones, are as long as the others. About one key in 128 has one.
func TestLeadingZeroBytesKeepTheirPlace(t *testing.T) {
	theirs, err := ecdh.P256().NewPrivateKey(unhex(t, knownZ))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for i := 1; i < 4000 && (found["X"] < 2 || found["Y"] < 2 || found["Z"] < 2); i++ {
		d := sha256.Sum256(fmt.Append(nil, "ephemeral", i))
		own, err := ecdh.P256().NewPrivateKey(d[:])
		if err != nil {
			continue
		}
		e := own.PublicKey().Bytes()
		z, err := own.ECDH(theirs.PublicKey())
		if err != nil {
			t.Fatal(err)
		}
		zero := false
		for name, first := range map[string]byte{"X": e[1], "Y": e[33], "Z": z[0]} {
			if first == 0 {
				found[name]++
				zero = true
			}
		}
		if !zero {
			continue
		}
		sealed, ephemeral, err := evecc.SealWith(own, theirs.PublicKey(), []byte("{}"))
		if err != nil || len(ephemeral) != evecc.PointBytes || len(z) != 32 {
			t.Fatalf("%d: %d %d %v", i, len(ephemeral), len(z), err)
		}
		if got, err := evecc.Open(theirs, ephemeral, sealed); err != nil || string(got) != "{}" {
			t.Errorf("%d: %q %v", i, got, err)
		}
	}
	if found["X"] < 2 || found["Y"] < 2 || found["Z"] < 2 {
		t.Errorf("too few found: %v", found)
	}
}

func TestOpenRefusesWhatWasChanged(t *testing.T) {
	theirs, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sealed, ephemeral, err := evecc.Seal(theirs.PublicKey(), []byte(knownPlaintext))
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := evecc.Seal(theirs.PublicKey(), []byte(knownPlaintext))
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(what string, e, s []byte) {
		t.Helper()
		if got, err := evecc.Open(theirs, e, s); !errors.Is(err, evecc.ErrOpen) || got != nil {
			t.Errorf("%s: %q %v", what, got, err)
		}
	}
	for i := range sealed { // every byte of ciphertext and tag
		b := bytes.Clone(sealed)
		b[i] ^= 1 << (i % 8)
		refuse(fmt.Sprint("byte ", i), ephemeral, b)
	}
	for i := range ephemeral {
		b := bytes.Clone(ephemeral)
		b[i] ^= 1 << (i % 8)
		refuse(fmt.Sprint("byte of E ", i), b, sealed)
	}
	refuse("E of another request", other, sealed)
	refuse("a tag of 15 bytes", ephemeral, sealed[:len(sealed)-1])
	refuse("no tag", ephemeral, sealed[:len(sealed)-16])
	refuse("nothing", ephemeral, nil)
	refuse("a compressed E", append([]byte{2}, ephemeral[1:33]...), sealed)
	refuse("no E", nil, sealed)
	refuse("E at infinity", []byte{0}, sealed)
}

func TestNoTwoSealsAreTheSame(t *testing.T) {
	_, to := known(t)
	seen := map[string]bool{}
	for range 200 {
		sealed, ephemeral, err := evecc.Seal(to, []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		seen[string(ephemeral)], seen[string(sealed)] = true, true
	}
	if len(seen) != 400 {
		t.Errorf("%d different keys and messages in 400", len(seen))
	}
}

func TestInFIPSOnlyMode(t *testing.T) {
	if !testutil.InFIPSOnly(t) {
		return
	}
	own, to := known(t)
	if _, _, err := evecc.Seal(to, nil); !errors.Is(err, evecc.ErrFIPS) {
		t.Errorf("Seal: %v", err)
	}
	if _, err := evecc.Open(own, nil, nil); !errors.Is(err, evecc.ErrFIPS) {
		t.Errorf("Open: %v", err)
	}
	if _, _, err := evecc.SealWith(own, to, nil); err == nil {
		t.Error("SealWith encrypts")
	}
}
