package host

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/experimental/wazerotest"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/internal/base64url"
	"github.com/issuant/issuant/internal/testkey"
	"github.com/issuant/issuant/wasm/abi"
)

// placed puts values into a memory and answers address and length of each.
func placed(parts ...[]byte) (*wazerotest.Memory, []uint64) {
	m := wazerotest.NewMemory(wazerotest.PageSize * 2)
	var stack []uint64
	at := uint32(64)
	for _, p := range parts {
		m.Write(at, p)
		stack = append(stack, uint64(at), uint64(len(p)))
		at += uint32(len(p)) + 8
	}
	return m, stack
}

func littleEndian(n *big.Int) []byte {
	b := n.Bytes()
	slices.Reverse(b)
	return b
}

// TestHostVerifiesAsStrictlyAsTheModule: what package keycheck refuses, and a signature
// of another length, is refused here too, whatever the module has checked.
func TestHostVerifiesAsStrictlyAsTheModule(t *testing.T) {
	key, weak := testkey.RSA(t, "rsa2048-a"), testkey.RSA(t, "rsa1024")
	msg, keys := []byte("header.payload"), new(keyCache)
	verify := func(alg, e uint64, n *big.Int, msg, sig []byte) uint64 {
		m, s := placed(littleEndian(n), msg, sig)
		return keys.rsaVerify(m, append([]uint64{alg, e}, s...))
	}
	for alg, h := range map[uint64]crypto.Hash{
		abi.RSAPKCS1SHA256: crypto.SHA256, abi.RSAPKCS1SHA384: crypto.SHA384, abi.RSAPKCS1SHA512: crypto.SHA512,
		abi.RSAPSSSHA256: crypto.SHA256, abi.RSAPSSSHA384: crypto.SHA384, abi.RSAPSSSHA512: crypto.SHA512,
	} {
		sum := h.New()
		sum.Write(msg)
		sign := func(k *rsa.PrivateKey, salt int) []byte {
			sig, err := rsa.SignPKCS1v15(nil, k, h, sum.Sum(nil))
			if alg >= abi.RSAPSSSHA256 {
				sig, err = rsa.SignPSS(rand.Reader, k, h, sum.Sum(nil), &rsa.PSSOptions{SaltLength: salt})
			}
			if err != nil {
				t.Fatal(err)
			}
			return sig
		}
		e, sig := uint64(key.E), sign(key, rsa.PSSSaltLengthEqualsHash)
		other := alg%6 + 1
		for name, c := range map[string]struct{ got, want uint64 }{
			"right":             {verify(alg, e, key.N, msg, sig), abi.HostDone},
			"another message":   {verify(alg, e, key.N, []byte("header.payloae"), sig), abi.HostRefused},
			"no message":        {verify(alg, e, key.N, nil, sig), abi.HostRefused},
			"another algorithm": {verify(other, e, key.N, msg, sig), abi.HostRefused},
			"a flipped bit":     {verify(alg, e, key.N, msg, append([]byte{sig[0] ^ 1}, sig[1:]...)), abi.HostRefused},
			"cut":               {verify(alg, e, key.N, msg, sig[1:]), abi.HostRefused},
			"padded":            {verify(alg, e, key.N, msg, append([]byte{0}, sig...)), abi.HostRefused},
			"no signature":      {verify(alg, e, key.N, msg, nil), abi.HostRefused},
			"exponent 3":        {verify(alg, 3, key.N, msg, sig), abi.HostRefused},
			"an even exponent":  {verify(alg, e+1, key.N, msg, sig), abi.HostRefused},
			"exponent 2^32-1":   {verify(alg, 1<<32-1, key.N, msg, sig), abi.HostRefused},
			"no modulus":        {verify(alg, e, new(big.Int), msg, sig), abi.HostRefused},
			"an even modulus":   {verify(alg, e, new(big.Int).Sub(key.N, big.NewInt(1)), msg, sig), abi.HostRefused},
			"a huge modulus":    {verify(alg, e, new(big.Int).Lsh(key.N, 8192), msg, sig), abi.HostRefused},
		} {
			if c.got != c.want {
				t.Errorf("algorithm %d, %s: %d", alg, name, c.got)
			}
		}
		if alg == abi.RSAPKCS1SHA256 {
			t.Setenv("GODEBUG", "rsa1024min=0")
			if got := verify(alg, uint64(weak.E), weak.N, msg, sign(weak, 0)); got != abi.HostRefused {
				t.Errorf("1024 bits: %d", got)
			}
		}
		if alg >= abi.RSAPSSSHA256 {
			if got := verify(alg, e, key.N, msg, sign(key, 8)); got != abi.HostRefused {
				t.Errorf("algorithm %d, a short salt: %d", alg, got)
			}
		}
	}
	for _, alg := range []uint64{0, 7, 1 << 20} {
		if got := verify(alg, uint64(key.E), key.N, msg, nil); got != abi.HostUnsupported {
			t.Errorf("algorithm %d: %d", alg, got)
		}
	}
}

