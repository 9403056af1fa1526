package approval

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

var (
	now  = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	what = Subject{"pack", "lists"}
)

func keyPair(t *testing.T) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return pub, key
}

// Example: two people, one statement each.
func Example() {
	pub, key, _ := ed25519.GenerateKey(nil)
	signed := Sign(key, Subject{"pack id", "digest of its lists"}, "ana", now)
	s, err := Verify(signed, map[string]ed25519.PublicKey{"ana": pub})
	fmt.Println(s.Approver, s.Pack, s.Expires.Format(time.DateTime), err, s.Check(now))
	// Output: ana pack id 2026-11-24 10:00:00 <nil> <nil>
}

func TestVerifyRefusesEveryChange(t *testing.T) {
	pub, key := keyPair(t)
	keys := map[string]ed25519.PublicKey{"ana": pub}
	good := Sign(key, what, "ana", now)
	if s, err := Verify(good, keys); err != nil || s.Subject != what || s.Approver != "ana" {
		t.Fatal(s, err)
	}
	for i := range good {
		for _, bit := range []byte{1, 0x20} {
			bad := append([]byte(nil), good...)
			bad[i] ^= bit
			if s, err := Verify(bad, keys); err == nil || s != nil || !errors.Is(err, ErrRefused) {
				t.Errorf("byte %d changed: %v %v", i, s, err)
			}
		}
	}
	if len(good) > MaxBytes {
		t.Error("longer than its bound:", len(good))
	}
}

// resign signs another text than Sign would.
func resign(key ed25519.PrivateKey, text string) []byte {
	b, _ := json.Marshal(map[string][]byte{"statement": []byte(text), "signature": ed25519.Sign(key, []byte(text))})
	return b
}

func TestVerifyRefusesWhatIsNoStatement(t *testing.T) {
	pub, key := keyPair(t)
	_, other := keyPair(t)
	keys := map[string]ed25519.PublicKey{"ana": pub}
	var signed struct{ Statement string }
	if err := json.Unmarshal(Sign(key, what, "ana", now), &signed); err != nil {
		t.Fatal(err)
	}
	raw, _ := base64.StdEncoding.DecodeString(signed.Statement)
	text := string(raw)
	if _, err := Verify(resign(key, text), keys); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"another key": resign(other, text), "another approver": Sign(key, what, "ben", now), "nobody": Sign(key, what, "", now),
		"blanks": resign(key, " "+text), "another kind": resign(key, strings.Replace(text, kind, "something else", 1)),
		"another format": resign(key, strings.Replace(text, `"format":1`, `"format":2`, 1)), "a member more": resign(key, strings.Replace(text, "{", `{"x":1,`, 1)),
		"no pack": Sign(key, Subject{"", "l"}, "ana", now), "no lists": Sign(key, Subject{"p", ""}, "ana", now),
		"nothing": nil, "no object": []byte("[]"), "no members": []byte("{}"), "long": []byte(`{"statement":"` + strings.Repeat("A", MaxBytes) + `","signature":""}`),
		"no signature": []byte(`{"statement":"` + signed.Statement + `","signature":""}`), "no text": []byte(`{"statement":1,"signature":2}`),
	} {
		if s, err := Verify(bad, keys); s != nil || !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v %v", name, s, err)
		}
	}
	if _, err := Verify(Sign(key, what, "ana", now), nil); !errors.Is(err, ErrRefused) {
		t.Error("without keys:", err)
	}
}

func TestCheckRefusesWhatIsNotInDate(t *testing.T) {
	s := &Statement{what, "ana", now, now.Add(Validity)}
	for at, ok := range map[time.Duration]bool{0: true, -Skew: true, -Skew - 1: false, Validity - 1: true, Validity: false} {
		if err := s.Check(now.Add(at)); (err == nil) != ok {
			t.Errorf("%v: %v", at, err)
		}
	}
	for _, expires := range []time.Duration{MaxValid + 1, 0, -1} {
		s := &Statement{what, "ana", now, now.Add(expires)}
		if err := s.Check(now.Add(-1)); err == nil {
			t.Error("good for", expires)
		}
	}
}
