package applepay_test

import (
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/internal/provisiontest"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/internal/testkey"
)

type line struct {
	Format     string `json:"format"`
	D          string `json:"d"`
	PassData   string `json:"passData"`
	Ephemeral  string `json:"ephemeral"`
	Activation string `json:"activation"`
	PAN        string `json:"pan"`
	MMYY       string `json:"mmyy"`
	TAVKey     string `json:"tavKey"`
	WSD        string `json:"wsd"`
	CardKey    string `json:"cardKey"`
}

type seen struct {
	Plaintext, Nonce, Zeros, AuthCode string
	TAV, Inner                        map[string]string
}

// way is one of the ways in which a payload is built.
type way struct {
	network card.Network
	pay     *applepay.Pay
	n       applepay.Network
}

func ways(t *testing.T, w *world) (list []way) {
	add := func(network card.Network, n applepay.Network) {
		list = append(list, way{network, newPay(t, w.chain, map[card.Network]applepay.Network{network: n}), n})
	}
	for f := mastercard.UnverifiedTAV2; f <= mastercard.UnverifiedTAV4; f++ {
		add(card.Mastercard, plain(mastercardActivator(t, f, 0)))
	}
	full := plain(mastercardActivator(t, 3, 0))
	full.NetworkName, full.PrefixDigits, full.ProductType, full.Version = "Mastercard", 8, applepay.DefaultMastercard, "1"
	add(card.Mastercard, full)
	add(card.Mastercard, encrypted(mastercardActivator(t, 3, applepay.UnverifiedNestObject), "Mastercard"))
	add(card.Mastercard, encrypted(mastercardActivator(t, 4, applepay.UnverifiedNestBase64), "Mastercard"))
	add(card.Visa, plain(visaActivator(t)))
	add(card.Visa, encrypted(visaActivator(t), "Visa"))
	return list
}

// TestAReceiverOpensAThousandCards: the receiver is written in another language; it
// opens pass data of every form, verifies and opens every kind of activation data, and
// finds the same nonce in both. Among the keys are some whose X, Y or Z begins with 00.
func TestAReceiverOpensAThousandCards(t *testing.T) {
	r, w := rand.New(rand.NewPCG(7, 2)), newWorld(t)
	theirs, err := w.key.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	l := line{
		Format: "apple", D: hex.EncodeToString(theirs.Bytes()), TAVKey: provisiontest.PrivatePEM(testkey.RSA(t, "rsa2048-b")),
		WSD: "0123456789ABCDEFFEDCBA9876543210", CardKey: provisiontest.PrivatePEM(testkey.RSA(t, "rsa2048-a")),
	}
	all, zeros := ways(t, w), scalarsWithZeros(t, theirs)
	request := w.request(t)
	var lines []line
	var want []map[string]any
	var codes []string
	for i := range 1000 {
		way := all[i%len(all)]
		least := 12
		if way.network == card.Visa && way.n.Form == applepay.UnverifiedEncryptedPAN {
			least = 13
		}
		c := provisiontest.Card(t, r, least)
		if len(c.Name) > 27 || c.Name == "" && way.n.Form == applepay.UnverifiedEncryptedPAN {
			c.Name = "ÅSE LÅNG"
		}
		request.Nonce = bytesOf(r, 1+r.IntN(8))
		request.NonceSignature = bytesOf(r, 1+r.IntN(100))
		if i < len(zeros) { // the known ephemeral keys go the way of the others otherwise
			way.pay = newPay(t, w.chain, map[card.Network]applepay.Network{way.network: way.n})
			applepay.SealUnder(way.pay, zeros[i])
		}
		d, err := way.pay.UnsafeBuild(ctx, way.network, c, request, provisiontest.Now)
		if err != nil {
			t.Fatal(err)
		}
		text := base64.StdEncoding.EncodeToString
		l.PassData, l.Ephemeral, l.Activation = text(d.EncryptedPassData), text(d.EphemeralPublicKey), text(d.ActivationData)
		l.PAN, l.MMYY = c.PAN.Reveal(), fmt.Sprintf("%02d%02d", c.Expiry.Month, c.Expiry.Year%100)
		lines, want, codes = append(lines, l), append(want, expected(c, request, &way)), append(codes, d.AuthCode.Reveal())
	}
	found, keys := map[string]int{}, map[string]bool{}
	for i, got := range provisiontest.Receive[line, seen](t, lines) {
		var v map[string]any
		if err := json.Unmarshal([]byte(got.Plaintext), &v); err != nil {
			t.Fatal(err)
		}
		delete(v, "encryptedPrimaryAccountNumber")
		if fmt.Sprint(v) != fmt.Sprint(want[i]) {
			t.Fatalf("card %d: got  %v\nwant %v", i, v, want[i])
		}
		if way := all[i%len(all)]; got.AuthCode != codes[i] || (way.network == card.Mastercard) != (got.TAV["signature"] != "") {
			t.Fatalf("card %d: %q %v", i, got.AuthCode, got.TAV)
		} else if way.n.Form == applepay.UnverifiedEncryptedPAN {
			checkInner(t, got.Inner, lines[i], want[i])
		}
		for k, zero := range strings.Split(got.Zeros, ",") {
			if zero == "true" {
				found["XYZ"[k:k+1]]++
			}
		}
		keys[got.Nonce] = true
	}
	if len(keys) != len(lines) || found["X"] < 2 || found["Y"] < 2 || found["Z"] < 2 {
		t.Errorf("%d keys in %d payloads; beginning with zeros: %v", len(keys), len(lines), found)
	}
}