// TestHostHashes compares with the standard library, and writes nowhere else.
func TestHostHashes(t *testing.T) {
	secret, msg := []byte("secret of the ring"), bytes.Repeat([]byte("body "), 500)
	m, s := placed(secret, msg)
	const out = 100_000
	if sha256Sum(m, append(slices.Clone(s[2:]), out)) != abi.HostDone {
		t.Fatal("sha256: refused")
	}
	want := sha256.Sum256(msg)
	if got, _ := m.Read(out, 33); !bytes.Equal(got, append(want[:], 0)) {
		t.Errorf("sha256: %x", got)
	}
	if sha256Text(m, append(slices.Clone(s[2:]), out+1000)) != abi.HostDone {
		t.Fatal("sha256_text: refused")
	}
	texts := fmt.Sprintf("%s%x%s\x00", want, want, base64.StdEncoding.EncodeToString(want[:]))
	if got, _ := m.Read(out+1000, 141); string(got) != texts {
		t.Errorf("sha256_text: %q", got)
	}
	for id, newHash := range map[uint64]crypto.Hash{abi.HashSHA256: crypto.SHA256, abi.HashSHA384: crypto.SHA384, abi.HashSHA512: crypto.SHA512} {
		if hmacSum(m, slices.Concat([]uint64{id}, s, []uint64{out})) != abi.HostDone {
			t.Fatalf("hmac %d: refused", id)
		}
		mac := hmac.New(newHash.New, secret)
		mac.Write(msg)
		if got, _ := m.Read(out, uint32(newHash.Size())); !hmac.Equal(got, mac.Sum(nil)) {
			t.Errorf("hmac %d: %x", id, got)
		}
	}
	if got := hmacSum(m, slices.Concat([]uint64{9}, s, []uint64{out})); got != abi.HostUnsupported {
		t.Errorf("an unknown hash: %d", got)
	}
}

// TestHostDecodesAsStrictlyAsTheModule: what package jose takes for no token the host
// does not decode, and what it decodes is what the standard library does.
func TestHostDecodesAsStrictlyAsTheModule(t *testing.T) {
	const out = 100_000
	decode := func(text string) (uint64, []byte) {
		m, s := placed([]byte(text))
		answer := jwsDecode(m, append(s, out))
		got, _ := m.Read(out, 80)
		return answer, got
	}
	for _, parts := range [][2]string{{"payload", "signature"}, {"", "s"}, {"p", ""}, {"", ""}, {"\xff\xfe", "\x00"}} {
		b64 := base64.RawURLEncoding.EncodeToString
		first := b64([]byte(parts[0]))
		answer, got := decode(first + "." + b64([]byte(parts[1])))
		want := string(binary.LittleEndian.AppendUint32(nil, uint32(len(first)))) + parts[0] + parts[1] + "\x00"
		if answer != abi.HostDone || !strings.HasPrefix(string(got), want) {
			t.Errorf("%q: %d %q", parts, answer, got)
		}
	}
	for _, text := range []string{
		"", "e30", "e30.AA.", "e30.AA.AA", ".e30.AA", "e30.A", "e.AA", "e30=.AA", "e30.AA==", "e31.AB", "e30.A\nA", "e30\r.AA", "e30.AA\n",
		"e30. AA", "e3+.AA", "e30.A/", "e30.\xc3\xa9", "e30.AA\x00",
	} {
		if answer, _ := decode(text); answer != abi.HostRefused {
			t.Errorf("%q: %d", text, answer)
		}
		if _, err := jose.Parse("eyJhbGciOiJSUzI1NiJ9." + text); err == nil {
			t.Errorf("%q is a token for package jose", text)
		}
	}
}

