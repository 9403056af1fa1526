package wallets_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/keyfile"
	"github.com/issuant/issuant/cmd/issuant/internal/wallets"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/appletest"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testutil"
)

func Example() {
	r, err := wallets.ParseRequest(wallets.Google, []byte(`{"network":"visa","card_ref":"card-1","wallet":{"account_id":"a","device_id":"d","app_id":"p"}}`))
	fmt.Println(r.Network, r.CardRef, r.Wallet.DeviceID, err)
	_, err = wallets.ParseRequest(wallets.Apple, []byte(`{"network":"visa","nonce":"9c023092"}`))
	fmt.Println(err)
	// Output:
	// visa card-1 d <nil>
	// wallets: not a request: encoding is neither "hex" nor "base64": eight hex digits are Base64 too, so it cannot be guessed
}

// realNow: keys of OpenPGP are made by the clock.
func realNow() time.Time { return time.Now().Truncate(time.Second) }

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// folder writes keys, a root and a private profile, and returns the folder.
func folder(t *testing.T, a *appletest.Authority) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private, err := keyring.NewPrivate(pair)
	if err != nil {
		t.Fatal(err)
	}
	set := &keyfile.Set{}
	for _, k := range []keyring.Key{
		{ID: "visa", Use: keyring.UseEncrypt, Secret: secret.NewBytes([]byte("0123456789abcdefghijklmnopqrstuvwxyzABCD"))},
		{ID: "zone", Use: keyring.UseEncrypt, Alg: keyring.AlgTDES, Secret: secret.NewBytes([]byte("0123456789abcdef"))},
		{ID: "tav", Use: keyring.UseSign, Alg: "RS256", Private: private, Public: &pair.PublicKey},
		{ID: "mdes", Use: keyring.UseEncrypt, Public: &pair.PublicKey},
		{ID: "old", Use: keyring.UseEncrypt, Secret: secret.NewBytes([]byte("0123456789abcdefghijklmnopqrstuv")), NotAfter: now.Add(-time.Hour)},
		{ID: "soon", Use: keyring.UseEncrypt, Secret: secret.NewBytes([]byte("0123456789abcdefghijklmnopqrstuv")), NotAfter: now.Add(time.Hour)},
	} {
		e, err := keyfile.NewEntry(&k)
		if err != nil {
			t.Fatal(err)
		}
		set.Keys = append(set.Keys, e)
	}
	write("keys.json", set.Bytes())
	if a != nil {
		write("root.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Root}))
	}
	for _, name := range []string{"visa-mbpac", "visa-mbpad"} {
		text := testutil.Read(t, filepath.Join(testutil.Root(t), "crypto/provision/profile/profilefile/testdata", name+".yaml"))
		write(name+".yaml", text)
	}
	return dir
}

