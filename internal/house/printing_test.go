package house_test

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"go/ast"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/outbound"
	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/googlepay"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/crypto/provision/profile"
	"github.com/issuant/issuant/crypto/provision/samsungpay"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/internal/testkey"
	"github.com/issuant/issuant/wasm/host"
)

// secretTypes are where secrets begin: types of ours and of others that hold one.
var secretTypes = []string{
	"secret.Bytes", "secret.Text", "secret.PAN", "secret.RefKey", "secret.RefKeys", "keyring.Private", "keyring.Device",
	"rsa.PrivateKey", "ecdsa.PrivateKey", "ecdh.PrivateKey", "ed25519.PrivateKey", "crypto.Signer", "crypto.Decrypter", "crypto.PrivateKey",
	"age.Identity", "age.X25519Identity", "age.HybridIdentity", "cipher.AEAD", "cipher.Block",
}

// holders returns the exported types, as package.Type, that a secret can be reached
// from through fields, whatever lies between.
func holders(t *testing.T) []string {
	fields := map[string][]string{} // by type: the types that its parts name
	exported := map[string]string{}
	for _, name := range public(t) {
		_, files := parsed(t, name)
		for _, f := range files {
			for _, d := range f.Decls {
				gen, ok := d.(*ast.GenDecl)
				if !ok {
					continue
				}
				for _, spec := range gen.Specs {
					s, ok := spec.(*ast.TypeSpec)
					if !ok {
						continue
					}
					if _, ok := s.Type.(*ast.InterfaceType); ok {
						continue // what it holds is seen where it is made
					}
					id := f.Name.Name + "." + s.Name.Name
					fields[id] = append(fields[id], named(f.Name.Name, s.Type)...)
					if s.Name.IsExported() {
						exported[id] = name
					}
				}
			}
		}
	}
	holds := map[string]bool{}
	for _, id := range secretTypes {
		holds[id] = true
	}
	for grew := true; grew; {
		grew = false
		for id, parts := range fields {
			if !holds[id] && slices.ContainsFunc(parts, func(p string) bool { return holds[p] }) {
				holds[id], grew = true, true
			}
		}
	}
	list := []string{}
	for _, id := range slices.Sorted(maps.Keys(exported)) {
		if holds[id] {
			list = append(list, id)
		}
	}
	return list
}

// named lists the types that the parts of a type name; those of a function are not
// parts of it.
func named(pkg string, t ast.Expr) (list []string) {
	ast.Inspect(t, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncType:
			return false
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok {
				list = append(list, x.Name+"."+n.Sel.Name)
			}
			return false
		case *ast.Field:
			list = append(list, named(pkg, n.Type)...)
			return false
		case *ast.Ident:
			list = append(list, pkg+"."+n.Name)
		}
		return true
	})
	return list
}

// plant is one secret in the forms that printing might give it.
type plant []string

func plantOf(b []byte) plant {
	p := plant{string(b), fmt.Sprint(b)[1:40], base64.StdEncoding.EncodeToString(b)[:24], base64.RawURLEncoding.EncodeToString(b)[:24], strings.Trim(fmt.Sprintf("%#v", b[:8]), "[]byte{}")}
	digits := hex.EncodeToString(b)
	return append(p, digits[:24], strings.ToUpper(digits[:24]))
}

