//go:build wasip1 && issuant_accel

package accel

import (
	"crypto"
	"crypto/rsa"
	"unsafe"
)

// Linked tells whether a host is asked at all.
const Linked = true

// Answers of the host.
const (
	done        = 1
	unsupported = 2
)

//go:wasmimport issuant_host rsa_verify
func rsaVerify(alg, e uint32, n unsafe.Pointer, nLen uint32, msg unsafe.Pointer, msgLen uint32, sig unsafe.Pointer, sigLen uint32) uint32

//go:wasmimport issuant_host sha256
func sha256(msg unsafe.Pointer, msgLen uint32, out unsafe.Pointer) uint32

//go:wasmimport issuant_host hmac
func hmac(hash uint32, key unsafe.Pointer, keyLen uint32, msg unsafe.Pointer, msgLen uint32, out unsafe.Pointer) uint32

func start(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

// VerifyRSA asks the host whether sig is a signature of the message. done is false
// where the host was not asked, or does not do this one.
func VerifyRSA(pub *rsa.PublicKey, hash crypto.Hash, pss bool, msg, sig []byte) (holds, asked bool) {
	alg, words := algorithm(hash, pss), pub.N.Bits()
	if alg == 0 || len(words) == 0 || len(sig) == 0 {
		return false, false
	}
	// The words of a modulus, least first and each little-endian, are its bytes.
	n, size := unsafe.Pointer(unsafe.SliceData(words)), uint32(len(words))*uint32(unsafe.Sizeof(words[0]))
	answer := rsaVerify(alg, uint32(pub.E), n, size, start(msg), uint32(len(msg)), start(sig), uint32(len(sig)))
	return answer == done, answer != unsupported
}

// SHA256 has the host write the message's hash into out.
func SHA256(msg []byte, out *[32]byte) bool {
	return sha256(start(msg), uint32(len(msg)), unsafe.Pointer(out)) == done
}

// HMAC has the host append the message's HMAC to dst, with the SHA-2 hash of that many
// bytes.
func HMAC(dst []byte, size int, key, msg []byte) (mac []byte, ok bool) {
	n := bySize(size)
	if n == 0 {
		return dst, false
	}
	var out [64]byte
	if hmac(n, start(key), uint32(len(key)), start(msg), uint32(len(msg)), unsafe.Pointer(&out)) != done {
		return dst, false
	}
	return append(dst, out[:size]...), true
}
