package profile_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/internal/provisiontest"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/crypto/provision/profile"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testutil"
)

// layouts are the example layouts and their files in testdata/vectors.
var layouts = map[string]string{
	"visa-opc": "provision_conform_visa_opc.json", "visa-mbpac": "provision_conform_visa_mbpac.json", "visa-mbpad": "provision_conform_visa_mbpad.json",
	"mastercard-tav-2": "provision_conform_mastercard_tav_2.json", "mastercard-tav-3": "provision_conform_mastercard_tav_3.json",
	"mastercard-tav-4":                 "provision_conform_mastercard_tav_4.json",
	"apple-configuration-3-mastercard": "provision_conform_apple_configuration_3_mastercard.json",
}

func TestLayoutsConformToVectorsOfAnotherLanguage(t *testing.T) {
	for name := range layouts {
		p := layout(t, name)
		data, ring := vectors(t, strings.ReplaceAll(name, "-", "_"))
		report, err := profile.Conform(p, data, profile.Options{Keys: ring})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, c := range report.Cases {
			if !c.Passed {
				t.Errorf("%s: %s: %s (%s)", name, c.ID, c.Reason, c.Field)
			}
		}
		if p.Confirmed = report.Confirmation(); !p.Verified() || p.Format() != name {
			t.Errorf("%s: the confirmation does not hold: %+v", name, report)
		}
	}
}

func TestConformNamesWhatWasHandedIn(t *testing.T) {
	data, ring := vectors(t, "apple_configuration_3_mastercard")
	report, err := profile.Conform(layout(t, "apple-configuration-3-mastercard"), data, profile.Options{Keys: ring})
	if err != nil || len(report.Cases) != 1 || fmt.Sprint(report.Cases[0].NotCompared) != "[wrapped]" {
		t.Errorf("%+v %v", report, err)
	}
}

// TestConformFindsTheFieldThatDiffers: also behind encodings and ciphers.
func TestConformFindsTheFieldThatDiffers(t *testing.T) {
	for _, tc := range []struct {
		name, old, new string
		step, field    string
		offset         int
	}{
		{"visa-mbpac", `"hex:2020"`, `"hex:2021"`, "block", "hex:2021", 1},
		{"visa-mbpac", "length:clear:decimal:2", "length:clear:u8", "block", "length:clear:u8", 6},
		{"visa-mbpac", `with: "21"`, `with: "00"`, "block", "pad", 38},
		{"visa-mbpac", `"literal:MBPAC"`, `"literal:MPAC"`, "activation", "literal:MPAC", 1},
		{"visa-mbpac", `separator: "-"`, `separator: "_"`, "activation", "separator", 5},
		{"visa-mbpad", "expiry:MMYY", "expiry:YYMM", "clear", "expiry:YYMM", 28},
		{"visa-mbpac", "encoding: HEX", "encoding: hex", "sealed", "encoding", 0},
		{"mastercard-tav-3", `"expiry:MMYY", "until:rfc3339"`, `"until:rfc3339", "expiry:MMYY"`, "text", "until:rfc3339", 17},
		{"mastercard-tav-3", "literal:RSA-SHA256", "literal:RS256", "tav", "signatureAlgorithm", 37},
		{"apple-configuration-3-mastercard", "expiry:YY", "expiry:YYYY", "card", "expiryYear", 68},
		{"visa-opc", `intent: "literal:PUSH_PROV_MOBILE"`, `intent: "literal:PUSH_PROV_ONFILE"`, "plaintext", "provider.intent", 231},
		{"visa-opc", `typ: "literal:JOSE"`, `typ: "literal:JWT"`, "header", "typ", 204},
	} {
		text := string(layoutFile(t, tc.name))
		if strings.Count(text, tc.old) != 1 {
			t.Fatalf("%s has not one %s", tc.name, tc.old)
		}
		p := parse(t, strings.Replace(text, tc.old, tc.new, 1))
		data, ring := vectors(t, strings.ReplaceAll(tc.name, "-", "_"))
		if tc.new == "literal:RS256" || tc.field == "pad" || tc.old == `"hex:2020"` || strings.Contains(tc.new, "u8") {
			data = withoutSteps(t, data) // the result alone
		}
		report, err := profile.Conform(p, data, profile.Options{Keys: ring})
		if err != nil {
			t.Fatal(err)
		}
		c := report.Cases[0]
		if c.Passed || c.Step != tc.step || c.Field != tc.field || report.OK() || report.Confirmation() != (profile.Confirmation{}) {
			t.Errorf("%s, %s: %+v", tc.name, tc.new, c)
		}
		if tc.offset != c.Offset && tc.field != "typ" && tc.field != "provider.intent" && tc.field != "expiryYear" && tc.field != "signatureAlgorithm" {
			t.Errorf("%s, %s: offset %d, not %d", tc.name, tc.new, c.Offset, tc.offset)
		}
		js, _ := json.Marshal(report)
		for _, hidden := range []string{"4111111111111111", "5123456789012346", "4000000000000002", "ABC123", "TEST CARDHOLDER"} {
			if bytes.Contains(js, []byte(hidden)) {
				t.Errorf("%s: the report holds %s", tc.name, hidden)
			}
		}
	}
}

