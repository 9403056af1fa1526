package jose_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/testkey"
)

func ExamplePrepared() {
	key := secret.NewBytes([]byte("0123456789abcdef0123456789abcdef"))
	p, err := jose.Prepare(jose.A256GCMKW, jose.A256GCM, jose.Header{jose.Text("kid", "k1"), jose.Varying("iat")})
	if err != nil {
		panic(err)
	}
	token, err := p.Seal(key, []byte("hello"), 1700000000)
	if err != nil {
		panic(err)
	}
	jwe, err := jose.ParseJWE(token)
	if err != nil {
		panic(err)
	}
	plaintext, err := jwe.Open(jose.A256GCMKW, key, jose.A256GCM)
	fmt.Println(string(plaintext), err, strings.HasPrefix(string(jwe.Header()), `{"alg":"A256GCMKW","enc":"A256GCM","kid":"k1","iat":1700000000,"iv":"`))
	// Output: hello <nil> true
}

// TestAPreparedHeaderIsTheOneThatSealWrites: for each algorithm, with the members where
// they are placed and where they are not, and texts that need escapes.
func TestAPreparedHeaderIsTheOneThatSealWrites(t *testing.T) {
	rsaKey := testkey.RSA(t, "rsa2048-a")
	shared := secret.NewBytes([]byte("0123456789abcdef0123456789abcdef"))
	for _, tc := range []struct {
		alg, enc string
		seal     any
		open     any
	}{
		{jose.A256GCMKW, jose.A256GCM, shared, shared}, {jose.A256GCMKW, jose.A128GCM, shared, shared}, {jose.A256GCMKW, jose.A128CBCHS256, shared, shared},
		{jose.RSAOAEP256, jose.A256GCM, &rsaKey.PublicKey, rsaKey}, {jose.Dir, jose.A256GCM, shared, shared},
	} {
		headers := []jose.Header{
			nil, {jose.Varying("iat")}, {jose.Text("kid", "é\x01\"\\"), jose.Here("enc"), jose.Here("alg"), jose.Varying("iat"), jose.Int("n", -3), jose.Varying("exp")},
		}
		if tc.alg == jose.A256GCMKW {
			headers = append(headers, jose.Header{jose.Here("tag"), jose.Text("typ", "JOSE"), jose.Here("iv"), jose.Varying("iat")})
		}
		for i, h := range headers {
			p, err := jose.Prepare(tc.alg, tc.enc, h)
			if err != nil {
				t.Fatal(err)
			}
			var values []int64
			plain := append(jose.Header(nil), h...)
			for k, name := range []string{"iat", "exp"} {
				for m := range h {
					if h[m] == jose.Varying(name) {
						values = append(values, int64(-5+1700000000*k))
						plain[m] = jose.Int(name, values[len(values)-1])
					}
				}
			}
			got, err := p.Seal(tc.seal, []byte("text"), values...)
			if err != nil {
				t.Fatal(err)
			}
			want, err := jose.Seal(tc.alg, tc.enc, tc.seal, plain, []byte("text"))
			if err != nil {
				t.Fatal(err)
			}
			ours, theirs := opened(t, got, tc.alg, tc.open, tc.enc), opened(t, want, tc.alg, tc.open, tc.enc)
			if ours != theirs {
				t.Errorf("%s, header %d\ngot  %s\nwant %s", tc.alg, i, ours, theirs)
			}
		}
	}
}

// opened opens a token and returns its header, iv and tag blanked.
func opened(t *testing.T, token, alg string, key any, enc string) string {
	t.Helper()
	jwe, err := jose.ParseJWE(token)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := jwe.Open(alg, key, enc); err != nil || string(got) != "text" {
		t.Fatalf("%q %v", got, err)
	}
	var h struct{ IV, Tag string }
	if err := json.Unmarshal(jwe.Header(), &h); err != nil {
		t.Fatal(err)
	}
	blank := []string{}
	for _, v := range []string{h.IV, h.Tag} {
		if v != "" {
			blank = append(blank, v, "")
		}
	}
	return strings.NewReplacer(blank...).Replace(string(jwe.Header()))
}