// values returns one value of each type that holds a secret, and the secrets planted
// in them. Keys of the standard library are handed over as keyring hands them out: a
// caller who puts a bare one into an exported field, prints it himself.
func values(t *testing.T) (map[string]any, []plant) {
	now := enginetest.Now()
	bytes := []byte("planted-secret-planted-secret-32")
	pair := testkey.RSA(t, "rsa2048-a")
	const pan = "4929123123123127"
	plants := []plant{plantOf(bytes), plantOf(pair.D.Bytes()), {pair.D.String()[:40], fmt.Sprint(pair.D.Bits()[:3])[1:40]}, {pan}, {"planted-text"}}

	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	private, err := keyring.NewPrivate(pair)
	must(err)
	signer, err := private.Signer()
	must(err)
	decrypter, err := private.Decrypter()
	must(err)
	device, err := keyring.NewDevice(leakyDevice{string(bytes)})
	must(err)
	key := keyring.Key{ID: "k", Use: keyring.UseVerify, Secret: secret.NewBytes(bytes)}
	ring, err := keyring.NewRing(key, keyring.Key{ID: "p", Use: keyring.UseSign, Private: private}, keyring.Key{ID: "d", Use: keyring.UseSign, Device: device})
	must(err)
	number, err := secret.ParsePAN(pan)
	must(err)
	ref, err := secret.NewRefKey("k1", bytes)
	must(err)
	refs, err := secret.NewRefKeys(ref)
	must(err)
	cards := card.Card{PAN: number, CVV2: secret.NewText("planted-text")}

	dir := t.TempDir()
	doc := `{"keys":[{"kid":"k","kty":"oct","k":"` + base64.RawURLEncoding.EncodeToString(bytes) + `"}]}`
	must(os.WriteFile(filepath.Join(dir, "keys"), []byte(doc), 0o600))
	files, err := source.NewFiles(dir, source.FilesOptions{})
	must(err)
	https, err := source.NewHTTPS("https://keys.example", source.HTTPSOptions{})
	must(err)

	identity, to, err := seal.NewKeyFile(now)
	must(err)
	ids, err := seal.ParseIdentities(identity)
	must(err)
	recipients, err := seal.ParseRecipients([]byte(to))
	must(err)
	plants = append(plants, plant{strings.TrimSpace(string(identity[strings.Index(string(identity), "AGE-SECRET"):]))[16:40]})
	dataKey, err := seal.NewDataKey(recipients, seal.DataKeyLimits{}, now)
	must(err)
	opener, err := seal.OpenDataKey(ids, dataKey.Wrapped())
	must(err)

	config := pismo.Config{RefKey: ref, SMS: &pismo.SMS{}}
	codec, err := pismo.New(config)
	must(err)
	sender, err := enginetest.NewPismoSender(now)
	must(err)
	mleOptions := outbound.MLEOptions{KeyID: "k", Key: &pair.PublicKey, OpenKey: decrypter}
	mle, err := outbound.NewMLE(outbound.MLEOptions{KeyID: "k", Key: &pair.PublicKey, OpenKey: pair})
	must(err)
	oauth, err := outbound.NewOAuth1("consumer", pair)
	must(err)
	tavOptions := mastercard.TAVOptions{Format: mastercard.UnverifiedTAV3, Key: signer}
	tav, err := mastercard.NewTAV(mastercard.TAVOptions{Format: mastercard.UnverifiedTAV3, Key: pair})
	must(err)
	sealer, err := mastercard.NewSealer(mastercard.SealOptions{Key: &pair.PublicKey, Fingerprint: strings.Repeat("ab", 32)})
	must(err)
	mcOptions := mastercard.PayloadOptions{Shape: mastercard.ShapeCardInfo, Sealer: sealer, TAV: tav}
	mc, err := mastercard.NewPayload(mcOptions)
	must(err)
	shared, err := visa.NewSharedKey("k", secret.NewText(bytes))
	must(err)

	visaPayload, err := visa.NewPayload(visa.PayloadOptions{Key: shared})
	must(err)
	mbpOptions := visa.MBPOptions{Key: &keyring.Key{ID: "k", Use: keyring.UseEncrypt, Alg: keyring.AlgTDES, Secret: secret.NewBytes(bytes[:16])}, KeySetID: "1", Layout: visa.UnverifiedVDSP()}
	plants = append(plants, plant{string(bytes[:16]), fmt.Sprint(bytes[:16])[1:40], base64.StdEncoding.EncodeToString(bytes[:15])})
	mbpac, err := visa.NewUnverifiedMBPAC(mbpOptions)
	must(err)
	mbpad, err := visa.NewUnverifiedMBPAD(mbpOptions)
	must(err)
	code := secret.NewText("planted-text")
	granterOptions := engine.GranterOptions{Refs: refs}
	granter, err := engine.NewGranter(granterOptions)
	must(err)
	stripe, ok := webhook.Preset("stripe")
	if !ok {
		t.Fatal("there is no preset stripe")
	}
	signerOptions := webhook.SignerOptions{Scheme: stripe, KeyID: "k", Secret: secret.NewBytes(bytes)}
	hooks, err := webhook.NewSigner(signerOptions)
	must(err)

	// The least module that takes a ring: it answers issuant_ring with a handle.
	wasm, err := base64.StdEncoding.DecodeString("AGFzbQEAAAABFgVgAABgAAF/YAF/AX9gAAF+YAF/AX4CAQADBQQBAgMEBQMBAAEHQwULaXNzdWFudF9hYmkAAAppc3N1YW50X2luAAEMaXNzdWFudF9pbmZvAAIMaXNzdWFudF9yaW5nAAMGbWVtb3J5AgAKIgQGAEGAgAQLBQBBgAgLCQBChICAgIAICwkAQpCAgICACAsLFwEAQcAACxAAAAAAeyJoYW5kbGUiOjh9")
	must(err)
	hostOptions := host.Options{Module: wasm, UnsafeAnyModule: true, Ring: secret.NewBytes(bytes)}
	pool, err := host.Open(t.Context(), hostOptions)
	must(err)

	return map[string]any{
		"host.Options": hostOptions, "host.Pool": pool, "host.Change": host.Change{Ring: secret.NewBytes(bytes)},
		"applepay.Activation":        &applepay.Activation{AuthCode: code},
		"applepay.ActivationInput":   &applepay.ActivationInput{Card: &cards, AuthCode: code},
		"applepay.MastercardOptions": applepay.MastercardOptions{TAV: tav, EncryptedPAN: mc}, "applepay.VisaOptions": applepay.VisaOptions{MBPAC: mbpac, MBPAD: mbpad},
		"applepay.PassData": &applepay.PassData{AuthCode: code},
		"applepay.Request":  &applepay.Request{AuthCode: code}, "applepay.Target": applepay.Target{Request: &applepay.Request{AuthCode: code}},
		"visa.MBPAC": mbpac, "visa.MBPAD": mbpad, "visa.MBPOptions": mbpOptions,
		"profile.Inputs": profile.Inputs{Card: &cards, AuthCode: secret.NewText("planted-text")},
		"engine.Granter": granter, "engine.GranterOptions": granterOptions,
		"provision.Ports": provision.Ports{Cards: provision.NewCards(map[string]card.Card{"r": cards}), Refs: refs},
		"card.Card":       cards, "enginetest.PismoSender": sender, "googlepay.Options": googlepay.Options{Visa: visaPayload, Mastercard: mc}, "samsungpay.Options": samsungpay.Options{Visa: visaPayload, Mastercard: mc},
		"keyring.Device": device, "keyring.Key": key, "keyring.Live": keyring.NewLive(ring), "keyring.Private": private, "keyring.Ring": ring,
		"mastercard.Payload": mc, "mastercard.PayloadOptions": mcOptions, "mastercard.TAV": tav, "mastercard.TAVOptions": tavOptions,
		"outbound.MLE": mle, "outbound.MLEOptions": mleOptions, "outbound.OAuth1": oauth, "pismo.Codec": codec, "pismo.Config": config,
		"seal.DataKey": dataKey, "seal.DataKeyOpener": opener, "seal.Identities": ids,
		"secret.Bytes": secret.NewBytes(bytes), "secret.PAN": number, "secret.RefKey": ref, "secret.RefKeys": refs, "secret.Text": secret.NewText("planted-text"),
		"source.Files": files, "source.HTTPS": https,
		"webhook.Signer": hooks, "webhook.SignerOptions": signerOptions,
	}, plants
}

