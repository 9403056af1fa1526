package wallets_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	pgp "github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/issuant/issuant/cmd/issuant/internal/payload"
	"github.com/issuant/issuant/cmd/issuant/internal/wallets"
	"github.com/issuant/issuant/crypto/provision/googlepay/openpgp"
)

// pgpPair makes an OpenPGP key pair, binary.
func pgpPair(t *testing.T, name string) (private, public []byte) {
	t.Helper()
	e, err := pgp.NewEntity(name, "", name+"@example.com", &packet.Config{RSABits: 2048, Algorithm: packet.PubKeyAlgoRSA})
	if err != nil {
		t.Fatal(err)
	}
	var sec, pub bytes.Buffer
	if err := e.SerializePrivate(&sec, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.Serialize(&pub); err != nil {
		t.Fatal(err)
	}
	return sec.Bytes(), pub.Bytes()
}

// TestGooglesOwnObjectIsBuiltAndInspected: beside the network's payload, when the
// request has a session; opened from Google's side it shows no card number.
func TestGooglesOwnObjectIsBuiltAndInspected(t *testing.T) {
	dir := folder(t, nil)
	ours, oursPublic := pgpPair(t, "issuer")
	googles, googlesPublic := pgpPair(t, "google")
	for name, data := range map[string][]byte{"ours.pgp": ours, "google.pgp": googlesPublic} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := realNow()
	path := filepath.Join(dir, "wallets.yaml")
	const text = "wallets: 1\nkeys: keys.json\ngoogle:\n  visa: {key: visa, requestor: \"40010075001\"}\n  object: {unverified: true, sign: ours.pgp, recipients: google.pgp, version: 2, version_as_text: true}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := wallets.Load(path, wallets.Options{Now: at})
	if err != nil {
		t.Fatal(err)
	}
	r, err := wallets.ParseRequest(wallets.Google, []byte(`{"network":"visa","card_ref":"c","wallet":{"account_id":"w","device_id":"d","app_id":"a"},"server_session_id":"s-1"}`))
	if err != nil {
		t.Fatal(err)
	}
	out, rec, err := w.UnsafeBuild(context.Background(), r, testCard(t, "4111111111111111"), at)
	if err != nil || !strings.Contains(strings.Join(rec.Formats, " "), "unverified") {
		t.Fatal(rec, err)
	}
	var v struct {
		Payload struct {
			Own string `json:"google_opaque_payment_card"`
		}
	}
	if err := json.Unmarshal(out.JSON(), &v); err != nil || v.Payload.Own == "" {
		t.Fatalf("%s %v", out.JSON(), err)
	}
	opener, err := openpgp.NewOpener(openpgp.OpenOptions{Key: googles, Signers: oursPublic})
	if err != nil {
		t.Fatal(err)
	}
	report, err := payload.Inspect([]byte(v.Payload.Own), payload.Options{Now: at, PGP: func(m []byte) ([]byte, error) { return opener.Open(m, at) }})
	if err != nil || report.Kind != "google_openpgp" || len(report.Problems) > 0 {
		t.Fatalf("%+v %v", report, err)
	}
	shown := map[string]string{}
	for _, f := range report.Opened {
		shown[f.Name] = f.Value
	}
	if shown["paymentCard.accountNumber"] != "411111******1111" || shown["protocolHeader.version"] != "2" || shown["validationContext.serverSessionId"] != "s-1" {
		t.Errorf("%v %s", shown, report.NotOpened)
	}
	if _, err := load(t, dir, strings.Replace(text, "unverified: true, ", "", 1)); err == nil || !strings.Contains(err.Error(), "nobody has confirmed this format") {
		t.Errorf("an object that was not asked for as unverified: %v", err)
	}
	w.Object = nil
	if _, _, err := w.UnsafeBuild(context.Background(), r, testCard(t, "4111111111111111"), at); err == nil {
		t.Error("a session without a configured object")
	}
}