// rs256 is a token of that input.
func rs256(t *testing.T, key *rsa.PrivateKey, input string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(input))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// TestHostVerifiesTokensAsStrictlyAsTheModule holds jws_verify to package jose: what that
// refuses the host does, and of what both take the payload is the same.
func TestHostVerifiesTokensAsStrictlyAsTheModule(t *testing.T) {
	const out = 100_000
	key, b64 := testkey.RSA(t, "rsa2048-a"), base64.RawURLEncoding.EncodeToString
	verify := func(alg uint64, n *big.Int, token string) (answer uint64, payload []byte) {
		m, s := placed(littleEndian(n), []byte(token))
		answer = new(keyCache).jwsVerify(m, slices.Concat([]uint64{alg, uint64(key.E)}, s, []uint64{out}))
		text, _ := m.ReadUint32Le(out)
		payload, _ = m.Read(out+4, uint32(base64url.Len(int(min(text, 1<<16)))))
		return answer, payload
	}
	sign := func(input string) string { return rs256(t, key, input) }
	header := b64([]byte(`{"alg":"RS256","kid":"k"}`)) + "."
	good := sign(header + b64([]byte(`{"a":1}`)))
	taken := 0
	for _, token := range []string{
		good, sign(header), sign(header + "AA"), sign(header + b64(bytes.Repeat([]byte("x"), 9000))),
		"", ".", "..", header, header + ".", good[:len(good)-1], good + "A", good + "=", good + "\n", good + ".", "." + good, good[1:],
		strings.Replace(good, ".", "..", 1), sign(header + "AB"), sign(header + "A"), sign(header + "AA=="), sign(header + "A\nA"),
		sign(header + "AA.AA"), sign(header + "A+"), sign(header + "\xff"), sign(strings.TrimSuffix(header, ".")), sign(b64([]byte(`{"a":1}`))),
		header + "e30." + strings.Repeat("A", 342), header + "e30.", header + "e31" + good[strings.LastIndexByte(good, '.'):],
	} {
		var want []byte
		jws, err := jose.Parse(token)
		if err == nil {
			want, err = jws.VerifyRS256(&key.PublicKey)
		}
		answer, payload := verify(abi.RSAPKCS1SHA256, key.N, token)
		if (answer == abi.HostDone) != (err == nil) || err == nil && !bytes.Equal(payload, want) {
			t.Errorf("%.80q: %d %.80q, and in package jose %.80q, %v", token, answer, payload, want, err)
		}
		if err == nil {
			taken++
		}
	}
	if taken != 4 {
		t.Errorf("%d tokens are good", taken)
	}
	for i := range 8 * len(good) {
		b := []byte(good)
		b[i/8] ^= 1 << (i % 8)
		if answer, _ := verify(abi.RSAPKCS1SHA256, key.N, string(b)); answer != abi.HostRefused {
			t.Fatalf("bit %d: %d", i, answer)
		}
	}
	if answer, _ := verify(abi.RSAPSSSHA256, key.N, good); answer != abi.HostRefused {
		t.Errorf("as PS256: %d", answer)
	}
	if answer, _ := verify(abi.RSAPKCS1SHA256, new(big.Int).Sub(key.N, big.NewInt(1)), good); answer != abi.HostRefused {
		t.Errorf("under a key that is refused: %d", answer)
	}
	for _, alg := range []uint64{0, 7, 1 << 20} {
		if answer, _ := verify(alg, key.N, good); answer != abi.HostUnsupported {
			t.Errorf("algorithm %d: %d", alg, answer)
		}
	}
}