type leakyDevice struct{ PIN string }

func (leakyDevice) MAC(crypto.Hash, []byte) ([]byte, error) { return nil, nil }

// printings are what every printing path makes of a value.
func printings(v any) map[string]string {
	out := map[string]string{}
	hidden := struct{ v any }{v} // fmt cannot call methods here
	for _, f := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for name, x := range map[string]any{"itself": v, "in a slice": []any{v}, "in a map": map[string]any{"k": v}, "in a field": struct{ V any }{v}, "in a hidden field": hidden} {
			out[f+" "+name] = fmt.Sprintf(f, x)
		}
	}
	out["error"] = fmt.Errorf("failed with %v", v).Error()
	out["panic"] = panics(v)
	if b, err := json.Marshal(v); err == nil {
		out["JSON"] = string(b)
	}
	if b, err := xml.Marshal(v); err == nil {
		out["XML"] = string(b)
	}
	var b bytes.Buffer
	if gob.NewEncoder(&b).Encode(v) == nil {
		out["gob"] = b.String()
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v, slog.Group("g", "v", v))
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v, "s", []any{v})
	out["slog"] = log.String()
	return out
}

func panics(v any) (text string) {
	defer func() { text = fmt.Sprintf("%v %+v", recover(), debug.Stack()) }()
	panic(v)
}

// TestNoTypeThatHoldsASecretPrintsIt: every exported type from which a secret can be
// reached through fields is here with one planted in it. A new one fails the test
// until it stands in values.
func TestNoTypeThatHoldsASecretPrintsIt(t *testing.T) {
	all, plants := values(t)
	found := holders(t)
	for _, id := range found {
		if _, ok := all[id]; !ok {
			t.Errorf("%s holds a secret; add one of it to values, with a secret planted in it", id)
		}
	}
	for id := range all {
		if !slices.Contains(found, id) {
			t.Errorf("%s holds no secret any more; take it out of values", id)
		}
	}
	tried := 0
	for id, v := range all {
		for how, text := range printings(v) {
			tried++
			for _, p := range plants {
				for _, form := range p {
					if strings.Contains(text, form) {
						t.Errorf("%s shows a secret by %s", id, how)
					}
				}
			}
		}
	}
	t.Logf("%d types, %d printings", len(all), tried)
	// The test itself: a bare secret is found in what is printed of it.
	if text := printings(struct{ B []byte }{[]byte("planted-secret-planted-secret-32")}); !strings.Contains(text["%v itself"], plants[0][1]) || !strings.Contains(text["JSON"], plants[0][2]) {
		t.Error("a secret in clear is not found")
	}
}
