package jose

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/code"
)

// valid is a message, and what a receiver does with it.
type valid struct {
	name, token string
	open        func(token string) ([]byte, error)
}

// validMessages are one of every signature algorithm, of every pair of alg and enc,
// and one nested.
func validMessages(t testing.TB) []valid {
	t.Helper()
	var list []valid
	header := Header{Text("kid", "k1"), Text("typ", "JOSE"), Text("cty", "JWE"), Int("iat", 1700000000)}
	keys := allKeys(t)
	for _, alg := range SignatureAlgorithms() {
		token, err := Sign(alg, keys[alg][0], header, []byte(`{"iss":"issuer","iat":1700000000}`))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, valid{alg, token, func(s string) ([]byte, error) {
			j, err := Parse(s)
			if err != nil {
				return nil, err
			}
			return j.Verify(alg, keys[alg][1])
		}})
	}
	for _, alg := range KeyAlgorithms() {
		for _, encName := range ContentAlgorithms() {
			seal, key := sealKeys(t, alg, encName)
			token, err := Seal(alg, encName, seal, header, []byte(`{"accountNumber":"4000000000000002"}`))
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, valid{alg + " " + encName, token, func(s string) ([]byte, error) {
				e, err := ParseJWE(s)
				if err != nil {
					return nil, err
				}
				return e.Open(alg, key, encName)
			}})
		}
	}
	inner := list[len(SignatureAlgorithms())+2] // RSA-OAEP-256 with A256GCM
	_, private := sealKeys(t, RSAOAEP256, A256GCM)
	nested := Nested{SignAlg: PS256, Alg: RSAOAEP256, Enc: []string{A256GCM},
		VerifyKey: func(string) (any, bool) { return keys[PS256][1], true }, OpenKey: func(string) (any, bool) { return private, true }}
	token, err := Sign(PS256, keys[PS256][0], header, []byte(inner.token))
	if err != nil {
		t.Fatal(err)
	}
	return append(list, valid{"PS256 over " + inner.name, token, nested.Open})
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// headerGames are other headers, for a signature that was made over another.
var headerGames = []string{
	`{"alg":"none"}`, `{"alg":"None","kid":"k1"}`, `{"alg":"HS256","kid":"k1"}`, `{"alg":"RS256"}`, `{"alg":"dir","enc":"A256GCM"}`, `{"alg":"RSA1_5","enc":"A256GCM"}`, `{"alg":"A256GCMKW","enc":"A128GCM"}`,
	`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":1,"p2s":"AAAA"}`, `{"alg":"ES256","crit":["x"],"x":1}`, `{"alg":"EdDSA","b64":false,"crit":["b64"]}`, `{}`, `[]`, ``, `{"alg":"RSA-OAEP-256","enc":"A256GCM","zip":"DEF"}`,
}

