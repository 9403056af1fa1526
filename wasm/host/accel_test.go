package host

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero/experimental/wazerotest"

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
	msg := []byte("header.payload")
	verify := func(alg, e uint64, n *big.Int, msg, sig []byte) uint64 {
		m, s := placed(littleEndian(n), msg, sig)
		return rsaVerify(m, append([]uint64{alg, e}, s...))
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

// TestHostStaysInsideTheMemory: addresses are the module's, and nothing that it says
// reaches beyond its own memory.
func TestHostStaysInsideTheMemory(t *testing.T) {
	m, _ := placed()
	const edge = 2*wazerotest.PageSize - 1
	for _, far := range []uint64{edge, 1<<32 - 1, 1 << 31} {
		for i := range 4 {
			s := []uint64{1, 65537, 64, 256, 64, 32, 64, 256}
			if i > 0 {
				s[2*i] = far
			} else {
				s[3] = far
			}
			if got := rsaVerify(m, s); got != abi.HostRefused {
				t.Errorf("rsa_verify %v: %d", s, got)
			}
		}
		for _, s := range [][]uint64{{far, 2, 64}, {64, far, 64}, {64, 2, far}} {
			if got := sha256Sum(m, s); got != abi.HostRefused && !(s[1] == far && far == edge) {
				t.Errorf("sha256 %v: %d", s, got)
			}
		}
		for _, s := range [][]uint64{{1, far, 2, 64, 2, 64}, {1, 64, 2, far, 2, 64}, {1, 64, 2, 64, 2, far}} {
			if got := hmacSum(m, s); got != abi.HostRefused {
				t.Errorf("hmac %v: %d", s, got)
			}
		}
	}
}