func TestPrepareRefusesWhatSealRefuses(t *testing.T) {
	for what, tc := range map[string]struct {
		alg, enc string
		h        jose.Header
		want     error
	}{
		"ECDH-ES":                {jose.ECDHES, jose.A256GCM, nil, jose.ErrAlgorithm},
		"no algorithm":           {"", jose.A256GCM, nil, jose.ErrAlgorithm},
		"another enc":            {jose.Dir, "A256CBC-HS512", nil, jose.ErrAlgorithm},
		"a name twice":           {jose.Dir, jose.A256GCM, jose.Header{jose.Varying("iat"), jose.Int("iat", 1)}, jose.ErrHeader},
		"a name in another case": {jose.Dir, jose.A256GCM, jose.Header{jose.Text("Kid", "x")}, jose.ErrHeader},
		"the Kelvin sign":        {jose.Dir, jose.A256GCM, jose.Header{jose.Text("\u212Aid", "x")}, jose.ErrHeader},
		"kid that varies":        {jose.Dir, jose.A256GCM, jose.Header{jose.Varying("kid")}, jose.ErrHeader},
		"crit":                   {jose.Dir, jose.A256GCM, jose.Header{jose.Varying("crit")}, jose.ErrHeader},
		"iv of dir":              {jose.Dir, jose.A256GCM, jose.Header{jose.Here("iv")}, jose.ErrHeader},
		"a long header":          {jose.Dir, jose.A256GCM, jose.Header{jose.Text("x", strings.Repeat("x", 17<<10))}, jose.ErrHeader},
		"no kind":                {jose.Dir, jose.A256GCM, jose.Header{{}}, jose.ErrHeader},
	} {
		if p, err := jose.Prepare(tc.alg, tc.enc, tc.h); !errors.Is(err, tc.want) || p != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	key := secret.NewBytes([]byte("0123456789abcdef0123456789abcdef"))
	if _, err := jose.Seal(jose.Dir, jose.A256GCM, key, jose.Header{jose.Varying("iat")}, nil); !errors.Is(err, jose.ErrHeader) {
		t.Errorf("Seal takes a member that varies: %v", err)
	}
	p, err := jose.Prepare(jose.Dir, jose.A256GCM, jose.Header{jose.Varying("iat")})
	if err != nil {
		t.Fatal(err)
	}
	for what, values := range map[string][]int64{"no value": nil, "two": {1, 2}} {
		if token, err := p.Seal(key, nil, values...); !errors.Is(err, jose.ErrHeader) || token != "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if token, err := p.Seal(secret.Bytes{}, nil, 1); !errors.Is(err, jose.ErrKey) || token != "" {
		t.Errorf("no key: %v", err)
	}
}

// TestSealedMessagesDoNotMix: the memory in which messages are made is used again, by
// many at once, for algorithms and lengths that differ.
func TestSealedMessagesDoNotMix(t *testing.T) {
	key := secret.NewBytes([]byte("0123456789abcdef0123456789abcdef"))
	p, err := jose.Prepare(jose.A256GCMKW, jose.A256GCM, jose.Header{jose.Varying("iat")})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				text := strings.Repeat(fmt.Sprintf("%d-%d;", g, i), 1+i%40)
				alg, enc := jose.A256GCMKW, []string{jose.A256GCM, jose.A128CBCHS256, jose.A128GCM}[i%3]
				token, err := jose.Seal(alg, enc, key, jose.Header{jose.Text("kid", text[:min(len(text), 200)])}, []byte(text))
				if i%2 == 0 {
					enc = jose.A256GCM
					token, err = p.Seal(key, []byte(text), int64(i))
				}
				if err != nil {
					t.Error(err)
					return
				}
				jwe, err := jose.ParseJWE(token)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := jwe.Open(alg, key, enc); err != nil || string(got) != text {
					t.Errorf("%q %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}