func withoutSteps(t *testing.T, data []byte) []byte {
	t.Helper()
	var f map[string]any
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	for _, c := range f["cases"].([]any) {
		if want, ok := c.(map[string]any)["want"].(map[string]any); ok {
			delete(want, "steps")
		}
	}
	out, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestVectorsThatAreRefused(t *testing.T) {
	good, ring := vectors(t, "visa_mbpac")
	p := layout(t, "visa-mbpac")
	for what, data := range map[string]string{
		"nothing":               "",
		"no JSON":               "{",
		"another kind":          strings.Replace(string(good), "provision_conform", "provision_open", 1),
		"another layout":        strings.Replace(string(good), `"visa-mbpac"`, `"visa-mbpad"`, 1),
		"an unknown member":     strings.Replace(string(good), `"comment"`, `"remark"`, 1),
		"a member twice":        strings.Replace(string(good), `"format": 1`, `"format": 1, "format": 1`, 1),
		"another case":          strings.Replace(string(good), `"result"`, `"Result"`, 1),
		"another case on top":   strings.Replace(string(good), `"kind"`, `"Kind"`, 1),
		"no cases":              `{"format":1,"kind":"provision_conform","comment":"c","notes":{},"setup":{"profile":"visa-mbpac"},"cases":[]}`,
		"an id twice":           strings.Replace(string(good), `"a-long-nonce"`, `"nine-c"`, 1),
		"an unknown expect":     strings.Replace(string(good), `"expect": "field"`, `"expect": "fields"`, 1),
		"bytes that are no hex": strings.Replace(string(good), `"nonce": "9c023092"`, `"nonce": "9c02309"`, 1),
		"refusals alone":        `{"format":1,"kind":"provision_conform","comment":"c","notes":{},"setup":{"profile":"visa-mbpac"},"cases":[{"id":"a","comment":"","flags":[],"now_ms":0,"input":{},"expect":"field"}]}`,
	} {
		if _, err := profile.Conform(p, []byte(data), profile.Options{Keys: ring}); code.Of(err) != code.VectorFile {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, tc := range map[string][2]string{
		"no random":            {`"filler"`, `"fuller"`},
		"a random too short":   {`"41623123"`, `"416231"`},
		"what can be computed": {`"random": {`, `"fixed": {"sealed": "x"}, "random": {`},
	} {
		report, err := profile.Conform(p, []byte(strings.Replace(string(good), tc[0], tc[1], 1)), profile.Options{Keys: ring})
		if err != nil || report.Cases[0].Passed || report.Cases[0].Reason == "" {
			t.Errorf("%s: %+v %v", what, report, err)
		}
	}
}

// TestOnlyConformKnowsFixedValues: the way to a payload draws its randomness itself.
func TestOnlyConformKnowsFixedValues(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, name := range files {
		if name == "conform.go" || name == "vectors.go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range f.Unresolved {
			if id.Name == "fixed" || id.Name == "vector" {
				t.Errorf("%s names %s", name, id.Name)
			}
		}
	}
}

// TestTheDescribedEnvelopeOpensAsMastercards: sealed from the description, opened by
// package mastercard.
func TestTheDescribedEnvelopeOpensAsMastercards(t *testing.T) {
	_, ring := vectors(t, "apple_configuration_3_mastercard")
	f, err := profile.New(layout(t, "apple-configuration-3-mastercard"), profile.Options{Keys: ring, Unverified: true})
	if err != nil {
		t.Fatal(err)
	}
	key := provisiontest.RSA(t, rsaPEM(t))
	pan, _ := secret.ParsePAN("5123456789012346")
	out, err := f.UnsafeBuild(profile.Inputs{
		Card: &card.Card{PAN: pan, Expiry: card.Expiry{Year: 2030, Month: 12}, Name: "JOSÉ"}, Nonce: []byte{1, 2, 3, 4}, NonceSignature: []byte{0x40, 1},
	}, provisiontest.Now)
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ EncryptedPrimaryAccountNumber json.RawMessage }
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatal(err)
	}
	opener, err := mastercard.NewOpener(mastercard.OpenOptions{Key: keyFor(key)})
	if err != nil {
		t.Fatal(err)
	}
	plaintext, err := opener.Open(v.EncryptedPrimaryAccountNumber)
	if err != nil || string(plaintext) != `{"accountNumber":"5123456789012346","expiryMonth":"12","expiryYear":"30","source":"CARD_ADDED_VIA_APPLICATION","cardholderName":"JOSÉ"}` {
		t.Errorf("%s %v", plaintext, err)
	}
}

func rsaPEM(t *testing.T) string {
	t.Helper()
	text := string(testutil.Read(t, "../testdata/mastercard-test-key.txt"))
	return text[strings.Index(text, "-----BEGIN RSA"):]
}

func FuzzConform(f *testing.F) {
	for _, name := range []string{"visa-mbpac", "visa-opc", "mastercard-tav-3"} {
		data := testutil.Read(f, "/testdata/vectors/"+layouts[name])
		f.Add(data)
	}
	p := profile.Profile{Name: "visa-mbpac", Random: map[string]profile.Random{"filler": {Bytes: 4}}, Steps: []profile.Step{
		{Name: "clear", Join: []string{"nonce", "literal:;", "auth_code", "random:filler"}}, {Name: "out", JSON: []profile.Member{{Name: "a", Value: "step:clear | hex"}}},
	}}
	f.Fuzz(func(t *testing.T, data []byte) {
		report, err := profile.Conform(p, data, profile.Options{})
		if err != nil && code.Of(err) != code.VectorFile {
			t.Errorf("%v", err)
		}
		if err == nil && len(report.Cases) == 0 {
			t.Error("nothing was compared")
		}
	})
}
