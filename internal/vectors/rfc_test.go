package vectors

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
	gojose "github.com/go-jose/go-jose/v4"
	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/jwa"
)

func decoded(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64Bytes(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// publicJWK loads one JWK through our own reader.
func publicJWK(t *testing.T, jwk string) any {
	t.Helper()
	keys, warnings, err := source.ParseJWKS([]byte(`{"keys":[` + strings.Replace(jwk, "{", `{"kid":"k",`, 1) + `]}`))
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	return keys[0].Public
}

const (
	joePayload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	a1Secret   = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
	a2Key      = `{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}`
	a3Key      = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	a4Key      = `{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}`
)

// TestRFC7515: appendix A.1 to A.5, and RFC 7519 section 3.1, which is A.1.
func TestRFC7515(t *testing.T) {
	for _, c := range []struct {
		name, alg string
		key       any
		token     string
		payload   string
	}{
		{"A.1", jose.HS256, secret.NewBytes(decoded(t, a1Secret)), "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + joePayload + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", ""},
		{"A.2", jose.RS256, publicJWK(t, a2Key), "eyJhbGciOiJSUzI1NiJ9." + joePayload + ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw", ""},
		{"A.3", jose.ES256, publicJWK(t, a3Key), "eyJhbGciOiJFUzI1NiJ9." + joePayload + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q", ""},
		{"A.4", jose.ES512, publicJWK(t, a4Key), "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn", "Payload"},
	} {
		jws, err := jose.Parse(c.token)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got, err := jws.Verify(c.alg, c.key)
		if want := c.payload; err != nil || want != "" && string(got) != want || want == "" && !bytes.Equal(got, decoded(t, joePayload)) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
	unsecured, err := jose.Parse("eyJhbGciOiJub25lIn0." + joePayload + ".")
	if err == nil {
		_, err = unsecured.Verify("none", nil)
	}
	if !errors.Is(err, jose.ErrAlgorithm) {
		t.Errorf("A.5, unsecured: %v", err)
	}
}

// TestRFC7516: the key management of A.1 to A.3 (RSA-OAEP with SHA-1, RSA1_5, A128KW)
// is not offered; their content encryption is.
func TestRFC7516(t *testing.T) {
	const a1 = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGeipsEdY3mx_etLbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb23nfa6c9d-StnImGyFDbSv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam_lDp5XnZAYpQdb76FdIKLaVmqgfwX7XWRxv2322i-vDxRfqNzo_tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0je81860ppamavo35UgoRdbYaBcoh9QcfylQr66oc6vFWXRcZ_ZT2LawVCWTIy3brGPi6UklfCpIMfIjf7iGdXKHzg.48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A.XFBoMYUZodetZdvTiFvSkQ"
	const a3 = "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ.AxY8DCtDaGlsbGljb3RoZQ.KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY.U0m_YmjN04DJvceFICbCVQ"
	for _, c := range []struct {
		name, token, enc, want string
		cek                    []byte
	}{
		{"A.1", a1, jwa.A256GCM, "The true sign of intelligence is not knowledge but imagination.", []byte{177, 161, 244, 128, 84, 143, 225, 115, 63, 180, 3, 255, 107, 154, 212, 246, 138, 7, 110, 91, 112, 46, 34, 105, 47, 130, 203, 46, 122, 234, 64, 252}},
		{"A.3", a3, jwa.A128CBCHS256, "Live long and prosper.", []byte{4, 211, 31, 197, 84, 157, 252, 254, 11, 100, 157, 250, 63, 170, 106, 206, 107, 124, 212, 45, 111, 107, 9, 219, 200, 177, 0, 240, 143, 156, 44, 207}},
	} {
		jwe, err := jose.ParseJWE(c.token)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if _, err := jwe.Open(jwe.Alg, nil, jose.ContentAlgorithms()...); !errors.Is(err, jose.ErrAlgorithm) {
			t.Errorf("%s: %v", c.name, err)
		}
		parts := strings.Split(c.token, ".")
		sealed := append(decoded(t, parts[3]), decoded(t, parts[4])...)
		got, ok := jwa.ContentOf(c.enc).Open(c.cek, decoded(t, parts[2]), []byte(parts[0]), sealed)
		if !ok || string(got) != c.want {
			t.Errorf("%s: content is %q", c.name, got)
		}
	}
}

// TestRFC7520 runs the figures of the cookbook that stand in Wycheproof's files,
// under the algorithm that the figure is about: two of the keys there name another.
func TestRFC7520(t *testing.T) {
	algs := map[string]string{"Figure13": jose.RS256, "Figure20": jose.PS384, "Figure27": jose.ES512, "Figure35": jose.HS256}
	seen := map[string]bool{}
	for raw := range groups(t, "json_web_signature_test.json") {
		g := decode[struct {
			Comment         string
			Private, Public json.RawMessage
			Tests           []*testCase
		}](t, raw)
		if !strings.HasPrefix(g.Comment, "rfc7520") {
			continue
		}
		var key gojose.JSONWebKey
		if g.Public == nil {
			g.Public = g.Private
		}
		if err := key.UnmarshalJSON(g.Public); err != nil {
			t.Fatal(err)
		}
		for _, c := range g.Tests {
			jws, err := jose.Parse(string(c.JWS))
			if err != nil {
				t.Fatal(err)
			}
			material := key.Key
			if k, ok := material.([]byte); ok {
				material = secret.NewBytes(k)
			}
			got, err := jws.Verify(algs[c.Comment], material)
			if err != nil || !strings.HasPrefix(string(got), "It\xe2\x80\x99s a dangerous business, Frodo") {
				t.Errorf("%s: %q, %v", c.Comment, got, err)
			}
			seen[c.Comment] = true
		}
	}
	if len(seen) != len(algs) {
		t.Errorf("seen are %v", seen)
	}
}

func groups(t *testing.T, file string) func(func(json.RawMessage) bool) {
	t.Helper()
	f, err := wycheproof.TestVectors.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var w wycheproofFile
	if err := json.NewDecoder(f).Decode(&w); err != nil {
		t.Fatal(err)
	}
	return func(yield func(json.RawMessage) bool) {
		for _, raw := range w.TestGroups {
			if !yield(raw) {
				return
			}
		}
	}
}

// TestRFC7797: section 4.1 is an ordinary token; 4.2, unencoded and detached, is an
// extension, which is refused whoever signed.
func TestRFC7797(t *testing.T) {
	key := secret.NewBytes(decoded(t, a1Secret))
	jws, err := jose.Parse("eyJhbGciOiJIUzI1NiJ9.JC4wMg.5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := jws.Verify(jose.HS256, key); err != nil || string(got) != "$.02" {
		t.Errorf("4.1: %q, %v", got, err)
	}
	for _, payload := range []string{"", "JC4wMg"} {
		if _, err := jose.Parse("eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19." + payload + ".A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY"); !errors.Is(err, jose.ErrMalformed) {
			t.Errorf("4.2 with payload %q: %v", payload, err)
		}
	}
}

// TestRFC8037: appendix A.4 (Ed25519, deterministic) and the agreement of A.6 (X25519).
func TestRFC8037(t *testing.T) {
	const token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
	key := ed25519.NewKeyFromSeed(decoded(t, "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"))
	made, err := jose.Sign(jose.EdDSA, key, nil, []byte("Example of Ed25519 signing"))
	if err != nil || made != token {
		t.Errorf("A.4: signed %s, %v", made, err)
	}
	jws, err := jose.Parse(token)
	if err != nil {
		t.Fatal(err)
	}
	pub := publicJWK(t, `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`)
	if got, err := jws.Verify(jose.EdDSA, pub); err != nil || string(got) != "Example of Ed25519 signing" {
		t.Errorf("A.5: %q, %v", got, err)
	}

	priv, err := ecdh.X25519().NewPrivateKey([]byte("\x5d\xab\x08\x7e\x62\x4a\x8a\x4b\x79\xe1\x7f\x8b\x83\x80\x0e\xe6\x6f\x3b\xb1\x29\x26\x18\xb6\xfd\x1c\x2f\x8b\x27\xff\x88\xe0\xeb"))
	if err != nil {
		t.Fatal(err)
	}
	z := []byte("\x4a\x5d\x9d\x5b\xa4\xce\x2d\xe1\x72\x8e\x3b\xf4\x80\x35\x0f\x25\xe0\x7e\x21\xc9\x47\xd1\x9e\x33\x76\xf0\x9b\x3c\x1e\x16\x17\x42")
	jwe, err := jose.ParseJWE(sealUnder(t, `{"alg":"ECDH-ES","enc":"A256GCM","epk":{"kty":"OKP","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"},"kid":"Bob"}`, z))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := jwe.Open(jose.ECDHES, priv, jose.A256GCM); err != nil || string(got) != "wycheproof" {
		t.Errorf("A.6: %q, %v", got, err)
	}
}