// TestHostKnowsKeysByAllTheirBytes: keys that lie in one slot, and differ in one bit.
func TestHostKnowsKeysByAllTheirBytes(t *testing.T) {
	c, n := new(keyCache), littleEndian(testkey.RSA(t, "rsa2048-a").N)
	for i := range 8 * len(n) {
		other := bytes.Clone(n)
		other[i/8] ^= 1 << (i % 8)
		for _, b := range [][]byte{n, other, n, append(bytes.Clone(other), 0)} {
			for _, e := range []uint32{65537, 65539, 3} {
				key, big := c.key(b, e), new(big.Int).SetBytes(reversed(b))
				strong := e != 3 && b[0]&1 == 1 && big.BitLen() == 2048
				if (key != nil) != strong || strong && (key.N.Cmp(big) != 0 || key.E != int(e)) {
					t.Fatalf("bit %d, exponent %d: another key", i, e)
				}
			}
		}
	}
}

func reversed(b []byte) []byte {
	b = bytes.Clone(b)
	slices.Reverse(b)
	return b
}

// TestHostStaysInsideTheMemory: addresses are the module's, and nothing that it says
// reaches beyond its own memory.
func TestHostStaysInsideTheMemory(t *testing.T) {
	m, _ := placed()
	key := testkey.RSA(t, "rsa2048-a")
	tokens, good := placed(littleEndian(key.N), []byte(rs256(t, key, "e30.e30")))
	good = slices.Concat([]uint64{abi.RSAPKCS1SHA256, uint64(key.E)}, good, []uint64{2*wazerotest.PageSize - 6})
	if got := new(keyCache).jwsVerify(tokens, good); got != abi.HostDone {
		t.Errorf("jws_verify up to the end: %d", got)
	}
	const edge = 2*wazerotest.PageSize - 1
	for _, far := range []uint64{edge, 1<<32 - 1, 1 << 31} {
		for i := range 4 {
			s := []uint64{1, 65537, 64, 256, 64, 32, 64, 256}
			if i > 0 {
				s[2*i] = far
			} else {
				s[3] = far
			}
			if got := new(keyCache).rsaVerify(m, s); got != abi.HostRefused {
				t.Errorf("rsa_verify %v: %d", s, got)
			}
		}
		for _, s := range [][]uint64{{far, 2, 64}, {64, far, 64}, {64, 2, far}} {
			if got := sha256Sum(m, s); got != abi.HostRefused && !(s[1] == far && far == edge) {
				t.Errorf("sha256 %v: %d", s, got)
			}
		}
		for _, s := range [][]uint64{{far, 2, 64}, {64, far, 64}, {64, 2, far}} {
			if got := sha256Text(m, s); got != abi.HostRefused && !(s[1] == far && far == edge) {
				t.Errorf("sha256_text %v: %d", s, got)
			}
			m.Write(64, []byte("AA.AA"))
			s[1] += 3
			if got := jwsDecode(m, s); got != abi.HostRefused {
				t.Errorf("jws_decode %v: %d", s, got)
			}
		}
		for i := range 5 {
			at := slices.Clone(good)
			at[2+i] = far
			if got := new(keyCache).jwsVerify(tokens, at); got != abi.HostRefused {
				t.Errorf("jws_verify %v: %d", at, got)
			}
		}
		for _, s := range [][]uint64{{1, far, 2, 64, 2, 64}, {1, 64, 2, far, 2, 64}, {1, 64, 2, 64, 2, far}} {
			if got := hmacSum(m, s); got != abi.HostRefused {
				t.Errorf("hmac %v: %d", s, got)
			}
		}
	}
}