func bytesOf(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// scalarsWithZeros searches ephemeral keys: three each whose X, Y or Z begins with 00.
func scalarsWithZeros(t *testing.T, theirs *ecdh.PrivateKey) (list []*ecdh.PrivateKey) {
	t.Helper()
	var found [3]int
	for i := 0; found[0] < 3 || found[1] < 3 || found[2] < 3; i++ {
		scalar := sha256.Sum256(fmt.Append(nil, "ephemeral ", i))
		own, err := ecdh.P256().NewPrivateKey(scalar[:])
		if err != nil {
			continue
		}
		z, err := own.ECDH(theirs.PublicKey())
		if err != nil {
			t.Fatal(err)
		}
		e := own.PublicKey().Bytes()
		for k, first := range [3]byte{e[1], e[33], z[0]} {
			if first == 0 && found[k] < 3 {
				found[k]++
				list = append(list, own)
				break
			}
		}
	}
	return list
}

// expected is what the receiver shall read, by the tables of the two forms.
func expected(c *card.Card, r *applepay.Request, w *way) map[string]any {
	v := map[string]any{"nonce": fmt.Sprintf("%x", r.Nonce), "nonceSignature": fmt.Sprintf("%x", r.NonceSignature)}
	if w.n.Form == applepay.PlainPAN {
		v["primaryAccountNumber"] = c.PAN.Reveal()
		v["expiration"] = fmt.Sprintf("%02d/%02d", c.Expiry.Month, c.Expiry.Year%100)
	}
	if c.Name != "" {
		v["name"] = c.Name
	}
	if n := w.n.PrefixDigits; n > 0 {
		v["primaryAccountNumberPrefix"] = c.PAN.Reveal()[:n]
	}
	for name, value := range map[string]string{"networkName": w.n.NetworkName, "productType": string(w.n.ProductType), "version": w.n.Version} {
		if value != "" {
			v[name] = value
		}
	}
	return v
}

// checkInner looks at what the network reads in the encrypted card number.
func checkInner(t *testing.T, inner map[string]string, l line, v map[string]any) {
	t.Helper()
	want := map[string]string{"pan": l.PAN, "expiry": l.MMYY, "datetime": "20261123120000"}
	if v["networkName"] == "Mastercard" {
		want = map[string]string{"accountNumber": l.PAN, "expiryMonth": l.MMYY[:2], "expiryYear": l.MMYY[2:], "source": "CARD_ADDED_VIA_APPLICATION", "cardholderName": v["name"].(string)}
	}
	if fmt.Sprint(inner) != fmt.Sprint(want) {
		t.Fatalf("in the card number %v, want %v", inner, want)
	}
}
