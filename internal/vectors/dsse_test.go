package vectors

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/issuant/issuant/crypto/trust"
)

func decodeBase64(s string) ([]byte, error) { return base64.StdEncoding.DecodeString(s) }

// dsseKey signs and verifies for go-securesystemslib.
type dsseKey struct{ key ed25519.PrivateKey }

func (k dsseKey) public() ed25519.PublicKey { return k.key.Public().(ed25519.PublicKey) }

func (k dsseKey) Sign(_ context.Context, data []byte) ([]byte, error) {
	return ed25519.Sign(k.key, data), nil
}

func (k dsseKey) Verify(_ context.Context, data, sig []byte) error {
	if !ed25519.Verify(k.public(), data, sig) {
		return errors.New("it does not match")
	}
	return nil
}

func (k dsseKey) KeyID() (string, error)   { return trust.KeyID(k.public()), nil }
func (k dsseKey) Public() crypto.PublicKey { return k.public() }

// TestOtherPeoplesDSSEAndOursAgree: they verify our first line, and we open what they
// signed, once it stands in our one form.
func TestOtherPeoplesDSSEAndOursAgree(t *testing.T) {
	var keys []dsseKey
	public := map[string]ed25519.PublicKey{}
	for i := range 3 {
		_, key, err := ed25519.GenerateKey(nil)
		check(t, err)
		keys = append(keys, dsseKey{key})
		public[fmt.Sprint("k", i)] = keys[i].public()
	}
	now := time.Now().Truncate(time.Second)
	file, err := trust.Sign([]byte("content"), trust.Pack, trust.Statement{Name: "a", Revision: 1, NotBefore: now, Expires: now.Add(time.Hour)}, keys[0].key, keys[1].key)
	check(t, err)
	line, content, _ := bytes.Cut(file, []byte("\n"))
	var ours dsse.Envelope
	check(t, json.Unmarshal(line, &ours))
	verifier, err := dsse.NewMultiEnvelopeVerifier(2, keys[0], keys[1], keys[2])
	check(t, err)
	accepted, err := verifier.Verify(t.Context(), &ours)
	if err != nil || len(accepted) != 2 {
		t.Errorf("%v: %v", accepted, err)
	}
	changed := ours
	changed.PayloadType = strings.Replace(ours.PayloadType, "pack", "ring", 1)
	if _, err := verifier.Verify(t.Context(), &changed); err == nil {
		t.Error("they accept another type")
	}

	signer, err := dsse.NewEnvelopeSigner(keys[1], keys[2])
	check(t, err)
	payload, err := ours.DecodeB64Payload()
	check(t, err)
	theirs, err := signer.SignPayload(t.Context(), ours.PayloadType, payload)
	check(t, err)
	slices.SortFunc(theirs.Signatures, func(a, b dsse.Signature) int { return strings.Compare(a.KeyID, b.KeyID) })
	again := fmt.Appendf(nil, `{"payloadType":%q,"payload":%q,"signatures":[`, theirs.PayloadType, theirs.Payload)
	for i, s := range theirs.Signatures {
		again = fmt.Appendf(again, `%s{"keyid":%q,"sig":%q}`, map[bool]string{true: ","}[i > 0], s.KeyID, s.Sig)
	}
	again = append(append(again, "]}\n"...), content...)
	root, err := trust.NewRoot(2, public)
	check(t, err)
	a, err := root.Open(again, trust.Want{Kind: trust.Pack}, now)
	if err != nil || strings.Join(a.SignedBy(), " ") != "k1 k2" {
		t.Errorf("%v", err)
	}
}
