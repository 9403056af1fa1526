package host

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"math/big"
	"slices"
	"sync/atomic"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/issuant/issuant/internal/accel"
	"github.com/issuant/issuant/internal/base64url"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/internal/keycheck"
	"github.com/issuant/issuant/wasm/abi"
)

// provideHost makes the functions that an accelerated build imports. They are as strict
// as the module's own: the same bounds on a key (package keycheck), the same lengths, the
// same verification. A host that took more than the module does would make a signature
// valid in one place and not in the other.
func provideHost(ctx context.Context, r wazero.Runtime) error {
	b, keys := r.NewHostModuleBuilder(abi.ImportHost), new(keyCache)
	for name, f := range map[string]struct {
		params int
		call   func(api.Memory, []uint64) uint64
	}{
		abi.HostRSAVerify:  {8, keys.rsaVerify},
		abi.HostSHA256:     {3, sha256Sum},
		abi.HostSHA256Text: {3, sha256Text},
		abi.HostJWSDecode:  {3, jwsDecode},
		abi.HostJWSVerify:  {7, keys.jwsVerify},
		abi.HostHMAC:       {6, hmacSum},
	} {
		params := slices.Repeat([]api.ValueType{api.ValueTypeI32}, f.params)
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, m api.Module, stack []uint64) {
			stack[0] = f.call(m.Memory(), stack)
		}), params, []api.ValueType{api.ValueTypeI32}).Export(name)
	}
	_, err := b.Instantiate(ctx)
	return err
}

// view is a part of the module's memory, not a copy: nothing of it is kept.
func view(m api.Memory, addr, length uint64) ([]byte, bool) {
	return m.Read(uint32(addr), uint32(length))
}

// keyCache holds public keys that were read and found strong, by their exact bytes: one in
// each slot, so that it stays as small as it is. It is safe for concurrent use.
type keyCache struct{ slots [64]atomic.Pointer[knownKey] }

type knownKey struct {
	n   []byte // little-endian, as the module has it
	pub rsa.PublicKey
}

// key returns the public key of those bytes, nil for one that package keycheck refuses.
func (c *keyCache) key(n []byte, e uint32) *rsa.PublicKey {
	slot := &c.slots[0]
	if len(n) > 8 { // the lowest byte is odd, the highest ones may be the same for many
		slot = &c.slots[int(n[len(n)/2])%len(c.slots)]
	}
	if k := slot.Load(); k != nil && k.pub.E == int(e) && bytes.Equal(k.n, n) {
		return &k.pub
	}
	reversed := bytes.Clone(n)
	slices.Reverse(reversed)
	k := &knownKey{bytes.Clone(n), rsa.PublicKey{N: new(big.Int).SetBytes(reversed), E: int(e)}}
	if keycheck.CheckRSA(&k.pub) != keycheck.OK {
		return nil
	}
	slot.Store(k)
	return &k.pub
}

// rsaHashes are the hashes of the algorithms.
var rsaHashes = [...]crypto.Hash{
	abi.RSAPKCS1SHA256: crypto.SHA256, abi.RSAPKCS1SHA384: crypto.SHA384, abi.RSAPKCS1SHA512: crypto.SHA512,
	abi.RSAPSSSHA256: crypto.SHA256, abi.RSAPSSSHA384: crypto.SHA384, abi.RSAPSSSHA512: crypto.SHA512,
}

// rsaVerify: alg, e, n, n_len, msg, msg_len, sig, sig_len.
func (c *keyCache) rsaVerify(m api.Memory, s []uint64) uint64 {
	if !isAlgorithm(s[0]) {
		return abi.HostUnsupported
	}
	pub := c.keyAt(m, s[1], s[2], s[3])
	msg, ok1 := view(m, s[4], s[5])
	sig, ok2 := view(m, s[6], s[7])
	if !ok1 || !ok2 || !holds(pub, uint32(s[0]), msg, sig) {
		return abi.HostRefused
	}
	return abi.HostDone
}

func isAlgorithm(alg uint64) bool { return uint32(alg) != 0 && uint32(alg) < uint32(len(rsaHashes)) }

// keyAt is key for the bytes at an address.
func (c *keyCache) keyAt(m api.Memory, e, addr, length uint64) *rsa.PublicKey {
	n, ok := view(m, addr, length)
	if !ok || len(n) > keycheck.MaxRSABits/8 || uint32(e) > keycheck.MaxRSAExponent {
		return nil
	}
	return c.key(n, uint32(e))
}

