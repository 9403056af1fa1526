package payload_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/payload"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/testutil"
)

func Example() {
	r, err := payload.Inspect([]byte("MBPAC-1-FK-123456.1--TDEA-00112233445566778899"), payload.Options{})
	fmt.Println(r.Kind, r.Unverified, r.Problems, err)
	// Output: visa_mbpac [MBPAC] [encrypted is no whole number of blocks of 8 bytes] <nil>
}

var now = time.Unix(1795428000, 0)

type vectorFile struct {
	Setup struct {
		Keys struct {
			Keys []struct{ Kid, K, Alg string }
		}
	}
	Cases []struct{ Want struct{ Result string } }
}

func vectors(t testing.TB, name string) (results []string, ring *keyring.Ring) {
	t.Helper()
	var f vectorFile
	if err := json.Unmarshal(testutil.Read(t, "/testdata/vectors/provision_conform_"+name+".json"), &f); err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Cases {
		if c.Want.Result != "" {
			results = append(results, c.Want.Result)
		}
	}
	var keys []keyring.Key
	for _, k := range f.Setup.Keys.Keys {
		raw, err := base64.RawURLEncoding.DecodeString(k.K)
		if err != nil || len(raw) == 0 {
			continue
		}
		id := k.Kid
		if id == "shared" {
			id = "TESTAPIKEY0000000000000000000000000000000000000001"
		}
		keys = append(keys, keyring.Key{ID: id, Use: keyring.UseEncrypt, Alg: k.Alg, Secret: secret.NewBytes(raw)})
	}
	ring, err := keyring.NewRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return results, ring
}

// TestInspectTellsFormatsApart over known answers from another language, with their keys.
func TestInspectTellsFormatsApart(t *testing.T) {
	for name, want := range map[string]struct{ kind, opened string }{
		"visa_opc": {"visa_jwe", "400000******0002"}, "visa_mbpac": {"visa_mbpac", "(6 characters, hidden)"}, "visa_mbpad": {"visa_mbpad", "411111******1111"},
		"mastercard_tav_2": {"mastercard_tav", ""}, "mastercard_tav_3": {"mastercard_tav", ""}, "mastercard_tav_4": {"mastercard_tav", ""},
	} {
		results, ring := vectors(t, name)
		for _, text := range results {
			for _, form := range []string{text, base64.StdEncoding.EncodeToString([]byte(text))} {
				r, err := payload.Inspect([]byte(form), payload.Options{Now: now, Keys: ring})
				if err != nil || r.Kind != want.kind {
					t.Errorf("%s: %+v %v", name, r, err)
					continue
				}
				if text := fmt.Sprint(r.Opened); !strings.Contains(text, want.opened) {
					t.Errorf("%s: opened %v, %s", name, r.Opened, r.NotOpened)
				}
				for _, hidden := range []string{"4000000000000002", "4111111111111111", "ABC123", "Z9Z9Z9"} {
					if strings.Contains(fmt.Sprint(r), hidden) {
						t.Errorf("%s shows %s", name, hidden)
					}
				}
			}
		}
	}
}

// TestInspectNamesWhatAReceiverRefuses: mistakes that were seen in public samples.
func TestInspectNamesWhatAReceiverRefuses(t *testing.T) {
	results, _ := vectors(t, "visa_opc")
	parts := strings.Split(results[0], ".")
	parts[2] = base64.RawURLEncoding.EncodeToString(make([]byte, 56)) // an IvParameterSpec as text
	header := func(old, new string) string {
		text, _ := base64.RawURLEncoding.DecodeString(parts[0])
		return base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(text), old, new, 1))) + results[0][len(parts[0]):]
	}
	for what, tc := range map[string]struct{ text, want string }{
		"an iv of 56 bytes":   {strings.Join(parts, "."), "iv has 56 bytes, where 12 are wanted"},
		"iat as text":         {header(`1700000000`, `"1700000000"`), "header.iat is a text"},
		"iat in milliseconds": {header(`1700000000`, `1700000000000`), "counts milliseconds"},
		"a flag as boolean":   {`{"version":"2","signatureAlgorithm":"RSA-SHA256","signature":"AAAA","expirationDateIncluded":true}`, "is a boolean"},
		"an old TAV":          {`{"version":"3","signatureAlgorithm":"RSA-SHA256","signature":"AAAA","dataValidUntilTimestamp":"2020-01-01T00:00:00Z"}`, "has passed"},
		"no iv":               {`{"cardInfo":{"encryptedData":"00","encryptedKey":"00","oaepHashingAlgorithm":"SHA256"}}`, "iv is missing"},
		"no TAV":              {`{"cardInfo":{"encryptedData":"00","encryptedKey":"00","oaepHashingAlgorithm":"SHA256","iv":"00"}}`, "no tokenizationAuthenticationValue"},
		"one certificate":     {`{"certificates":["AAAA"],"nonce":"00","nonce_signature":"40"}`, "there are 1 certificates"},
		"no point":            {`{"encryptedPassData":"AAAA","ephemeralPublicKey":"BAAA","activationData":"AAAA"}`, "no uncompressed point"},
		"a packet cut off":    {"\xc1\x0c\x03", "cut off"},
	} {
		r, err := payload.Inspect([]byte(tc.text), payload.Options{Now: now})
		if err != nil || !strings.Contains(strings.Join(r.Problems, "; "), tc.want) {
			t.Errorf("%s: %+v %v", what, r, err)
		}
	}
	for _, text := range []string{"", "hello", "\xff\xff\xff", `{"a":1}`, `{"pan":"4111111111111111"}`, "e30="} {
		if r, err := payload.Inspect([]byte(text), payload.Options{Now: now}); !errors.Is(err, payload.ErrUnknown) {
			t.Errorf("%q: %+v %v", text, r, err)
		}
	}
	if _, err := payload.Inspect([]byte(`{"primaryAccountNumber":"4111111111111111"}`), payload.Options{}); err == nil || strings.Contains(err.Error(), "4111") {
		t.Errorf("a plaintext: %v", err)
	}
}

func TestMaskHidesNumbersAndCodes(t *testing.T) {
	for name, tc := range map[string]struct{ value, want string }{
		"accountNumber":              {"4111111111111111", "411111******1111"},
		"a.b.anything":               {"4111111111111111", "411111******1111"},
		"primaryAccountNumber":       {"4111111111111112", "(16 characters that are no card number, hidden)"},
		"primaryAccountNumberPrefix": {"411111", "411111"},
		"cvv2":                       {"123", "(3 characters, hidden)"},
		"x.securityCode":             {"123", "(3 characters, hidden)"},
		"name":                       {"TEST", "TEST"},
	} {
		if got := payload.Mask(name, tc.value); got != tc.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func FuzzInspect(f *testing.F) {
	for _, name := range []string{"visa_opc", "visa_mbpac", "mastercard_tav_3", "apple_configuration_3_mastercard"} {
		results, _ := vectors(f, name)
		for _, text := range results {
			f.Add([]byte(text))
		}
	}
	f.Add([]byte("\xc1\xc0\x4c\x03\xd2\x01\x01\xff\x00\x00\x00\x01\x00"))
	f.Add([]byte("\x85\x01\x0c\x03"))
	_, ring := vectors(f, "visa_mbpac")
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := payload.Inspect(data, payload.Options{Now: now, Keys: ring})
		if (r == nil) == (err == nil) {
			t.Errorf("%+v %v", r, err)
		}
	})
}