// mutate changes a token in one of the ways that senders, gateways and attackers do.
func mutate(r *rand.Rand, s string) string {
	parts := strings.Split(s, ".")
	i, at := r.IntN(len(parts)), r.IntN(len(s))
	switch r.IntN(12) {
	case 0, 1, 2: // a bit of the text
		b := []byte(s)
		b[at] ^= 1 << r.IntN(8)
		return string(b)
	case 3, 4: // a bit of what a part stands for
		if raw, _ := b64.DecodeString(parts[i]); len(raw) > 0 {
			raw[r.IntN(len(raw))] ^= 1 << r.IntN(8)
			parts[i] = b64.EncodeToString(raw)
		}
	case 5: // a cut, at either end or inside
		switch r.IntN(3) {
		case 0:
			return s[:at]
		case 1:
			return s[at:]
		}
		end := at + r.IntN(len(s)-at)
		return s[:at] + s[end:]
	case 6: // another spelling of the same part
		games := []func(string) string{
			func(p string) string { return p + strings.Repeat("=", (4-len(p)%4)%4) }, func(p string) string { return strings.NewReplacer("-", "+", "_", "/").Replace(p) }, func(p string) string { return p + "\n" },
			func(p string) string { return " " + p }, func(p string) string { return p + "A" }, func(p string) string { return strings.ReplaceAll(p, "A", "%41") }, strings.ToLower,
			func(p string) string {
				if p == "" {
					return "A"
				}
				return p[:len(p)-1] + string(alphabet[strings.IndexByte(alphabet, p[len(p)-1])^1])
			},
		}
		parts[i] = games[r.IntN(len(games))](parts[i])
	case 7: // the header, written anew
		parts[0] = enc(headerGames[r.IntN(len(headerGames))])
	case 8: // the header, changed a little
		h, _ := b64.DecodeString(parts[0])
		text := string(h)
		games := []string{strings.Replace(text, "{", "{ ", 1), strings.Replace(text, `"alg"`, `"Alg"`, 1), strings.Replace(text, "{", `{"alg":"none",`, 1), strings.Replace(text, "}", `,"x":1}`, 1), text + "\n", strings.Replace(text, "k1", "k2", 1), strings.Replace(text, `:"`, `: "`, 1)}
		parts[0] = enc(games[r.IntN(len(games))])
	case 9: // parts twice, gone, or in another order
		switch r.IntN(4) {
		case 0:
			parts = slices.Insert(parts, i, parts[i])
		case 1:
			parts = slices.Delete(parts, i, i+1)
		case 2:
			k := r.IntN(len(parts))
			parts[i], parts[k] = parts[k], parts[i]
		default:
			return s + []string{".", ",", " "}[r.IntN(3)] + s
		}
	case 10: // a part emptied, or taken from another
		parts[i] = []string{"", parts[r.IntN(len(parts))]}[r.IntN(2)]
	default: // a character put in or out
		if r.IntN(2) == 0 {
			return s[:at] + string(alphabet[r.IntN(64)]) + s[at:]
		}
		return s[:at] + s[at+1:]
	}
	return strings.Join(parts, ".")
}

// TestTenThousandMutationsOfEveryMessage: each is refused with a code, or has the very
// bytes that were signed or sealed. Messages whose check takes about a millisecond
// (P-384, P-521, RSA decryption) get a fifth of that, and all of it with ISSUANT_SOAK=1.
func TestTenThousandMutationsOfEveryMessage(t *testing.T) {
	for i, m := range validMessages(t) {
		n := 10_000
		if slow := strings.Contains(m.name, RSAOAEP256) || m.name == ES384 || m.name == ES512; slow && os.Getenv("ISSUANT_SOAK") == "" {
			n /= 5
		}
		if underRace {
			n /= 30
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			want, err := m.open(m.token)
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(uint64(i), 20261123))
			refused := map[string]int{}
			for range n {
				s := mutate(r, m.token)
				for s == m.token {
					s = mutate(r, m.token)
				}
				got, err := m.open(s)
				if err != nil {
					refused[code.Of(err).String()]++
					if code.Of(err) == code.Internal {
						t.Fatalf("%q: an error without a code: %v", s, err)
					}
					continue
				}
				if !bytes.Equal(got, want) || signedPart(s) != signedPart(m.token) || len(s) != len(m.token) {
					t.Fatalf("%q is taken for %q", s, m.token)
				}
				refused["ok, the same message"]++
			}
			t.Log(fmt.Sprint(n, " mutations: ", refused))
		})
	}
}

// signedPart is all of a token but what the algorithm itself may write in several
// ways: an ECDSA or PSS signature. Of a JWE that is everything.
func signedPart(s string) string {
	if strings.Count(s, ".") == 2 {
		return s[:strings.LastIndexByte(s, '.')]
	}
	return s
}

func FuzzJWE(f *testing.F) {
	all := validMessages(f)
	for i, m := range all {
		f.Add(byte(i), m.token)
	}
	for _, s := range []string{"....", strings.Repeat(".", MaxTokenBytes), enc(directHeader) + "....", enc(strings.Repeat("[", 8000)) + "...."} {
		f.Add(byte(13), s)
	}
	f.Fuzz(func(t *testing.T, i byte, s string) {
		m := all[int(i)%len(all)]
		got, err := m.open(s)
		switch {
		case err != nil && code.Of(err) == code.Internal:
			t.Fatalf("error without a code: %v", err)
		case err != nil && got != nil:
			t.Fatalf("both %q and %v", got, err)
		case err == nil && strings.Count(s, ".") == 4:
			// A message that opens is written in one way only.
			parts := strings.Split(s, ".")
			for _, p := range parts {
				raw, err := b64.DecodeString(p)
				if err != nil || b64.EncodeToString(raw) != p {
					t.Fatalf("%q opens", s)
				}
			}
		}
	})
}
