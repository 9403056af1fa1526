package transport_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/outbound"
	"github.com/issuant/issuant/crypto/outbound/transport"
	"github.com/issuant/issuant/internal/testkey"
)

// visa is the other side of MLE: it opens requests, and answers by the path.
func visa(t *testing.T) *httptest.Server {
	t.Helper()
	theirs, ours := testkey.RSA(t, "rsa2048-a"), testkey.RSA(t, "rsa2048-b")
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("keyId") != "visa-key" {
			t.Errorf("keyId %q, %v", r.Header.Get("keyId"), err)
		}
		if r.Header.Get("x-pay-token") != "" {
			if err := checkXPay(received{r, body}); err != nil {
				t.Error(err)
			}
		}
		text, encrypted := strings.CutPrefix(string(body), `{"encData":"`)
		if encrypted {
			jwe, err := jose.ParseJWE(strings.TrimSuffix(text, `"}`))
			if err != nil {
				t.Error(err)
			}
			if !strings.Contains(string(jwe.Header()), `"iat":1700000000000`) {
				t.Errorf("header %s", jwe.Header())
			}
			if body, err = jwe.Open("RSA-OAEP-256", theirs, "A128GCM"); err != nil {
				t.Error(err)
			}
		} else if len(body) > 0 {
			t.Errorf("a body in clear: %s", body)
		}
		answer := fmt.Sprintf(`{"echo":%q}`, body)
		token, err := jose.Seal("RSA-OAEP-256", "A256GCM", &ours.PublicKey, jose.Header{jose.Text("kid", "our-key")}, []byte(answer))
		if err != nil {
			t.Error(err)
		}
		switch r.URL.Path {
		case "/context/clear":
			fmt.Fprint(w, answer)
		case "/context/refused":
			http.Error(w, `{"message":"Token Validation Failed"}`, http.StatusUnauthorized)
		case "/context/broken":
			fmt.Fprintf(w, `{"encData":"%sAAAA"}`, token[:len(token)-4])
		case "/context/empty":
		case "/context/large":
			fmt.Fprint(w, strings.Repeat("x", outbound.MaxBody*2))
		case "/context/refused-encrypted":
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"encData":%q}`, token)
		default:
			fmt.Fprintf(w, `{"encData":%q}`, token)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestMLEBothWays(t *testing.T) {
	s := visa(t)
	m, err := outbound.NewMLE(outbound.MLEOptions{KeyID: "visa-key", Key: &testkey.RSA(t, "rsa2048-a").PublicKey, OpenKey: testkey.RSA(t, "rsa2048-b")})
	if err != nil {
		t.Fatal(err)
	}
	o := transport.Options{Hosts: []string{strings.TrimPrefix(s.URL, "https://")}, Base: s.Client().Transport, Now: func() time.Time { return now }}
	signer, err := transport.XPay(o, shared, false)
	if err != nil {
		t.Fatal(err)
	}
	o.Base = signer
	sealer, err := transport.MLE(o, m)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: sealer}
	for path, tc := range map[string]struct {
		want   error
		status int
		body   string
	}{
		"ok":                {nil, 200, `{"echo":"{\"a\":\"b\"}"}`},
		"clear":             {transport.ErrAnswer, 0, ""},
		"broken":            {outbound.ErrOpen, 0, ""},
		"large":             {transport.ErrAnswer, 0, ""},
		"empty":             {nil, 200, ""},
		"refused":           {nil, 401, "{\"message\":\"Token Validation Failed\"}\n"},
		"refused-encrypted": {nil, 400, `{"echo":"{\"a\":\"b\"}"}`},
	} {
		res, err := client.Post(s.URL+"/context/"+path+"?apikey=KEY", "application/json", strings.NewReader(`{"a":"b"}`))
		if tc.want != nil {
			if !errors.Is(err, tc.want) {
				t.Errorf("%s: %v, want %v", path, err, tc.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != tc.status || string(body) != tc.body || res.ContentLength != int64(len(body)) {
			t.Errorf("%s: %d %q (%d), %v", path, res.StatusCode, body, res.ContentLength, err)
		}
	}
	res, err := client.Get(s.URL + "/context/ok")
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(res.Body); string(body) != `{"echo":""}` {
		t.Errorf("GET: %s", body)
	}
}

func TestMLEWithoutAKeyHandsAnswersOnAsTheyAre(t *testing.T) {
	s := visa(t)
	m, err := outbound.NewMLE(outbound.MLEOptions{KeyID: "visa-key", Key: &testkey.RSA(t, "rsa2048-a").PublicKey})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := transport.MLE(transport.Options{Hosts: []string{"h"}}, nil); !errors.Is(err, transport.ErrOptions) {
		t.Errorf("no MLE: %v", err)
	}
	o := transport.Options{Hosts: []string{strings.TrimPrefix(s.URL, "https://")}, Base: s.Client().Transport, Now: func() time.Time { return now }}
	sealer, err := transport.MLE(o, m)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: sealer}).Post(s.URL+"/context/ok", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(res.Body); !strings.HasPrefix(string(body), `{"encData":"`) {
		t.Errorf("answer %s", body)
	}
}
