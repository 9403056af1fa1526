package host

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"math/big"
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/issuant/issuant/internal/keycheck"
	"github.com/issuant/issuant/wasm/abi"
)

// provideHost makes the functions that an accelerated build imports. They are as strict
// as the module's own: the same bounds on a key (package keycheck), the same lengths, the
// same verification. A host that took more than the module does would make a signature
// valid in one place and not in the other.
func provideHost(ctx context.Context, r wazero.Runtime) error {
	b := r.NewHostModuleBuilder(abi.ImportHost)
	for name, f := range map[string]struct {
		params int
		call   func(api.Memory, []uint64) uint64
	}{
		abi.HostRSAVerify: {8, rsaVerify},
		abi.HostSHA256:    {3, sha256Sum},
		abi.HostHMAC:      {6, hmacSum},
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

// rsaVerify: alg, e, n, n_len, msg, msg_len, sig, sig_len.
func rsaVerify(m api.Memory, s []uint64) uint64 {
	hashes := [...]crypto.Hash{
		abi.RSAPKCS1SHA256: crypto.SHA256, abi.RSAPKCS1SHA384: crypto.SHA384, abi.RSAPKCS1SHA512: crypto.SHA512,
		abi.RSAPSSSHA256: crypto.SHA256, abi.RSAPSSSHA384: crypto.SHA384, abi.RSAPSSSHA512: crypto.SHA512,
	}
	alg := uint32(s[0])
	if alg == 0 || alg >= uint32(len(hashes)) {
		return abi.HostUnsupported
	}
	n, ok1 := view(m, s[2], s[3])
	msg, ok2 := view(m, s[4], s[5])
	sig, ok3 := view(m, s[6], s[7])
	if !ok1 || !ok2 || !ok3 || len(n) > keycheck.MaxRSABits/8 || uint32(s[1]) > keycheck.MaxRSAExponent {
		return abi.HostRefused
	}
	n = slices.Clone(n) // little-endian in the module
	slices.Reverse(n)
	pub := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(uint32(s[1]))}
	if keycheck.CheckRSA(pub) != keycheck.OK || len(sig) != pub.Size() {
		return abi.HostRefused
	}
	h := hashes[alg]
	sum := h.New()
	sum.Write(msg)
	digest := sum.Sum(nil)
	var err error
	if alg >= abi.RSAPSSSHA256 {
		err = rsa.VerifyPSS(pub, h, digest, sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	} else {
		err = rsa.VerifyPKCS1v15(pub, h, digest, sig)
	}
	if err != nil {
		return abi.HostRefused
	}
	return abi.HostDone
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