// holds reports whether sig is a signature of the message; under no key none is.
func holds(pub *rsa.PublicKey, alg uint32, msg, sig []byte) bool {
	if pub == nil || len(sig) != pub.Size() {
		return false
	}
	h := rsaHashes[alg]
	var room [sha512.Size]byte
	sum := appendHash(room[:0], h, msg)
	if alg >= abi.RSAPSSSHA256 {
		return rsa.VerifyPSS(pub, h, sum, sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	}
	return rsa.VerifyPKCS1v15(pub, h, sum, sig) == nil
}

// jwsVerify: alg, e, n, n_len, token, token_len, out.
func (c *keyCache) jwsVerify(m api.Memory, s []uint64) uint64 {
	if !isAlgorithm(s[0]) {
		return abi.HostUnsupported
	}
	token, ok := view(m, s[4], s[5])
	// A dot more would stand in the signature, which has none.
	header := bytes.IndexByte(token, '.')
	length := bytes.IndexByte(token[header+1:], '.')
	if !ok || header < 0 || length < 0 {
		return abi.HostRefused
	}
	end := header + 1 + length
	payload, input, signature := token[header+1:end], token[:end], token[end+1:]
	pub := c.keyAt(m, s[1], s[2], s[3])
	if pub == nil || base64url.Len(len(signature)) != pub.Size() {
		return abi.HostRefused
	}
	var room [keycheck.MaxRSABits / 8]byte
	sig, ok := base64url.AppendBytes(room[:0], signature)
	if !ok || !holds(pub, uint32(s[0]), input, sig) {
		return abi.HostRefused
	}
	size := base64url.Len(len(payload))
	out, ok := view(m, s[6], uint64(4+size))
	if !ok {
		return abi.HostRefused
	}
	// What is taken is exactly as long as there is room for it.
	if _, ok = base64url.AppendBytes(out[4:4], payload); !ok {
		return abi.HostRefused
	}
	binary.LittleEndian.PutUint32(out, uint32(len(payload)))
	return abi.HostDone
}

// appendHash appends the hash of a message.
func appendHash(dst []byte, h crypto.Hash, msg []byte) []byte {
	if h == crypto.SHA256 { // by far the most frequent one: no memory for it
		sum := sha256.Sum256(msg)
		return append(dst, sum[:]...)
	}
	hash := h.New()
	hash.Write(msg)
	return hash.Sum(dst)
}

// sha256Sum: msg, msg_len, out.
func sha256Sum(m api.Memory, s []uint64) uint64 {
	msg, ok := view(m, s[0], s[1])
	if !ok {
		return abi.HostRefused
	}
	sum := sha256.Sum256(msg)
	if !m.Write(uint32(s[2]), sum[:]) {
		return abi.HostRefused
	}
	return abi.HostDone
}

// sha256Text: msg, msg_len, out.
func sha256Text(m api.Memory, s []uint64) uint64 {
	msg, ok1 := view(m, s[0], s[1])
	out, ok2 := view(m, s[2], uint64(len(accel.Texts{})))
	if !ok1 || !ok2 {
		return abi.HostRefused
	}
	texts := (*accel.Texts)(out)
	*texts.Sum() = sha256.Sum256(msg)
	digest.Text(texts.Hex(), texts.Sum())
	base64.StdEncoding.Encode(texts.Base64()[:], texts.Sum()[:])
	return abi.HostDone
}

// jwsDecode: text, text_len, out.
func jwsDecode(m api.Memory, s []uint64) uint64 {
	text, ok := view(m, s[0], s[1])
	dot := bytes.IndexByte(text, '.')
	if !ok || dot < 0 {
		return abi.HostRefused
	}
	payload, signature := text[:dot], text[dot+1:]
	n := 4 + base64url.Len(len(payload))
	out, ok := view(m, s[2], uint64(n+base64url.Len(len(signature))))
	if !ok {
		return abi.HostRefused
	}
	binary.LittleEndian.PutUint32(out, uint32(dot))
	// What is taken is exactly as long as there is room for it.
	if _, ok = base64url.AppendBytes(out[4:4:n], payload); !ok {
		return abi.HostRefused
	}
	if _, ok = base64url.AppendBytes(out[n:n], signature); !ok {
		return abi.HostRefused
	}
	return abi.HostDone
}

// hmacSum: hash, key, key_len, msg, msg_len, out.
func hmacSum(m api.Memory, s []uint64) uint64 {
	var newHash func() hash.Hash
	switch uint32(s[0]) {
	case abi.HashSHA256:
		newHash = sha256.New
	case abi.HashSHA384:
		newHash = sha512.New384
	case abi.HashSHA512:
		newHash = sha512.New
	default:
		return abi.HostUnsupported
	}
	key, ok1 := view(m, s[1], s[2])
	msg, ok2 := view(m, s[3], s[4])
	if !ok1 || !ok2 {
		return abi.HostRefused
	}
	mac := hmac.New(newHash, key)
	mac.Write(msg)
	if !m.Write(uint32(s[5]), mac.Sum(nil)) {
		return abi.HostRefused
	}
	return abi.HostDone
}