func load(t *testing.T, dir, text string) (*wallets.Wallets, error) {
	t.Helper()
	path := filepath.Join(dir, "wallets.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return wallets.Load(path, wallets.Options{Now: now})
}

const tav = `{version: unverified-3, key: tav}`

const everything = `wallets: 1
keys: [keys.json]
profiles: [visa-mbpac.yaml, visa-mbpad.yaml]
google:
  visa: {key: visa, requestor: "40010075001", intent: device, idnv: true}
  mastercard: {shape: card-info, key: mdes, fingerprint: abcd, oaep: sha512, tav: ` + tav + `}
samsung:
  visa: {key: visa, requestor: "40010043095"}
  mastercard: {shape: unverified-funding-account, key: mdes, fingerprint: abcd, base64: true, unsafe_no_tav: true}
apple:
  roots: [root.pem]
  visa: {form: unverified-encrypted, network_name: Visa, prefix_digits: 6, activation: {profile: visa-mbpac, pan_profile: visa-mbpad, unverified: true}}
  mastercard: {form: plain, activation: {tav: ` + tav + `}}
  amex: {form: plain, activation: {unsafe_static: for-a-test}}
`

func testCard(t *testing.T, number string) *card.Card {
	t.Helper()
	pan, err := secret.ParsePAN(number)
	if err != nil {
		t.Fatal(err)
	}
	return &card.Card{PAN: pan, Expiry: card.Expiry{Year: 2030, Month: 12}, Name: "TEST CARDHOLDER"}
}

// TestEveryWalletBuilds from one file, Apple Pay under an authority of the test.
func TestEveryWalletBuilds(t *testing.T) {
	a := appletest.New(t, nil)
	key := appletest.Key(t)
	w, err := load(t, folder(t, a), everything)
	if err != nil {
		t.Fatal(err)
	}
	var certificates []string
	for _, der := range a.Certificates(t, &key.PublicKey) {
		certificates = append(certificates, base64.StdEncoding.EncodeToString(der))
	}
	list, _ := json.Marshal(certificates)
	phone := `,"card_ref":"card-1","wallet":{"account_id":"w","device_id":"d","app_id":"a"}}`
	apple := `,"card_ref":"card-1","encoding":"hex","nonce":"9C023092","nonce_signature":"40aabb","certificates":` + string(list) + `}`
	for _, tc := range []struct{ kind, request, number, formats string }{
		{wallets.Google, `{"network":"visa"` + phone, "4111111111111111", "visa-payload"},
		{wallets.Google, `{"network":"mastercard"` + phone, "5123456789012346", ""},
		{wallets.Samsung, `{"network":"visa"` + phone, "4111111111111111", "visa-payload"},
		{wallets.Samsung, `{"network":"mastercard"` + phone, "5123456789012346", "unverified"},
		{wallets.Apple, `{"network":"visa"` + apple, "4111111111111111", "unverified-visa-mbpac"},
		{wallets.Apple, `{"network":"mastercard"` + apple, "5123456789012346", "unverified"},
		{wallets.Apple, `{"network":"amex"` + apple, "378282246310005", ""},
	} {
		r, err := wallets.ParseRequest(tc.kind, []byte(tc.request))
		if err != nil {
			t.Fatal(err)
		}
		out, rec, err := w.UnsafeBuild(context.Background(), r, testCard(t, tc.number), now)
		if err != nil {
			t.Errorf("%s %s: %v", tc.kind, r.Network, err)
			continue
		}
		var v struct {
			Wallet, Network string
			Formats         []string
			Payload         map[string]any
		}
		if err := json.Unmarshal(out.JSON(), &v); err != nil || v.Wallet != tc.kind || len(v.Payload) == 0 || len(v.Formats) == 0 || !rec.Unsafe {
			t.Errorf("%s: %s %v", tc.kind, out.JSON(), err)
		}
		if !strings.Contains(strings.Join(rec.Formats, " "), tc.formats) {
			t.Errorf("%s %s: formats %v", tc.kind, r.Network, rec.Formats)
		}
		if bytes.Contains(out.JSON(), []byte(tc.number)) {
			t.Errorf("%s: the outcome holds the card number", tc.kind)
		}
		if tc.kind == wallets.Apple && r.Network == card.Visa && out.AuthCode.Reveal() == "" {
			t.Error("the authentication code that was drawn is not handed to the issuer")
		}
	}
	// What Apple opens: with the key of the leaf.
	r, _ := wallets.ParseRequest(wallets.Apple, []byte(`{"network":"visa"`+apple))
	out, _, err := w.UnsafeBuild(context.Background(), r, testCard(t, "4111111111111111"), now)
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Payload struct{ EncryptedPassData, EphemeralPublicKey, ActivationData []byte }
	}
	if err := json.Unmarshal(out.JSON(), &v); err != nil {
		t.Fatal(err)
	}
	private, err := key.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	plain, err := applepay.Open(private, v.Payload.EncryptedPassData, v.Payload.EphemeralPublicKey)
	if err != nil || !bytes.Contains(plain, []byte(`"nonce":"9c023092"`)) || !bytes.Contains(plain, []byte(`"primaryAccountNumberPrefix":"411111"`)) || !bytes.HasPrefix(v.Payload.ActivationData, []byte("MBPAC-1-FK-123456.1--TDEA-")) {
		t.Errorf("%s %s %v", plain, v.Payload.ActivationData, err)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	a := appletest.New(t, nil)
	dir := folder(t, a)
	for what, tc := range map[string]struct {
		old, new, want string
		want2          code.Code
	}{
		"no version":               {"wallets: 1", "wallets: 2", `line 1, column 1: wants "wallets: 1"`, code.WalletFile},
		"no keys":                  {"keys: [keys.json]\n", "", "wants keys", code.WalletFile},
		"no such key file":         {"[keys.json]", "[none.json]", "none.json", code.KeyFile},
		"no such key":              {"{key: visa, requestor: \"40010075001\"", "{key: vise, requestor: \"40010075001\"", "line 5, column 9: key \"vise\" is not in keys.json", code.WalletFile},
		"an old key":               {"{key: visa, requestor: \"40010075001\"", "{key: old, requestor: \"40010075001\"", "not valid at this time", code.ProvisionKey},
		"a key of another kind":    {"{key: visa, requestor: \"40010075001\"", "{key: tav, requestor: \"40010075001\"", "another use", code.ProvisionKey},
		"a requestor of ten":       {"40010075001", "4001007500", "VisaRequestorID is not 11 digits", code.Config},
		"an unknown intent":        {"intent: device", "intent: devices", "intent is not", code.WalletFile},
		"an unknown name":          {"samsung:", "sumsung:", "line 7, column 1: unknown name \"sumsung\"", code.WalletFile},
		"no shape":                 {"shape: card-info, ", "", "shape is neither", code.WalletFile},
		"a TAV that says nothing":  {"{shape: card-info, key: mdes, fingerprint: abcd, oaep: sha512, tav: {version: unverified-3", "{shape: card-info, key: mdes, fingerprint: abcd, oaep: sha512, tav: {version: 3", "none has been confirmed", code.WalletFile},
		"no TAV":                   {", unsafe_no_tav: true", "", "TAV", code.Config},
		"an unverified profile":    {"pan_profile: visa-mbpad, unverified: true", "pan_profile: visa-mbpad", "unverified", code.Unverified},
		"no such profile":          {"profile: visa-mbpac,", "profile: visa-mpac,", "is none of profiles: [visa-mbpac visa-mbpad]", code.WalletFile},
		"no root":                  {"  roots: [root.pem]\n", "", "wants roots", code.WalletFile},
		"no activation":            {"{form: plain, activation: {unsafe_static: for-a-test}}", "{form: plain}", "wants activation", code.WalletFile},
		"a form of none":           {"{form: plain, activation: {unsafe_static: for-a-test}}", "{form: 3, activation: {unsafe_static: for-a-test}}", "form is neither", code.WalletFile},
		"a format that is private": {"{unsafe_static: for-a-test}", "{tav: {}}", "the format is not public", code.WalletFile},
	} {
		if strings.Count(everything, tc.old) < 1 {
			t.Fatalf("%s: %q is not there", what, tc.old)
		}
		_, err := load(t, dir, strings.Replace(everything, tc.old, tc.new, 1))
		if err == nil || !strings.Contains(err.Error(), tc.want) || code.Of(err) != tc.want2 {
			t.Errorf("%s: %v (%v)", what, err, code.Of(err))
		}
	}
	if _, err := wallets.Load(filepath.Join(dir, "none.yaml"), wallets.Options{Now: now}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	w, err := load(t, dir, "wallets: 1\nkeys: keys.json\ngoogle: {visa: {key: soon, requestor: \"40010075001\"}}\n")
	if err != nil || w.Ends.Sub(now) > time.Hour || w.Ends.Sub(now) < time.Hour-2*time.Second {
		t.Errorf("a key that ends soon: %v", err)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	const google = `{"network":"visa","card_ref":"c","wallet":{"account_id":"a","device_id":"d","app_id":"p"}}`
	const apple = `{"network":"visa","card_ref":"c","encoding":"hex","nonce":"9c023092","nonce_signature":"40","certificates":["AAAA","AAAA"]}`
	for what, tc := range map[string]struct {
		kind, text string
		want       code.Code
	}{
		"an unknown network":     {wallets.Google, strings.Replace(google, "visa", "jcb", 1), code.Field},
		"an unknown member":      {wallets.Google, strings.Replace(google, "card_ref", "card_number", 1), code.Field},
		"another case":           {wallets.Google, strings.Replace(google, "card_ref", "Card_Ref", 1), code.Field},
		"a member twice":         {wallets.Google, strings.Replace(google, `"card_ref"`, `"network":"visa","card_ref"`, 1), code.JSON},
		"a number":               {wallets.Google, strings.Replace(google, `"card_ref":"c"`, `"card_ref":1`, 1), code.Field},
		"no wallet":              {wallets.Samsung, `{"network":"visa"}`, code.Field},
		"a requestor":            {wallets.Google, strings.Replace(google, `"app_id"`, `"requestor_id":"40010075001","app_id"`, 1), code.Field},
		"a session of Samsung":   {wallets.Samsung, strings.Replace(google, `"card_ref"`, `"server_session_id":"s","card_ref"`, 1), code.Field},
		"a nonce of Google":      {wallets.Google, strings.Replace(google, `"card_ref"`, `"nonce":"00","card_ref"`, 1), code.Field},
		"a wallet of Apple":      {wallets.Apple, strings.Replace(apple, `"card_ref"`, `"wallet":{},"card_ref"`, 1), code.Field},
		"no encoding":            {wallets.Apple, strings.Replace(apple, `"encoding":"hex",`, "", 1), code.Field},
		"a nonce that is no hex": {wallets.Apple, strings.Replace(apple, "9c023092", "zz", 1), code.Nonce},
		"a certificate of none":  {wallets.Apple, strings.Replace(apple, "AAAA", "!", 1), code.Certificate},
		"a large one":            {wallets.Google, strings.Repeat(" ", wallets.MaxRequest) + google, code.Field},
	} {
		if _, err := wallets.ParseRequest(tc.kind, []byte(tc.text)); code.Of(err) != tc.want {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestCardsAreReadFromFilesForTheirOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cards.json")
	const text = `{"card-1": {"pan":"4111111111111111","expiry":{"month":"12","year":"2030"}}}`
	for what, tc := range map[string]struct {
		text string
		mode os.FileMode
		want code.Code
	}{
		"others may read it":     {text, 0o644, code.KeyFile},
		"no object":              {`[]`, 0o600, code.CardFile},
		"none":                   {`{}`, 0o600, code.CardFile},
		"a wrong number":         {strings.Replace(text, "4111111111111111", "4111111111111112", 1), 0o600, code.CardFile},
		"a reference twice":      {strings.Replace(text, `}}}`, `}},"card-1":{}}`, 1), 0o600, code.CardFile},
		"sealed, without a key":  {"age-encryption.org/v1\n", 0o644, code.CardFile},
		"a card in another form": {strings.Replace(text, "pan", "number", 1), 0o600, code.CardFile},
	} {
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tc.mode); err != nil {
			t.Fatal(err)
		}
		_, _, err := wallets.ReadCards(path, nil)
		if code.Of(err) != tc.want || strings.Contains(fmt.Sprint(err), "411111111111111") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cards, n, err := wallets.ReadCards(path, nil)
	if err != nil || n != 1 {
		t.Fatal(err)
	}
	if c, err := cards.Card(context.Background(), "card-1"); err != nil || c.PAN.Reveal() != "4111111111111111" {
		t.Error(err)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add(wallets.Google, []byte(`{"network":"visa","card_ref":"c","wallet":{"account_id":"a"}}`))
	f.Add(wallets.Apple, []byte(`{"network":"visa","encoding":"hex","nonce":"9c023092","nonce_signature":"40","certificates":["AAAA"]}`))
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		r, err := wallets.ParseRequest(kind, data)
		if err == nil && r == nil || err != nil && code.Of(err) == code.Internal {
			t.Errorf("%+v %v", r, err)
		}
	})
}
